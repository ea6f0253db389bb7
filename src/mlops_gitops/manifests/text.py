"""Bytes → text, or the reason why not.

Bounded, strict UTF-8, and free of characters that a reviewer cannot see.  Line separators that YAML counts and editors
do not (NEL, LS, PS) are among those, so that the line of a finding is the line in the editor.
"""

from __future__ import annotations

import codecs
import re

from mlops_gitops.findings import Finding, Location
from mlops_gitops.manifests.rules import documents as rules

MAX_BYTES = 1024 * 1024

_INVISIBLE = (
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)

_LAYOUT = {ord("\n"): None, ord("\r"): None, ord("\t"): None}


def invisible(text: str) -> re.Match[str] | None:
    """The first character of ``text`` that a reviewer cannot see.  The pattern is compiled for rare texts only."""
    if text.translate(_LAYOUT).isprintable():
        return None
    return re.search(_INVISIBLE, text)


def place(file: str, text: str, index: int) -> Location:
    """The location of the character at ``index``."""
    line = text.count("\n", 0, index) + 1
    column = index - (text.rfind("\n", 0, index) + 1) + 1
    return Location(file, line, column, line, column + 1)


def decode(path: str, data: bytes) -> str | Finding:
    """The text of a file, or the one finding that stops it from being read."""
    if len(data) > MAX_BYTES:
        return rules.TOO_LARGE.at(Location(path), f"the file is larger than {MAX_BYTES // 1024} KiB")
    if data.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return rules.ENCODING.at(Location(path), "the file starts with a byte order mark")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        message = f"byte {data[error.start]:#04x} is not valid UTF-8 here"
        return rules.ENCODING.at(place(path, before, len(before)), message)
    hidden = invisible(text)
    if hidden is not None:
        message = f"the character U+{ord(hidden.group()):04X} cannot be seen"
        return rules.INVISIBLE.at(place(path, text, hidden.start()), message)
    return text
