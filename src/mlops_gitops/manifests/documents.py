"""YAML text → JSON value, with every reason not to trust it.

``load`` never raises on what a file holds, and is bounded whatever it holds: in bytes, in values (aliases counted as
often as they are used) and in depth.  It builds plain data from parse events with the platform's C parser, or with the
pure Python one where that is missing.  Positions are looked up later, in ``positions.py``, and only for findings.
"""

from typing import Any, NamedTuple

import yaml
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

from mlops_gitops.findings import Finding, Location
from mlops_gitops.manifests.rules import documents as rules
from mlops_gitops.manifests.rules.rule import Pointer, Problem, Rule
from mlops_gitops.manifests.scalars import NUMERIC_STARTS, WORDS, resolve
from mlops_gitops.manifests.text import decode, invisible

MAX_DEPTH = 64
MAX_VALUES = 100_000

_NO_KEY = object()


class Document(NamedTuple):
    """One file.

    ``value`` is the JSON value (``None`` where the file could not be read to its end); ``findings`` are what the loader
    noticed; ``text`` is kept to look up positions.
    """

    path: str
    value: Any
    findings: tuple[Finding, ...]
    text: str

    def location(self, pointer: Pointer) -> Location:
        """Where a value is: a scalar itself, the key of a mapping or list; for what is missing, its nearest parent."""
        from mlops_gitops.manifests.positions import locate

        return locate(self.path, self.text, pointer)

    def location_of_key(self, pointer: Pointer) -> Location:
        """Where the key of a value is."""
        from mlops_gitops.manifests.positions import locate

        return locate(self.path, self.text, pointer, key=True)

    def finding(self, problem: Problem) -> Finding:
        """A problem with its place."""
        if problem.within is not None:
            from mlops_gitops.manifests.positions import locate_inside

            place = locate_inside(self.path, self.text, problem.pointer, problem.within)
            return problem.rule.at(place, problem.message, problem.fix)
        where = self.location_of_key if problem.key else self.location
        return problem.rule.at(where(problem.pointer), problem.message, problem.fix)

    def source_text(self, pointer: Pointer) -> str | None:
        """A scalar as it is written, before it became a value: ``1.10``, not ``1.1``."""
        from mlops_gitops.manifests.positions import written

        return written(self.text, pointer)

    @property
    def kind(self) -> str | None:
        """What the document says it is."""
        kind = self.value.get("kind") if isinstance(self.value, dict) else None
        return kind if isinstance(kind, str) else None


class _Stop(Exception):
    """Reading on would be pointless or unbounded; the finding has been noted."""


def parser(text: str) -> Any:
    """A YAML parser over ``text`` that offers ``get_event``."""
    if yaml.__with_libyaml__:
        return yaml.cyaml.CParser(text)  # type: ignore[attr-defined]
    return yaml.SafeLoader(text)


def load(path: str, data: bytes) -> Document:
    """Read one file.  ``path`` is how findings name it."""
    text = decode(path, data)
    if isinstance(text, Finding):
        return Document(path, None, (text,), "")
    reader = _Reader(path)
    try:
        value = reader.read(text)
    except _Stop:
        value = None
    except yaml.MarkedYAMLError as error:
        value = None
        reader.findings.append(_syntax(path, text, error))
    except (yaml.YAMLError, ValueError, UnicodeError) as error:
        value = None
        reader.findings.append(rules.SYNTAX.at(Location(path), f"this is not YAML: {error}".splitlines()[0]))
    return Document(path, value, tuple(reader.findings), text)


def _syntax(path: str, text: str, error: yaml.MarkedYAMLError) -> Finding:
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return rules.SYNTAX.at(Location(path), f"this is not YAML: {error.problem}")
    where = Location(path, mark.line + 1, mark.column + 1, mark.line + 1, mark.column + 2)
    lines = text.split("\n")
    line = lines[mark.line] if mark.line < len(lines) else ""
    if "\t" in line[: mark.column + 1] and not line[: mark.column].strip():
        return rules.TAB.at(where, "a tab cannot indent YAML")
    words = f"{error.context}, {error.problem}" if error.context else f"{error.problem}"
    return rules.SYNTAX.at(where, f"this is not YAML: {words}")


class _Anchor(NamedTuple):
    value: Any
    values: int
    height: int


