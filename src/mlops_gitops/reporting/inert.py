"""Other people's words, made safe to print.

A reviewer's comment or a model's name may hold what a terminal or a runner would obey: escape sequences, carriage
returns, GitHub's workflow commands.  ``inert`` shows such characters instead of sending them.
"""

from __future__ import annotations

import unicodedata

_SPACES = {"\n", "\r", "\t", "\u2028", "\u2029"}
_HIDDEN = {"Cc", "Cf", "Cs", "Co"}


def inert(text: str) -> str:
    """``text`` on one line, every control or format character shown as an escape.

    A new line becomes a space: nothing that somebody else wrote begins a line of ours, where a runner looks for
    commands.  The old form of those, ``##[name]``, it finds anywhere in a line.
    """
    return "".join(_shown(char) for char in text).replace("##[", "##\\u005b")


def _shown(char: str) -> str:
    if char in _SPACES:
        return " "
    return f"\\u{ord(char):04x}" if unicodedata.category(char) in _HIDDEN else char
