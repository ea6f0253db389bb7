"""How severe a CVSS v3 vector is: its base score (https://www.first.org/cvss/v3.1/specification-document).  Pure."""

from __future__ import annotations

import re
from typing import Final

_VECTOR = re.compile(r"CVSS:3\.[01]((?:/[A-Z]{1,3}:[A-Z])+)")
_LOST: Final = {"H": 0.56, "L": 0.22, "N": 0.0}
_WEIGHTS: Final = {
    "AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
    "AC": {"L": 0.77, "H": 0.44},
    "UI": {"N": 0.85, "R": 0.62},
    "C": _LOST,
    "I": _LOST,
    "A": _LOST,
}
_PRIVILEGES: Final = {"U": {"N": 0.85, "L": 0.62, "H": 0.27}, "C": {"N": 0.85, "L": 0.68, "H": 0.5}}
_RATINGS: Final = ((9.0, "critical"), (7.0, "high"), (4.0, "medium"), (0.1, "low"))


def rating(score: float) -> str | None:
    """The word for a base score (section 5); ``None`` for none at all."""
    return next((word for least, word in _RATINGS if score >= least), None)


def base_score(vector: str) -> float:
    """0.0 to 10.0, by sections 7.1 and 7.4.  Raises ``ValueError`` for what is no vector of version 3."""
    match = _VECTOR.fullmatch(vector)
    if match is None:
        raise ValueError(f"{vector[:80]!r} is not a vector of CVSS 3")
    given = dict(one.split(":") for one in match[1][1:].split("/"))
    try:
        weights = {name: values[given[name]] for name, values in _WEIGHTS.items()}
        scope = given["S"]
        privileges = _PRIVILEGES[scope][given["PR"]]
    except KeyError as missing:
        raise ValueError(f"{vector[:80]!r} is not a vector of CVSS 3: {missing}") from None
    left = (1 - weights["C"]) * (1 - weights["I"]) * (1 - weights["A"])
    lost = 1 - left
    changed = scope == "C"
    impact = 7.52 * (lost - 0.029) - 3.25 * (lost - 0.02) ** 15 if changed else 6.42 * lost
    if impact <= 0:
        return 0.0
    ease = 8.22 * weights["AV"] * weights["AC"] * privileges * weights["UI"]
    return _up(min((1.08 if changed else 1.0) * (impact + ease), 10.0))


def _up(value: float) -> float:
    """Up to one decimal, as appendix A has it, so that binary fractions do not decide."""
    whole = round(value * 100_000)
    return whole / 100_000 if whole % 10_000 == 0 else (whole // 10_000 + 1) / 10
