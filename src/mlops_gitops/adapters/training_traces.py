"""What the shim noted, read back: stages, calls, and what a training should not have done.

The files come from the training's side, so nothing in them is believed: they are read within bounds, what is no event
is passed over, and text is made harmless to print.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from mlops_gitops.adapters.predictions import printable
from mlops_gitops.reproduction.trainings import STAGES, Call, Place, Problem, Stage, Trouble

_MOST_BYTES = 64 * 2**20
_MOST_FILES = 1000
_LONGEST = 64 * 2**10
_LARGEST_SOURCE = 2 * 2**20
_MOST_EVENTS = 20_000
_MOST_PROBLEMS = 100
_DIGEST = re.compile(r"[0-9a-f]{16,128}")
_TROUBLES = {
    "network": (
        Trouble.NETWORK,
        "training asked for the network: {}",
        "declare what is fetched as data, by digest; or set spec.training.network",
    ),
    "wrote-outside": (
        Trouble.WROTE_OUTSIDE,
        "training wanted to write outside its folder: {}",
        "write below the model's folder, or into TMPDIR",
    ),
    "changed-input": (
        Trouble.CHANGED_INPUT,
        "training wanted to change its input {}",
        "write to another file: the second run would read something else",
    ),
}


@dataclass(frozen=True, slots=True)
class Trace:
    """Everything that one run noted, in order; of each problem only the first."""

    stages: tuple[Stage, ...] = ()
    calls: tuple[Call, ...] = ()
    problems: tuple[Problem, ...] = ()


def read(folder: Path, *, root: str, checkout: Path) -> Trace:
    """The trace in ``folder``; ``root`` is the checkout as the training saw it, ``checkout`` where it lies now."""
    counts: Counter[str] = Counter()
    stages: list[Stage] = []
    calls: dict[Call, None] = {}
    problems: dict[tuple[Trouble, str], Problem] = {}
    sources: dict[Path, list[str]] = {}
    for event in islice(_events(folder), _MOST_EVENTS):
        place = _place(event, root=root, checkout=checkout, sources=sources)
        kind, what = event.get("kind"), printable(str(event.get("what", "")))
        name = event.get("event")
        if not isinstance(name, str) or not isinstance(kind, str | None):
            continue
        if name == "stage" and kind is not None and kind in STAGES and _are_digests(event):
            counts[kind] += 1
            described = printable(str(event.get("description", "")), most=120)
            number = f"{kind}#{counts[kind]}"
            stages.append(Stage(number, event["ordered"], event["unordered"], described, place))
        elif name == "call" and kind is not None and place is not None:
            calls[Call(printable(kind, most=30), what, place)] = None
        elif name in _TROUBLES and len(problems) < _MOST_PROBLEMS:
            trouble, message, fix = _TROUBLES[name]
            problems.setdefault((trouble, what), Problem(trouble, message.format(what), fix, place=place))
    return Trace(tuple(stages), tuple(calls), tuple(problems.values()))


def _events(folder: Path) -> Iterator[dict[str, Any]]:
    """Every line of every file that is an event, the first process first."""
    left = _MOST_BYTES
    files = sorted((path for path in folder.glob("*.jsonl") if _is_plain(path)), key=lambda path: _number(path.stem))
    for path in files[:_MOST_FILES]:
        with path.open("rb") as stream:
            while left > 0 and (line := stream.readline(_LONGEST)):
                left -= len(line)
                try:
                    event = json.loads(line)
                except (ValueError, RecursionError):
                    continue
                if isinstance(event, dict):
                    yield event


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 12 else 0  # noqa: PLR2004 - longer than any process id


def _are_digests(event: dict[str, Any]) -> bool:
    values = (event.get("ordered"), event.get("unordered"))
    return all(isinstance(one, str) and _DIGEST.fullmatch(one) for one in values)


def _place(event: dict[str, Any], *, root: str, checkout: Path, sources: dict[Path, list[str]]) -> Place | None:
    """The line, with its text; ``None`` where it is not in the checkout."""
    file, line = event.get("file"), event.get("line")
    if not isinstance(file, str) or not isinstance(line, int) or not file.startswith(f"{root}/"):
        return None
    name = PurePosixPath(file).relative_to(root)
    path = checkout / name
    if path not in sources:
        sources[path] = _lines(path, name, checkout)
    lines = sources[path]
    if not 0 < line <= len(lines):
        return None
    return Place(printable(name.as_posix(), most=200), line, printable(lines[line - 1].strip(), most=160))


def _lines(path: Path, name: PurePosixPath, checkout: Path) -> list[str]:
    """The lines of a file of the checkout; none where it is not one, whatever its name says."""
    try:
        if ".." in name.parts or not _is_plain(path) or not path.resolve().is_relative_to(checkout.resolve()):
            return []
        with path.open("rb") as stream:
            return stream.read(_LARGEST_SOURCE).decode("utf-8", "replace").splitlines()
    except (OSError, ValueError):
        return []
