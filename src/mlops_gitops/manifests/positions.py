"""Pointer → line and column.

The text is parsed a second time, only when there is something to say about it, and only after the loader found it
bounded.  A pointer that leads nowhere is answered with the nearest parent that exists.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import yaml
from yaml.events import AliasEvent, MappingStartEvent, ScalarEvent, SequenceStartEvent

from mlops_gitops.findings import Location
from mlops_gitops.manifests.documents import parser, span
from mlops_gitops.manifests.rules.rule import Pointer


class Place(NamedTuple):
    """The event of a value, that of its key, and the places inside it."""

    event: Any
    key: Any
    inside: dict[str, Place] | list[Place] | None


def locate(path: str, text: str, pointer: Pointer, *, key: bool = False) -> Location:
    """Where ``pointer`` leads: a scalar to itself, a mapping or list to its key."""
    place = _follow(text, pointer)
    if place is None:
        return Location(path)
    if place.key is not None and (key or place.inside is not None):
        return span(path, place.key)
    if place.inside is None:
        return span(path, place.event)
    start = place.event.start_mark
    return Location(path, start.line + 1, start.column + 1, start.line + 1, start.column + 2)


def locate_inside(path: str, text: str, pointer: Pointer, offset: int) -> Location:
    """Where one character of a text stands in the file, however the text is quoted or folded."""
    place = _follow(text, pointer)
    if place is None or place.event.__class__ is not ScalarEvent:
        return locate(path, text, pointer)
    begin = span(path, place.event)
    raw = "\n".join(text.split("\n")[begin.line - 1 : begin.end_line])[begin.column - 1 :]
    at = _counted(raw, place.event.value, offset, place.event.style)
    line = begin.line + raw.count("\n", 0, at)
    column = at - raw.rfind("\n", 0, at) + (begin.column - 1 if line == begin.line else 0)
    return Location(path, line, column, line, column + 1)


def _counted(raw: str, value: str, offset: int, style: str | None) -> int:
    """How far into a scalar as it is written its character at ``offset`` is; at its end, just behind the last.

    Folding changes spaces and line breaks only, so the other characters are counted, and then the spaces after them.
    """
    before = value[:offset]
    at = raw.find("\n") + 1 if style in {"|", ">"} else (1 if style in {"'", '"'} else 0)
    for char in before.rstrip():
        if not char.isspace():
            at = _next(raw, at)
            at += _width(raw[at:], style)
    if not value[offset:].strip():
        return at
    spaces = len(before) - len(before.rstrip())
    return _next(raw, at) if style in {"|", ">"} or "\n" in raw[at : at + spaces] else at + spaces


def _next(raw: str, at: int) -> int:
    while at < len(raw) and raw[at].isspace():
        at += 1
    return at


def _width(rest: str, style: str | None) -> int:
    """How many characters stand for one: an escape, or a quote that is doubled."""
    if style == '"' and rest[:1] == "\\":
        return 2 + {"x": 2, "u": 4, "U": 8}.get(rest[1:2], 0)
    return 2 if style == "'" and rest[:2] == "''" else 1


def written(text: str, pointer: Pointer) -> str | None:
    """A plain scalar as it stands in the file, or ``None`` for anything else."""
    place = _follow(text, pointer)
    if place is None or place.event.__class__ is not ScalarEvent or not place.event.implicit[0]:
        return None
    value: str = place.event.value
    return value


def _follow(text: str, pointer: Pointer) -> Place | None:
    place = places(text)
    for step in pointer:
        if place is None:
            return None
        inside = place.inside
        if isinstance(inside, dict) and step in inside:
            place = inside[str(step)]
        elif isinstance(inside, list) and isinstance(step, int) and step < len(inside):
            place = inside[step]
        else:
            break
    return place


@lru_cache(maxsize=4)
def places(text: str) -> Place | None:
    """The places of a whole document; ``None`` where it cannot be parsed."""
    events = parser(text)
    anchors: dict[str, Place] = {}
    try:
        while True:
            event = events.get_event()
            if event is None:
                return None
            if isinstance(event, (ScalarEvent, MappingStartEvent, SequenceStartEvent, AliasEvent)):
                return _place(events, event, None, anchors)
            if event.__class__ is yaml.StreamEndEvent:
                return None
    except (yaml.YAMLError, RecursionError):
        return None


def _place(events: Any, event: Any, key: Any, anchors: dict[str, Place]) -> Place:
    kind = event.__class__
    if kind is AliasEvent:
        named = anchors.get(event.anchor)
        return Place(event, key, named.inside if named else None)
    inside: dict[str, Place] | list[Place] | None = None
    if kind is MappingStartEvent:
        inside = {}
        while (name := events.get_event()).__class__ is not yaml.MappingEndEvent:
            label = _place(events, name, None, anchors)
            inside[_label(name)] = _place(events, events.get_event(), label.event, anchors)
    elif kind is SequenceStartEvent:
        inside = []
        while (item := events.get_event()).__class__ is not yaml.SequenceEndEvent:
            inside.append(_place(events, item, None, anchors))
    place = Place(event, key, inside)
    if event.anchor is not None:
        anchors[event.anchor] = place
    return place


def _label(event: Any) -> str:
    return event.value if event.__class__ is ScalarEvent else ""
