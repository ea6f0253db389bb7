"""What ``promote``, ``rollback`` and ``reconcile`` have in common: moves of releases, as a person reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from mlops_gitops.actions import outputs
from mlops_gitops.actions.declaration import Call, Document
from mlops_gitops.reporting.inert import inert

Entry = Mapping[str, Any]


def entries(listed: Any) -> list[Entry]:
    """The objects of a list; nothing of what is no list."""
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


class Told(NamedTuple):
    """How the answer of a verb that moves releases is told.

    ``field`` is where the moves stand in it, ``into`` the input that names the environment, and ``done`` the word for a
    move that happened.
    """

    field: str
    into: str
    done: str

    def values(self, document: Document, call: Call) -> dict[str, str]:
        """The outputs that name the one move, where there is one."""
        listed = entries(document.get(self.field))
        named = {name: single(listed, name) for name in ("environment", "release", "promotion")}
        done = [one for one in listed if one.get("promotion")]
        waiting = [one for one in listed if reasons(one)]
        counts = {"changes": str(len(done)), "waiting": str(len(waiting))} if document else {}
        return {**counts, **named, "environment": named["environment"] or call.inputs.texts[self.into]}

    def reasons(self, document: Document) -> list[str]:
        """Why moves did not happen."""
        return [reason for entry in entries(document.get(self.field)) for reason in reasons(entry)]

    def summary(self, document: Document, _result: str) -> str:
        """A line for each move; empty where there is none."""
        rows = [self._row(entry) for entry in entries(document.get(self.field))]
        return outputs.table(("environment", "model", "version", "release", "outcome"), rows) if rows else ""

    def _row(self, entry: Entry) -> list[str]:
        outcome = self.done if entry.get("promotion") else entry.get("outcome")
        cells = (entry.get("environment"), entry.get("model"), entry.get("version"), entry.get("release"), outcome)
        short = [str(cell or "—")[:64] for cell in cells]
        short[3] = short[3][:12]
        return short


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
