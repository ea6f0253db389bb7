"""What ``rendering.py`` wrote with its keys in order, read back without a YAML parser.

Releases are written in one form only, and whoever looks at ten thousand models reads ten thousand of them.  This reads
the plain part of that form: printable ASCII, no escapes, keys that need no quotes and stand in ascending order, short
numbers without an exponent.  It reads *exactly* that part.  For bytes that it takes, ``render`` writes the same bytes
for the value, and ``documents.load`` reads the same value and finds nothing to say; a property test holds both.  Of
all other bytes, whoever wrote them, it says nothing: they go the long way.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from mlops_gitops.canonical import JSON
from mlops_gitops.manifests.rendering import RESERVED

MAX_BYTES, MAX_LINES = 256 * 1024, 2000
"""With the deepest line below, less than ``documents.load`` takes in bytes, values and depth."""

_SCALAR = r'("[ !#-\[\]-~]*"|[0-9tfn{\[-][0-9a-z.\]}]{0,40})'
_LINE = re.compile(
    rf"^( {{0,40}})((?:- ){{0,8}})(?:([A-Za-z][A-Za-z0-9_-]{{0,99}}):(?: {_SCALAR})?|{_SCALAR})\n", re.MULTILINE
)
_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,14}")
_FRACTION = re.compile(r"-?[0-9]{1,16}\.[0-9]{1,20}")
_WORDS: dict[str, JSON] = {"true": True, "false": False, "null": None}
_Line: TypeAlias = tuple[str, str, str, str, str]
"""Indentation, dashes, key, the value beside the key, and a value without a key."""


class _Other(Exception):
    """Not the plain form."""


def value_of(data: bytes) -> dict[str, JSON] | None:
    """The mapping that was rendered, or ``None`` where these bytes are not, or may not be, the plain form of one."""
    if len(data) > MAX_BYTES or not data.isascii():
        return None
    text = data.decode("ascii")
    lines: list[_Line] = _LINE.findall(text)
    if not 0 < len(lines) <= MAX_LINES or len(lines) != text.count("\n") or not text.endswith("\n"):
        return None
    try:
        return _Reader(lines).whole()
    except _Other:
        return None


class _Reader:
    """The lines, and how far they have been read; a line that opens lists is read up to one of its dashes."""

    def __init__(self, lines: list[_Line]) -> None:
        self.lines = lines
        self.here = 0
        self.dashes = 0

    def whole(self) -> dict[str, JSON]:
        """The mapping that all lines are."""
        value = self.block(0)
        if self.here != len(self.lines) or not isinstance(value, dict):
            raise _Other
        return value

    def block(self, column: int) -> JSON:
        """The value that begins here, which has to be at ``column``."""
        if self.here == len(self.lines):
            raise _Other
        indent, dashes, key, _, bare = self.lines[self.here]
        if len(indent) + 2 * self.dashes != column:
            raise _Other
        if 2 * self.dashes < len(dashes):
            return self.items(column)
        if key:
            return self.entries(column)
        if not dashes:  # a value on a line of its own stands nowhere
            raise _Other
        self.next()
        return _scalar(bare)

    def items(self, column: int) -> JSON:
        """The items of a list, each behind a dash at ``column``."""
        found: list[JSON] = []
        while True:
            self.dashes += 1
            found.append(self.block(column + 2))
            if self.here == len(self.lines):
                return found
            indent, dashes, *_ = self.lines[self.here]
            if len(indent) != column or not dashes:
                return found

    def entries(self, column: int) -> JSON:
        """The entries of a mapping, the first of which may stand behind a dash."""
        found: dict[str, JSON] = {}
        last = ""
        while True:
            _, _, key, value, _ = self.lines[self.here]
            if key <= last or key.lower() in RESERVED:
                raise _Other
            last = key
            self.next()
            found[key] = _scalar(value) if value else self.block(column + 2)
            if self.here == len(self.lines):
                return found
            indent, dashes, key, *_ = self.lines[self.here]
            if len(indent) != column or dashes or not key:
                return found

    def next(self) -> None:
        self.here += 1
        self.dashes = 0


def _scalar(text: str) -> JSON:
    if text[0] == '"':
        return text[1:-1]
    if text in _WORDS:
        return _WORDS[text]
    if text in {"{}", "[]"}:
        return {} if text == "{}" else []
    if _WHOLE.fullmatch(text):
        return int(text)
    if _FRACTION.fullmatch(text) and repr(value := float(text)) == text:
        return value
    raise _Other
