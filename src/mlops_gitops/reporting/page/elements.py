"""Words, tables and sections as HTML.  Only ``shown`` turns somebody else's words into HTML."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from mlops_gitops.reporting.reproduction_words import said

_CODE = re.compile(r"`([^`]+)`")


def shown(text: str, longest: int = 400) -> str:
    """Somebody else's words: harmless, cut, escaped; also inside an attribute."""
    return html.escape(said(text, longest))


def code(text: str, longest: int = 400) -> str:
    """The same, as code."""
    return f"<code>{shown(text, longest)}</code>"


def prose(text: str, longest: int = 400) -> str:
    """The same, with what stands between backticks as code: fields and commands."""
    return _CODE.sub(r"<code>\1</code>", shown(text, longest))


def digest(value: str | None) -> str:
    """The start of a digest; the whole of it on pointing."""
    return f'<code title="{shown(value)}">{shown(value[:12])}</code>' if value else "-"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, marked: Sequence[str] = ()) -> str:
    """A table that becomes one card a row on a phone; ``marked`` has the class of each row.  Cells are HTML."""
    labels = "".join(f'<th scope="col">{head}</th>' for head in heads)
    classes = [f' class="{one}"' if one else "" for one in marked] or [""] * len(rows)
    body = "\n".join(f"<tr{kind}>{_cells(heads, row)}</tr>" for row, kind in zip(rows, classes, strict=True))
    return f'<div class="scroll"><table>\n<thead><tr>{labels}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'


def _cells(heads: Sequence[str], row: Sequence[str]) -> str:
    return "".join(f'<td data-label="{head}"><div>{cell}</div></td>' for head, cell in zip(heads, row, strict=True))


def section(name: str, title: str, body: str, *, note: str = "") -> str:
    """A part of the page; nothing where there is no body.  ``title`` and ``note`` are ours."""
    said_first = f'<p class="note">{note}</p>\n' if note else ""
    return f'<section id="{name}">\n<h2>{title}</h2>\n{said_first}{body}\n</section>' if body else ""


def folded(summary: str, body: str) -> str:
    """A long part, closed until it is asked for."""
    return f"<details><summary>{summary}</summary>\n{body}\n</details>" if body else ""


def more(whole: int, limit: int, noun: str) -> str:
    """How many were left out."""
    return f'<p class="note">and {whole - limit:,} more {noun}</p>' if whole > limit else ""


def badge(kind: str, text: str) -> str:
    """A word in the colour of an answer; both are ours."""
    return f'<span class="badge {kind}">{text}</span>'
