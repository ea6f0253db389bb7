"""What ``promote``, ``rollback`` and ``reconcile`` have in common: moves of releases, as a person reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mlops_gitops.actions import outputs
from mlops_gitops.reporting.inert import inert

Entry = Mapping[str, Any]


def entries(listed: Any) -> list[Entry]:
    """The objects of a list; nothing of what is no list."""
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def table(moves: Iterable[Entry], *, done: str) -> str:
    """A line for each move; ``done`` is the word for one that happened."""
    lines = ["| environment | model | version | release | outcome |", "|---|---|---|---|---|"]
    for entry in moves:
        outcome = done if entry.get("promotion") else entry.get("outcome")
        cells = (entry.get("environment"), entry.get("model"), entry.get("version"), entry.get("release"), outcome)
        short = [str(cell or "—")[:64] for cell in cells]
        short[3] = short[3][:12]
        lines.append("| " + " | ".join(map(outputs.code, short)) + " |")
    return "\n".join(lines) if len(lines) > 2 else ""  # noqa: PLR2004 - the two lines of the head


def reasons(entry: Entry) -> list[str]:
    """Why one move did not happen: every gate that did not pass, or the failure that left it undecided."""
    model, environment = inert(str(entry.get("model"))), inert(str(entry.get("environment")))
    judged, error = entries(entry.get("reasons")), entry.get("error")
    found = [f"{one.get('gate')}: {one.get('reason')}" for one in judged if one.get("answer") != "pass"]
    if isinstance(error, dict):
        found.append(f"{error.get('message')}; what to do: {error.get('hint')}")
    return [f"{model} to {environment}: {inert(one)}" for one in found]


def single(moves: Iterable[Entry], name: str) -> str:
    """A field of the one move; empty where there are more, or none."""
    listed = list(moves)
    return str(listed[0].get(name) or "") if len(listed) == 1 else ""
