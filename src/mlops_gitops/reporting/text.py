"""For a person at a terminal: the place, what is wrong, the line with a mark under it, and how to fix it."""

from __future__ import annotations

from collections.abc import Callable

from mlops_gitops.findings import Finding
from mlops_gitops.reporting.result import Result

Line = Callable[[str, int], str | None]
"""The text of a line of a file, or ``None``."""

_WIDEST = 120
_CONFIDENTIAL = frozenset({"MG411", "MG702", "MG855"})
"""Rules about secrets: the line itself must not reach a log that more people read than the file."""


def render(result: Result, *, line: Line) -> str:
    """The whole report."""
    blocks = [_block(one, line) for one in result.findings]
    return "\n".join([*blocks, result.summary])


def inert(text: str) -> str:
    """Without control characters, which could move the cursor or colour what follows."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)


def _block(finding: Finding, line: Line) -> str:
    where = finding.location
    lines = [f"{inert(str(where))}: {finding.severity.value} {finding.rule}: {inert(finding.message)}"]
    source = None if finding.rule in _CONFIDENTIAL else line(where.file, where.line)
    if source is not None:
        lines.extend(_excerpt(source, finding))
    lines.append(f"  fix: {inert(finding.fix)}")
    lines.append(f"  see: {finding.documentation}")
    return "\n".join(lines) + "\n"


def _excerpt(source: str, finding: Finding) -> list[str]:
    where = finding.location
    text = inert(source.rstrip("\r\n").replace("\t", " "))
    start = where.column - 1
    same_line = where.end_line == where.line and where.end_column > where.column
    length = where.end_column - where.column if same_line else 1
    shift = max(0, start - _WIDEST // 2) if len(text) > _WIDEST else 0
    shown = text[shift : shift + _WIDEST]
    mark = "^" * max(1, min(length, len(shown) - (start - shift)))
    gutter = f"{where.line:>6} | "
    return [f"{gutter}{shown}".rstrip(), f"{' ' * (len(gutter) - 2)}| {' ' * (start - shift)}{mark}"]
