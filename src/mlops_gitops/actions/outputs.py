"""The two files that a runner reads after a step: outputs for later steps, and the summary for people."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from mlops_gitops.reporting.inert import inert
from mlops_gitops.reporting.markdown import inert as encoded

SUMMARY_BYTES = 1024 * 1024
"""What GitHub shows of one step's summary; a longer one is dropped whole, so it is cut here."""

_CUT = "\n\n… the rest was cut here: GitHub shows one mebibyte of a step's summary. All of it is in `report-path`.\n"


OUTPUT_BYTES = 1024 * 1024
"""What GitHub takes as one output; with a larger one it fails the step."""


def fitting(values: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """The outputs that GitHub takes, and the names of those that are too large: empty, which nobody reads as a list."""
    large = [name for name, value in values.items() if len(value.encode("utf-8", "replace")) > OUTPUT_BYTES]
    return {**values, **dict.fromkeys(large, "")}, large


def rendered(values: Mapping[str, str]) -> str:
    """``values`` in the form of ``GITHUB_OUTPUT``, each between delimiters that it cannot know."""
    parts = []
    for name, value in values.items():
        if not re.fullmatch(r"[a-z][a-z-]*", name):
            raise ValueError(f"{name!r} is no output name")
        delimiter = f"mg-{os.urandom(16).hex()}"
        parts.append(f"{name}<<{delimiter}\n{value}\n{delimiter}\n")
    return "".join(parts)


def write(values: Mapping[str, str], path: Path | None) -> None:
    """Append ``values`` for later steps.  Outside a runner there is no such file, and nothing is written."""
    if path is not None:
        with path.open("a", encoding="utf-8", errors="replace", newline="\n") as handle:
            handle.write(rendered(values))


def cut(text: str, room: int) -> str:
    """``text`` in at most ``room`` bytes of UTF-8, at the end of a line, saying that it was cut."""
    whole = text.encode(errors="replace")
    if len(whole) <= room:
        return whole.decode()
    kept = whole[: max(0, room - len(_CUT.encode()))]
    kept = kept[: kept.rfind(b"\n") + 1] or kept
    return (kept.decode(errors="ignore") + _CUT) if room > len(_CUT.encode()) else ""


def summarise(text: str, path: Path | None) -> None:
    """Append ``text`` (Markdown) to the step's summary, as far as GitHub shows it."""
    if path is not None:
        used = path.stat().st_size if path.exists() else 0
        with path.open("a", encoding="utf-8", newline="\n") as handle:
            handle.write(cut(text.rstrip("\n") + "\n", SUMMARY_BYTES - used))


def code(text: str) -> str:
    """Untrusted ``text`` as one piece of code in Markdown: nothing in it is a mention, a link, a tag or a new line."""
    return encoded(inert(text))


def pull_request(address: str) -> str:
    """The address of a pull request as a link; anything else as a piece of code."""
    known = re.fullmatch(r"https?://[A-Za-z0-9.:-]+/[A-Za-z0-9._-]+/[A-Za-z0-9._-]+/pull/([0-9]{1,9})", address)
    return f"[#{known[1]}]({address})" if known else code(address)


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown; the cells are untrusted, and each is shown as a piece of code."""
    names = list(heads)
    lines = [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    lines += [f"| {' | '.join(map(code, cells))} |" for cells in rows]
    return "\n".join(lines)
