r"""Who owns a path, as GitHub reads a CODEOWNERS file.

The last line that matches a path counts.  Patterns are those of gitignore but for three things: ``!`` and ``[ ]`` mean
nothing, ``\\#`` does not escape, and a pattern that ends in ``/*`` matches what lies directly in the folder alone.  A
line that GitHub cannot read is skipped, as it does; so is a file of more than three megabytes.

Source: docs.github.com, "About code owners".  Matching is linear in pattern and path, whatever stars they hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from mlops_gitops.records import record

PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
"""Where GitHub looks, in this order; the first file found is the only one read."""

_LARGEST = 3_000_000
_WORD = re.compile(r"(?:\\ |[^ \t])+")
_OWNER = re.compile(r"@[A-Za-z0-9][A-Za-z0-9_-]*(?:/[A-Za-z0-9._-]+)?|[^@\s]+@[^@\s]+\.[^@\s]+")


@record
class Line:
    """One line: a pattern and its owners, ``@login``, ``@organisation/team`` or an e-mail address.

    No owners: nobody owns what it matches.
    """

    pattern: str
    owners: tuple[str, ...]


def read(file: Callable[[str], bytes | None]) -> tuple[Line, ...] | None:
    """The lines of the file that GitHub would read; ``None`` where there is none, or it is too large."""
    data = next((found for place in PLACES if (found := file(place)) is not None), None)
    return None if data is None or len(data) > _LARGEST else parse(data)


def parse(data: bytes) -> tuple[Line, ...]:
    """The lines that can be read."""
    lines = (one.strip(" \t\r") for one in data.decode(errors="replace").split("\n"))
    return tuple(found for one in lines if (found := _line(one)) is not None)


def _line(text: str) -> Line | None:
    words = _WORD.findall(text)
    comment = next((place for place, one in enumerate(words) if one.startswith("#")), len(words))
    words = words[:comment]
    if not words or words[0].startswith(("!", "\\#")) or set("[]") & set(words[0]) or not words[0].strip("/"):
        return None
    if not all(_OWNER.fullmatch(one) for one in words[1:]):
        return None
    return Line(words[0], tuple(dict.fromkeys(words[1:])))


def owners_of(path: str, lines: Sequence[Line]) -> tuple[str, ...]:
    """The owners of a path; empty where no line matches it, or the last one that does names nobody."""
    return next((one.owners for one in reversed(lines) if matches(one.pattern, path)), ())


def sets_of(paths: Iterable[str], lines: Sequence[Line]) -> tuple[tuple[str, ...], ...]:
    """The different sets of owners of ``paths``; of each set one must approve.  Paths without an owner ask nobody."""
    return tuple(dict.fromkeys(found for one in paths if (found := owners_of(one, lines))))


def matches(pattern: str, path: str) -> bool:
    """Whether a pattern matches a path, itself or as a folder above it."""
    names, (parts, anchored) = path.split("/"), _parts(pattern)
    if anchored and parts[0] != names[0] and not _is_special(parts[0]):
        return False  # most lines of a long file
    reached = {0} if anchored else set(range(len(names)))
    for part in parts[:-1]:
        reached = _after(part, names, reached)
    if parts[-1] == "**":  # everything inside
        return any(one < len(names) for one in reached)
    ends = _after(parts[-1], names, reached)
    if pattern.endswith("/*"):
        return len(names) in ends
    return any(one < len(names) for one in ends) if pattern.endswith("/") else bool(ends)


@lru_cache(maxsize=1 << 16)
def _parts(pattern: str) -> tuple[tuple[str, ...], bool]:
    """The parts of a pattern, and whether it begins at the root: a file of owners is asked about thousands of paths."""
    return tuple(pattern.strip("/").split("/")), "/" in pattern.rstrip("/")


def _is_special(part: str) -> bool:
    return "*" in part or "?" in part or "\\" in part


def _after(part: str, names: Sequence[str], reached: set[int]) -> set[int]:
    """How many names may be used up once ``part`` is matched too."""
    if part == "**":
        return set(range(min(reached), len(names) + 1)) if reached else set()
    return {one + 1 for one in reached if one < len(names) and _fits(part, names[one])}


def _fits(part: str, name: str) -> bool:
    """Whether one part of a pattern matches one name.  On a mismatch only the last star is widened."""
    if not _is_special(part):
        return part == name
    wanted = _letters(part)
    at = here = 0
    star, resume = -1, 0
    while here < len(name):
        if at < len(wanted) and wanted[at] is None:
            star, resume, at = at, here, at + 1
        elif at < len(wanted) and wanted[at] in {name[here], ""}:
            at, here = at + 1, here + 1
        elif star >= 0:
            resume += 1
            at, here = star + 1, resume
        else:
            return False
    return all(one is None for one in wanted[at:])


@lru_cache(maxsize=1 << 12)
def _letters(part: str) -> Sequence[str | None]:
    """A part letter by letter: ``None`` is any number of letters, an empty text any one letter."""
    found: list[str | None] = []
    letters = iter(part)
    for one in letters:
        if one == "\\":
            found.append(next(letters, "\\"))
        else:
            found.append(None if one == "*" else "" if one == "?" else one)
    return found
