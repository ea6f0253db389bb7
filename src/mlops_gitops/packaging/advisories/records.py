"""One record of the OSV format (https://ossf.github.io/osv-schema/): what it is about, and which versions it means.

Records are untrusted: whatever is not as the format says raises ``ValueError``, and nothing of it is guessed.  Ranges
of commits say nothing about packages and are passed over.  Pure.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mlops_gitops.canonical import JSON
from mlops_gitops.packaging.advisories import cvss
from mlops_gitops.packaging.advisories.versions import Order

MALICIOUS = "MAL-"
"""How the ids begin of packages that were made to do harm."""

SEVERITIES = ("low", "medium", "high", "critical")

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}")
_VERSION = re.compile(r"[!-~]{1,300}")
_WORDS = {
    "negligible": "low",
    "unimportant": "low",
    "low": "low",
    "moderate": "medium",
    "medium": "medium",
    "high": "high",
    "important": "high",
    "critical": "critical",
}
_EVENTS = ("introduced", "fixed", "last_affected", "limit")


@dataclass(frozen=True, slots=True)
class Advisory:
    """What one record says of one package.

    ``names`` are its id and its aliases; ``covers`` are ids of what a distribution's advisory is about; ``ranges`` hold
    events in order, each a kind and a version; ``severity`` is ``None`` where none is given.
    """

    id: str
    names: tuple[str, ...]
    covers: tuple[str, ...]
    severity: str | None
    summary: str
    versions: frozenset[str]
    ranges: tuple[tuple[tuple[str, str], ...], ...]

    @property
    def malicious(self) -> bool:
        """Whether the package was made to do harm."""
        return any(one.startswith(MALICIOUS) for one in self.names)

    def affects(self, version: str, order: Order) -> tuple[bool, str | None]:
        """Whether it means ``version``, and the first version after it that is fixed.

        Raises ``ValueError`` where a version of the record, or this one, cannot be compared.
        """
        here = order(version)
        hit, fixes = version in self.versions or self._listed(here, order), []
        for events in self.ranges:
            placed = sorted(((_place(at, order), kind, at) for kind, at in events), key=lambda one: one[0])
            inside = _inside(here, placed)
            hit = hit or inside
            fixes += [(place, at) for place, kind, at in placed if kind == "fixed" and place > (1, here) and inside]
        return hit, min(fixes, key=lambda one: one[0])[1] if hit and fixes else None

    def _listed(self, here: Any, order: Order) -> bool:
        """Whether one of the versions that are named is this one, spelt otherwise."""
        for one in self.versions:
            with contextlib.suppress(ValueError):
                if order(one) == here:
                    return True
        return False

    def document(self) -> dict[str, JSON]:
        """As it is kept."""
        ranges: list[JSON] = [[list(event) for event in events] for events in self.ranges]
        versions: list[JSON] = [*sorted(self.versions)]
        return {
            "id": self.id,
            "names": list(self.names),
            "covers": list(self.covers),
            "severity": self.severity,
            "summary": self.summary,
            "versions": versions,
            "ranges": ranges,
        }

    @classmethod
    def kept(cls, document: Mapping[str, Any]) -> Advisory:
        """From what was kept."""
        ranges = tuple(tuple((kind, version) for kind, version in events) for events in document["ranges"])
        return cls(
            document["id"],
            tuple(document["names"]),
            tuple(document["covers"]),
            document["severity"],
            document["summary"],
            frozenset(document["versions"]),
            ranges,
        )


def _place(version: str, order: Order) -> tuple[int, Any]:
    """``0`` stands before every version, ``*`` after all."""
    if version in {"0", "*"}:
        return (0, 0) if version == "0" else (2, 0)
    return 1, order(version)


def _inside(here: Any, placed: list[tuple[tuple[int, Any], str, str]]) -> bool:
    """The evaluation of the format: the last event that is not after the version decides."""
    at, inside = (1, here), False
    limits = [place for place, kind, _ in placed if kind == "limit"]
    if limits and not any(at < place for place in limits):
        return False
    for place, kind, _ in placed:
        if kind == "introduced" and at >= place:
            inside = True
        elif (kind == "fixed" and at >= place) or (kind == "last_affected" and at > place):
            inside = False
    return inside


def read(document: Any) -> Iterator[tuple[str, str, Advisory]]:
    """Ecosystem, package and advisory for each package that a record is about; none where it was withdrawn.

    Raises ``ValueError`` for what is no record.
    """
    if not isinstance(document, dict):
        raise ValueError("a record is a JSON object")  # noqa: TRY004 - what is read is text
    identity = _text(document.get("id"), _ID)
    if document.get("withdrawn"):
        return
    aliases, upstream = (_texts(document.get(key), _ID) for key in ("aliases", "upstream"))
    same = upstream if len(upstream) == 1 else ()
    names = tuple(dict.fromkeys((identity, *aliases, *same)))
    general = _severities(document)
    summary = document.get("summary")
    for one in _list(document.get("affected")):
        package = _mapping(one).get("package")
        if package is None:
            continue
        ecosystem, name = (_mapping(package).get(key) for key in ("ecosystem", "name"))
        if not isinstance(ecosystem, str) or not isinstance(name, str):
            raise ValueError("a package without ecosystem or name")  # noqa: TRY004
        yield (
            ecosystem,
            name,
            Advisory(
                identity,
                names,
                upstream if len(upstream) > 1 else (),
                _worst(one, general),
                _line(summary) if isinstance(summary, str) else "",
                frozenset(_texts(one.get("versions"), _VERSION)),
                tuple(_events(each) for each in _list(one.get("ranges")) if _mapping(each).get("type") != "GIT"),
            ),
        )


def _events(value: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    found = []
    for event in _list(value.get("events")):
        for kind, version in _mapping(event).items():
            if kind in _EVENTS:
                found.append((kind, _text(version, _VERSION)))
    if not found:
        raise ValueError("a range without events")
    return tuple(found)


def _worst(one: Mapping[str, Any], general: list[str]) -> str | None:
    """The word for how severe it is; where a distribution says that it does not matter there, it does not."""
    specific = _mapping(one.get("ecosystem_specific") or {}).get("urgency")
    if specific == "unimportant":
        return "low"
    words = [*general, *_severities(one)]
    if isinstance(specific, str) and specific in _WORDS:
        words.append(_WORDS[specific])
    return max(words, key=SEVERITIES.index, default=None)


def _severities(value: Mapping[str, Any]) -> list[str]:
    """Words for every severity that is given in a form that is known."""
    found = []
    word = _mapping(value.get("database_specific") or {}).get("severity")
    if isinstance(word, str) and word.lower() in _WORDS:
        found.append(_WORDS[word.lower()])
    for one in _list(value.get("severity")):
        kind, score = (_mapping(one).get(key) for key in ("type", "score"))
        if kind == "CVSS_V3" and isinstance(score, str):
            with contextlib.suppress(ValueError):  # a vector that says nothing does not make the rest untrue
                found += filter(None, [cvss.rating(cvss.base_score(score.rstrip("/")))])
        elif kind == "Ubuntu" and isinstance(score, str) and score.lower() in _WORDS:
            found.append(_WORDS[score.lower()])
    return found


def _line(text: str) -> str:
    """One line that a person can read and a terminal can show."""
    return " ".join("".join(one if one.isprintable() else " " for one in text[:1000]).split())[:200]


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("another shape than the format's")  # noqa: TRY004 - what is read is text
    return value


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise ValueError("another shape than the format's")  # noqa: TRY004
    return value


def _text(value: Any, form: re.Pattern[str]) -> str:
    if not isinstance(value, str) or not form.fullmatch(value):
        raise ValueError(f"{str(value)[:80]!r} stands where an id or a version does")
    return value


def _texts(value: Any, form: re.Pattern[str]) -> tuple[str, ...]:
    return tuple(_text(one, form) for one in _list(value))
