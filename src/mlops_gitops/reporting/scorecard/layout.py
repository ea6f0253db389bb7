"""Blocks of Markdown, fitted into the room that there is.

A block is whole in itself: it opens nothing that it does not close.  Where all of them do not fit, the least important
go first, whole, and a line says what is missing and where all of it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

COMMENT = 60_000
"""Bytes of a comment.  GitHub documents 65,536 characters and refuses 262,145 bytes; bytes below the smaller of the two
hold whatever it counts, and leave room for a marker."""
SUMMARY = 1_000_000
"""Bytes of a job summary; GitHub drops one of more than a mebibyte."""
_NOTE = 900
_NAMES = 10
"""Names of parts that are told as left out; each has at most 60 bytes."""


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of Markdown.  ``weight``: how long it stays; ``name``: how its absence is told, in words of ours."""

    text: str
    weight: int
    name: str = ""


def fitted(blocks: Sequence[Block], *, room: int, whole: str) -> str:
    """The blocks in their order, in at most ``room`` bytes; ``whole`` says where everything is."""
    kept = [one for one in blocks if one.text]
    sizes = [_bytes(one) for one in kept]
    used, left_out = sum(sizes), set[int]()
    for index in sorted(range(len(kept)), key=lambda index: (kept[index].weight, -index)):
        if used <= room - _NOTE * bool(left_out):
            break
        left_out.add(index)
        used -= sizes[index]
    text = "\n\n".join(one.text for index, one in enumerate(kept) if index not in left_out)
    if left_out:
        text += f"\n\n✂️ Left out here: {_listed({kept[index].name for index in left_out} - {''})}. {whole}"
    return text + "\n"


def _listed(names: set[str]) -> str:
    """So many names as fit beside ``whole`` into ``_NOTE`` bytes."""
    first = sorted(names)[:_NAMES]
    more = [f"{len(names) - len(first):,} more"] if len(names) > len(first) else []
    return ", ".join([*first, *more]) or "the rest"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, most: int, right: Sequence[int] = ()) -> str:
    """A table; rows beyond ``most`` are counted.  Cells are Markdown."""
    rule = "|".join("---:" if index in right else "---" for index in range(len(head)))
    lines = [f"| {' | '.join(head)} |", f"|{rule}|", *(f"| {' | '.join(row)} |" for row in rows[:most])]
    if len(rows) > most:
        lines.append(f"\nand {len(rows) - most:,} more")
    return "\n".join(lines)


def folded(title: str, body: str, *, open_: bool = False) -> str:
    """A long part, closed until somebody wants it; ``title`` is ours."""
    return f"<details{' open' if open_ else ''}><summary>{title}</summary>\n\n{body}\n\n</details>" if body else ""


def _bytes(block: Block) -> int:
    return len(block.text.encode()) + 2
