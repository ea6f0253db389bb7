"""How much of the code that makes features its tests have run, from a file that a coverage tool wrote.

Two forms are read: Cobertura's XML (``coverage xml``, ``pytest --cov-report=xml`` and most other tools) and the JSON of
coverage.py.  The file is untrusted: one with a document type or an entity is refused, so is one that is too large, and
nothing is fetched.
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from xml.parsers import expat

LARGEST = 50_000_000
_DEEPEST = 100


@dataclass(frozen=True, slots=True)
class Covered:
    """Lines that can run, and those that did, of the files that count."""

    files: int
    lines: int
    run: int

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return self.run / self.lines if self.lines else 0.0


def of_bytes(data: bytes, paths: Sequence[str]) -> Covered:
    """What the file says of the paths that match a pattern of ``paths``, or of all.  Raises ``ValueError``."""
    if len(data) > LARGEST:
        raise ValueError(f"it has {len(data):,} bytes; {LARGEST:,} are the most")
    told = _of_json(data) if data.lstrip()[:1] == b"{" else _of_xml(data)
    counted = [one for name, one in told.items() if not paths or any(fnmatch.fnmatchcase(name, each) for each in paths)]
    if not counted:
        raise ValueError(f"it tells of no file like {', '.join(paths)}" if paths else "it tells of no file")
    return Covered(len(counted), sum(lines for lines, _ in counted), sum(run for _, run in counted))


def _of_json(data: bytes) -> dict[str, tuple[int, int]]:
    try:
        document: Any = json.loads(data)
        summaries = {str(name): one["summary"] for name, one in document["files"].items()}
        return {name: (_count(one["num_statements"]), _count(one["covered_lines"])) for name, one in summaries.items()}
    except (KeyError, TypeError, AttributeError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(f"it is not the JSON of coverage.py: it lacks or misuses {error}") from error


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise TypeError(repr(value))
    return value


def _of_xml(data: bytes) -> dict[str, tuple[int, int]]:
    """By file name; a line that several classes of one file have is counted once, and has run if any ran it."""
    lines: dict[str, dict[str, bool]] = {}
    inside: list[str] = []
    depth = 0

    def begin(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise ValueError("its elements are nested too deeply")
        if name == "class":
            inside.append(attributes.get("filename", ""))
        elif name == "line" and inside and "number" in attributes:
            hits = attributes.get("hits", "0")
            run = hits.isdecimal() and int(hits[:18]) > 0
            of_file = lines.setdefault(inside[-1], {})
            of_file[attributes["number"]] = of_file.get(attributes["number"], False) or run

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        if name == "class":
            inside.pop()

    def refuse(*_: object) -> None:
        raise ValueError("it declares entities, and only a file without any is read")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = begin, end
    parser.EntityDeclHandler = parser.ExternalEntityRefHandler = refuse  # type: ignore[assignment]
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, UnicodeDecodeError, KeyError) as error:
        raise ValueError(f"it is no Cobertura XML: {error}") from error
    return {name: (len(one), sum(one.values())) for name, one in lines.items()}
