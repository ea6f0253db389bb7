"""Numbers as people read them, the same in every message: 336,776 rows, 0.741, 1.2 %."""

from __future__ import annotations

MINUS = "\N{MINUS SIGN}"
INDEPENDENT = "rows are taken as independent"
"""What a verdict says that rests on rows, where the manifest names no column that parts them into blocks."""


def number(value: float) -> str:
    """Six significant digits at most, thousands parted: ``6,000``, ``0.741``."""
    if isinstance(value, int) or (abs(value) < 1e15 and value == int(value)):  # noqa: PLR2004 - exact as an integer
        return f"{int(value):,}".replace("-", MINUS)
    return f"{value:.6g}".replace("-", MINUS)


def score(value: float) -> str:
    """A metric, to three decimals, or to three digits where it is tiny or has more digits than anybody reads."""
    text = f"{value:.3f}" if 0.01 <= abs(value) < 1e15 or value == 0 else f"{value:.3g}"  # noqa: PLR2004
    return text.replace("-", MINUS)


def signed(value: float) -> str:
    """A difference with its sign."""
    text = score(value)
    return text if text.startswith(MINUS) else f"+{text}"


def share(part: int, whole: int) -> str:
    """``12 of 1,000 rows (1.2 %)``."""
    return f"{part:,} of {whole:,} rows ({percent(part / whole if whole else 0.0)})"


def percent(value: float) -> str:
    """A share of one as a percentage."""
    return f"{100 * value:.3g} %"


def rows(count: int) -> str:
    """``1 row``, ``336,776 rows``."""
    return f"{count:,} row{'' if count == 1 else 's'}"