class _Reader:
    """The state of one reading: what is open, what is anchored, what was noticed."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.findings: list[Finding] = []
        self.documents = 0
        self.values = 0
        self.result: Any = None
        self.stack: list[Any] = []
        self.keys: list[Any] = []
        self.anchors: dict[str, _Anchor] = {}
        self.open_anchors: list[tuple[str, int, int, int]] = []
        self.deepest = 0

    def read(self, text: str) -> Any:
        """Drive the parser to its end and return the one document."""
        next_event = parser(text).get_event
        handlers = {
            ScalarEvent: self.scalar,
            MappingStartEvent: self.open_mapping,
            SequenceStartEvent: self.open_list,
            MappingEndEvent: self.close,
            SequenceEndEvent: self.close,
            AliasEvent: self.alias,
            DocumentStartEvent: self.document,
            DocumentEndEvent: self.nothing,
            StreamStartEvent: self.nothing,
        }
        while (event := next_event()).__class__ is not StreamEndEvent:
            handlers[event.__class__](event)
        if self.documents == 0:
            self.findings.append(rules.EMPTY.at(Location(self.path), "there is no document in this file"))
        return self.result

    def document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            self.stop(rules.SEVERAL_DOCUMENTS, event, "a second document starts here")

    def nothing(self, event: Any) -> None:
        """Nothing to do at the bounds of the stream."""

    def open_mapping(self, event: Any) -> None:
        self.open({}, event)

    def open_list(self, event: Any) -> None:
        self.open([], event)

    def note(self, rule: Rule, event: Any, message: str) -> None:
        self.findings.append(rule.at(span(self.path, event), message))

    def stop(self, rule: Rule, event: Any, message: str) -> None:
        self.note(rule, event, message)
        raise _Stop

    def count(self, event: Any, values: int = 1) -> None:
        self.values += values
        if self.values > MAX_VALUES:
            rule = rules.EXPLOSION if event.__class__ is AliasEvent else rules.TOO_LARGE
            self.stop(rule, event, f"the document holds more than {MAX_VALUES:,} values from here on")

    def scalar(self, event: Any) -> None:
        text = event.value
        self.count(event)
        if event.implicit[0]:
            broken = None
            value = text
            if text in WORDS or text[0] in NUMERIC_STARTS:
                value, broken = resolve(text)
            if broken is not None:
                self.note(broken, event, _ODD_WORDS[broken.id].format(text=text))
        else:
            value = text
            if event.tag is not None:
                self.note(rules.TAG, event, f"the tag {event.tag!r} asks for something other than plain data")
            hidden = invisible(text)
            if hidden is not None:
                self.note(rules.INVISIBLE, event, f"the text holds U+{ord(hidden.group()):04X}, which cannot be seen")
        if event.anchor is not None:
            self.anchors[event.anchor] = _Anchor(value, 1, 0)
        self.put(value, event)

    def open(self, container: Any, event: Any) -> None:
        self.count(event)
        if event.tag is not None:
            self.note(rules.TAG, event, f"the tag {event.tag!r} asks for something other than plain data")
        self.put(container, event)
        depth = len(self.stack) + 1
        if depth > MAX_DEPTH:
            self.stop(rules.TOO_DEEP, event, f"values are nested more than {MAX_DEPTH} deep")
        if event.anchor is not None:
            self.anchors.pop(event.anchor, None)
            self.open_anchors.append((event.anchor, depth, self.values, self.deepest))
            self.deepest = depth
        elif depth > self.deepest:
            self.deepest = depth
        self.stack.append(container)
        self.keys.append(_NO_KEY)

    def close(self, _: Any) -> None:
        depth = len(self.stack)
        container = self.stack.pop()
        self.keys.pop()
        if self.open_anchors and self.open_anchors[-1][1] == depth:
            name, _, before, outer = self.open_anchors.pop()
            self.anchors[name] = _Anchor(container, self.values - before + 1, self.deepest - depth + 1)
            self.deepest = max(self.deepest, outer)

    def alias(self, event: Any) -> None:
        anchor = self.anchors.get(event.anchor)
        if anchor is None:
            inside = any(name == event.anchor for name, *_ in self.open_anchors)
            if inside:
                self.stop(rules.EXPLOSION, event, f"the alias *{event.anchor} stands inside what it names")
            self.stop(rules.SYNTAX, event, f"nothing is called &{event.anchor} before this alias")
            return
        self.count(event, anchor.values)
        self.deepest = max(self.deepest, len(self.stack) + anchor.height)
        if self.deepest > MAX_DEPTH:
            self.stop(rules.TOO_DEEP, event, f"with its aliases, values are nested more than {MAX_DEPTH} deep")
        self.put(anchor.value, event)

    def put(self, value: Any, event: Any) -> None:
        """Give a finished value to the container that is open."""
        if not self.stack:
            self.result = value
            return
        parent = self.stack[-1]
        if parent.__class__ is list:
            parent.append(value)
        elif self.keys[-1] is _NO_KEY:
            self.keys[-1] = self.key(value, event)
        else:
            parent[self.keys[-1]] = value
            self.keys[-1] = _NO_KEY

    def key(self, value: Any, event: Any) -> str:
        if value.__class__ is not str:
            if isinstance(value, (dict, list)):
                self.stop(rules.KEY_NOT_TEXT, event, "a list or a mapping cannot be a key")
            self.note(rules.KEY_NOT_TEXT, event, f"the key {value!r} is not text")
            value = str(value)
        if value == "<<" and event.__class__ is ScalarEvent and event.implicit[0]:
            self.note(rules.MERGE_KEY, event, "the merge key `<<` is not supported")
        if value in self.stack[-1]:
            self.note(rules.DUPLICATE_KEY, event, f"the key {value!r} is already written above")
        text: str = value
        return text


_ODD_WORDS = {
    rules.BOOLEAN_WORD.id: "unquoted, {text} is read as a boolean by some readers and as text by others",
    rules.ODD_NUMBER.id: "unquoted, {text} is read as different numbers by different readers",
    rules.SEXAGESIMAL.id: "unquoted, {text} is read as a number in base 60 by some readers",
    rules.DATE.id: "unquoted, {text} is read as a date by some readers and as text by others",
    rules.NOT_EXACT.id: "{text} is not a number that JSON can hold exactly",
}


def span(path: str, event: Any) -> Location:
    """Where an event stands in its file."""
    start, end = event.start_mark, event.end_mark
    return Location(path, start.line + 1, start.column + 1, end.line + 1, end.column + 1)
