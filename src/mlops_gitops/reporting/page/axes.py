"""Axes: where a number lies in a picture, which round numbers stand under it, and words that fit.

A picture is ``WIDE`` units wide and is scaled to the page, so that its text stays readable on a phone.  Positions are
rounded to a tenth of a unit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from mlops_gitops.records import record
from mlops_gitops.reporting.page.elements import shown
from mlops_gitops.testing.wording import MINUS

WIDE = 420
EDGE = 14
_LETTER = 6.4
"""Units that a letter of 12 needs, on the safe side."""


@record
class Axis:
    """Numbers from ``low`` to ``high``, drawn from ``start`` to ``end``; what lies outside is drawn at the end."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """The place of a number."""
        share = (min(max(value, self.low), self.high) - self.low) / ((self.high - self.low) or 1.0)
        return round(self.start + share * (self.end - self.start), 1)

    def inside(self, value: float) -> bool:
        """Whether a number lies on the axis."""
        return self.low <= value <= self.high

    def ticks(self, most: int = 5) -> list[float]:
        """Round numbers on the axis, at most so many."""
        return ticks(self.low, self.high, most)


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten between two numbers, at most ``most`` and at least one."""
    span = high - low
    if not math.isfinite(span) or span <= 0:
        return [low]
    power = 10.0 ** math.floor(math.log10(span / most))
    steps = (step * power for step in (1, 2, 5, 10, 20, 50))
    step = next(one for one in steps if math.floor(high / one) - math.ceil(low / one) < most)
    return [round(n * step, 12) for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


def around(values: Iterable[float | None], *, start: float, end: float, room: float = 0.06) -> Axis | None:
    """An axis that holds all finite values with some room; ``None`` where there is none."""
    known = [one for one in values if one is not None and math.isfinite(one)]
    if not known:
        return None
    low, high = min(known), max(known)
    if not math.isfinite(high - low):
        return None
    space = (high - low) * room or abs(high) * 0.1 or 1.0
    return Axis(low - space, high + space, start, end)


def short(value: float) -> str:
    """A number under an axis: four digits that matter at most, many thousands and millions by letter."""
    size = abs(value)
    for unit, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if unit <= size < 1e15 and (unit > 1e3 or size >= 1e4):  # noqa: PLR2004 - four digits stay as they are
            return f"{value / unit:.3g}{letter}".replace("-", MINUS)
    return f"{value:.4g}".replace("-", MINUS)


def width_of(words: str) -> float:
    """How wide words are, on the safe side."""
    return _LETTER * len(words)


def fitted(text: str, width: float) -> str:
    """Somebody else's words, cut to a width and escaped."""
    most = max(1, int(width / _LETTER))
    return shown(text if len(text) <= most else f"{text[: most - 1].rstrip()}…", most + 1)


def text(x: float, y: float, words: str, *, anchor: str = "start", kind: str = "") -> str:
    """Words in a picture; they are already escaped."""
    named = f' class="{kind}"' if kind else ""
    placed = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text x="{x:g}" y="{y:g}"{placed}{named}>{words}</text>'


def line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    """A straight line."""
    return f'<line class="{kind}" x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}"/>'


def mark(kind: str, x: float, y: float, *, size: float = 4.5, label: str = "") -> str:
    """An estimate in the shape of its answer, so that it tells without a colour: a diamond has failed, a ring is open.

    ``label`` is already escaped.
    """
    inner = f"<title>{label}</title>" if label else ""
    if kind == "broken":
        far = 1.4 * size
        corners = " ".join(f"{x + across:g},{y + up:g}" for across, up in ((0, -far), (far, 0), (0, far), (-far, 0)))
        return f'<polygon class="mean-{kind}" points="{corners}">{inner}</polygon>'
    return f'<circle class="mean-{kind}" cx="{x:g}" cy="{y:g}" r="{size:g}">{inner}</circle>'


def under(axis: Axis, y: float, *, most: int = 5, upwards: float = 0) -> str:
    """A level axis at ``y``: its line, its ticks, its numbers, and grid lines ``upwards`` units tall."""
    parts = [line("axis", axis.start, y, axis.end, y)]
    for value in axis.ticks(most):
        x = axis.at(value)
        if upwards:
            parts.append(line("grid", x, y - upwards, x, y))
        anchor = "start" if x < axis.start + 8 else "end" if x > axis.end - 8 else "middle"
        parts.append(text(x, y + 15, short(value), anchor=anchor))
    return "".join(parts)


def beside(axis: Axis, x: float, *, most: int = 4, across: float = 0) -> str:
    """An upright axis at ``x``: grid lines ``across`` units wide, and numbers to its left."""
    parts = []
    for value in axis.ticks(most):
        y = axis.at(value)
        parts.append(line("grid", x, y, x + across, y))
        parts.append(text(x - 6, y + 4, short(value), anchor="end"))
    return "".join(parts)


def picture(height: float, title: str, told: str, parts: Sequence[str], *, width: float = WIDE) -> str:
    """The whole picture, with its name and what it shows in words, for whoever cannot see it."""
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img"><title>{shown(title, 160)}</title>'
        f"<desc>{shown(told, 600)}</desc>{''.join(parts)}</svg>"
    )
