"""MG79x: does the serving image hold packages that are known to be vulnerable.

``validate`` sees what the manifest accepts; ``build`` finds the rest, since only then it is known what is in the image
(``packaging.advisories.judgement``).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from mlops_gitops.manifests.rules.rule import ERROR, WARNING, Problem, Rule
from mlops_gitops.manifests.rules.subject import Subject, entries, mapping, text

PLACE = ("spec", "serving", "image")
_BASE = "registry.example.com/python@sha256:" + "3f2a" * 16


def _image(*accepted: str, lock: str = "serving.lock", note: str = "") -> str:
    lines = "".join(f"        - {{{one}}}\n" for one in accepted)
    tail = f"      accepted:\n{lines}" if accepted else ""
    head = f"# {note}\n" if note else ""
    return f"{head}spec:\n  serving:\n    pattern: rest\n    image:\n      base: {_BASE}\n      lock: {lock}\n{tail}"


_HIGH, _LOW = "CVE-2026-0001", "CVE-2026-0002"
_REASON = "reason: No request reaches the part that is broken"

VULNERABLE = Rule(
    "MG790",
    "vulnerable-package",
    ERROR,
    "A package of the image has a known vulnerability that is severe and mended, or was made to do harm.",
    "take the version that is named; or say under `serving.image.accepted` why it can wait, and until when",
    "What is known is tried by everybody. An advisory that does not say how severe it is counts as severe.",
    _image(lock="vulnerable.lock", note="the lock names example-parser 1.0.0"),
    _image(lock="mended.lock", note="the lock names example-parser 1.0.1"),
)
LESSER = Rule(
    "MG791",
    "package-with-lesser-vulnerability",
    WARNING,
    "A package of the image has a known vulnerability that is not severe, or that nobody has mended yet.",
    "take the version that is named, where there is one; or accept it under `serving.image.accepted`, with a last day",
    "It is left to those who review whether it matters where the model is asked.",
    _image(lock="weak.lock", note="the lock names example-reader 1.0.0"),
    _image(lock="mended.lock", note="the lock names example-reader 1.0.1"),
)
ENDED = Rule(
    "MG792",
    "acceptance-has-ended",
    ERROR,
    "A vulnerability was accepted until a day that is over, and is still there.",
    "take the version that is named, or decide again and write another day",
    "Somebody decided that it can wait for so long, and not longer.",
    _image(f"advisory: {_HIGH}, {_REASON}, until: '2026-11-01'", lock="vulnerable.lock"),
    _image(f"advisory: {_HIGH}, {_REASON}, until: '2026-12-31'", lock="vulnerable.lock"),
)
UNCLEAR = Rule(
    "MG793",
    "acceptance-unclear",
    ERROR,
    "What is accepted is named twice, or until a day that does not exist.",
    "write each advisory once for each package, with a date that exists, such as '2026-12-31'",
    "Nobody could say until when it is accepted.",
    _image(f"advisory: {_HIGH}, {_REASON}, until: '2026-11-31'"),
    _image(f"advisory: {_HIGH}, {_REASON}, until: '2026-11-30'"),
)
UNUSED = Rule(
    "MG794",
    "acceptance-of-nothing",
    WARNING,
    "A vulnerability is accepted that the image does not have.",
    "remove it from `serving.image.accepted`, or correct the id",
    "A misspelt id accepts nothing, and one that is not needed any more hides the day when it comes back.",
    _image(f"advisory: {_LOW}, {_REASON}, until: '2026-12-31'", lock="mended.lock"),
    _image(lock="mended.lock"),
)
NOT_COMPARED = Rule(
    "MG795",
    "not-compared",
    WARNING,
    "A part of the image was not compared with what is known, or with old knowledge.",
    "fetch the databases again, of every ecosystem that is in the image",
    "No finding means something only for what was looked at.",
    _image(note="the database has no record of the last seven days"),
    _image(note="the database was fetched this morning"),
)

RULES = (VULNERABLE, LESSER, ENDED, UNCLEAR, UNUSED, NOT_COMPARED)


def check(subject: Subject) -> Iterator[Problem]:
    """The family's problems in one model manifest."""
    image = mapping(subject.value, *PLACE)
    seen: set[tuple[str, str | None]] = set()
    for index, one in entries(image, "accepted"):
        advisory, until, at = text(one, "advisory"), text(one, "until"), (*PLACE, "accepted", index)
        key = ((advisory or "").upper(), text(one, "package"))
        if advisory is not None and key in seen:
            yield UNCLEAR.on((*at, "advisory"), f"{advisory} is accepted twice")
        seen.add(key)
        if until is not None and day(until) is None:
            yield UNCLEAR.on((*at, "until"), f"{until} is not a day that exists")


def day(words: str) -> date | None:
    """The day that is meant; ``None`` where there is none."""
    try:
        return date.fromisoformat(words)
    except ValueError:
        return None
