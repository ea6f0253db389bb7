"""What a plain (unquoted) scalar means.

Only what every YAML reader agrees on is turned into a value: ``true``, ``false``, ``null``, decimal integers and
floats.  Whatever readers disagree about (YAML 1.1 booleans, octal, base 60, dates) stays text, and the rule that
explains it comes back with it.  Nothing is resolved silently.
"""

from __future__ import annotations

import re
from math import isfinite

from mlops_gitops.manifests.rules import documents as rules
from mlops_gitops.manifests.rules.rule import Rule

Scalar = str | int | float | bool | None

_TRUE_WORDS = ("true", "True", "TRUE")
_FALSE_WORDS = ("false", "False", "FALSE")
_NULL_WORDS = ("null", "Null", "NULL", "~", "")
_BOOLEANS_1_1 = ("yes", "Yes", "YES", "no", "No", "NO", "on", "On", "ON", "off", "Off", "OFF")

Resolution = tuple[Scalar, Rule | None]

WORDS: dict[str, Resolution] = {
    **dict.fromkeys(_TRUE_WORDS, (True, None)),
    **dict.fromkeys(_FALSE_WORDS, (False, None)),
    **dict.fromkeys(_NULL_WORDS, (None, None)),
    **{word: (word, rules.BOOLEAN_WORD) for word in _BOOLEANS_1_1},
}
NUMERIC_STARTS = frozenset("+-.0123456789")

LARGEST_EXACT = 2**53 - 1
_LONGEST_NUMBER = 64

_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_PATTERNS: dict[str, str] = {
    "odd": r"[-+]?(?:0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|(?:0[0-9_]+|[0-9]+_[0-9_]*)(?:\.[0-9_]*)?)",
    "sexagesimal": r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?",
    "date": r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt \t].*)?",
    "special": r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
}
_ODDITIES = (
    ("odd", rules.ODD_NUMBER),
    ("sexagesimal", rules.SEXAGESIMAL),
    ("date", rules.DATE),
    ("special", rules.NOT_EXACT),
)


def resolve(text: str) -> Resolution:
    """The value of a plain scalar, and the rule that it breaks, if any."""
    known = WORDS.get(text)
    if known is not None:
        return known
    if text[0] in NUMERIC_STARTS:
        return _number(text)
    return text, None


def _number(text: str) -> Resolution:
    if _FLOAT.fullmatch(text) is None:
        return text, _oddity(text)
    if len(text) > _LONGEST_NUMBER:
        return text, rules.NOT_EXACT
    if text.lstrip("+-").isdigit():
        whole = int(text)
        return (whole, None) if -LARGEST_EXACT <= whole <= LARGEST_EXACT else (text, rules.NOT_EXACT)
    value = float(text)
    return (value, None) if isfinite(value) else (text, rules.NOT_EXACT)


def _oddity(text: str) -> Rule | None:
    for name, rule in _ODDITIES:
        if re.fullmatch(_PATTERNS[name], text):  # compiled on first need: few files have any
            return rule
    return None
