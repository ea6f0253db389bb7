"""Axes: where a number lies in a picture, which round numbers stand under it, and words that fit.

A picture is ``WIDE`` units wide and is scaled to the page: on a phone its text is still as tall as small print.
Positions are rounded to a tenth of a unit.  Words are never written over each other: what has no room is cut in its
middle, since names differ at both ends, or goes to a line of its own.
"""

from __future__ import annotations

import html
import math
import unicodedata
from collections.abc import Iterable, Sequence

from mlops_gitops.evidence.figures import Line, finite
from mlops_gitops.records import record
from mlops_gitops.reporting.page.elements import shown
from mlops_gitops.reporting.page.style import COLOURS, PICTURES
from mlops_gitops.reporting.reproduction_words import said
from mlops_gitops.testing import wording
from mlops_gitops.testing.wording import MINUS

WIDE = 380
EDGE = 12
ALONE = 480
"""Pixels that a picture takes as a file of its own, where there is room."""
HEAD = 14
"""What the name of an upright line takes above a picture."""
_STUB = 150
"""The widest names that stand beside their rows; longer ones stand above them."""
_LONGEST = 9
_NARROW, _BROAD = frozenset("fijlrtI.,:;'|!()[]-/ "), frozenset(f"mwMW%@=+<>#~^&→←…{MINUS}")


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
    return [float(f"{n * step:.12g}") for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


def around(values: Iterable[float | None], *, start: float, end: float, room: float = 0.06) -> Axis | None:
    """An axis that holds all finite values with some room; ``None`` where there is none."""
    known = [one for one in map(finite, values) if one is not None]
    if not known:
        return None
    low, high = min(known), max(known)
    if not math.isfinite(high - low):
        return None
    space = (high - low) * room or abs(high) * 0.1 or 1.0
    return Axis(low - space, high + space, start, end)


def short(value: float, digits: int = 4) -> str:
    """A number under an axis: so many digits that matter at most, many thousands and millions by letter."""
    size = abs(float(f"{value:.{digits}g}"))
    for unit, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if unit <= size < 1e15 and (unit > 1e3 or size >= 1e4):  # noqa: PLR2004 - four digits stay as they are
            rounded = float(f"{value:.{digits - 1}g}")
            return f"{rounded / unit:.{digits}g}{letter}".replace("-", MINUS)
    return f"{value:.{digits}g}".replace("-", MINUS)


def score(value: float) -> str:
    """A value in a picture, as it is written elsewhere; by letter where that is long."""
    words = wording.score(value)
    return words if len(words) <= _LONGEST else short(value)


def told_apart(values: Sequence[float]) -> list[str]:
    """The numbers of one axis with so many digits that no two of them look alike."""
    some = ([short(one, digits) for one in values] for digits in range(4, 16))
    return next((words for words in some if len(set(words)) == len(words)), [short(one, 15) for one in values])


def width_of(words: str) -> float:
    """How wide words of size 12 are in the broadest of the usual fonts, DejaVu Sans."""
    return sum(map(_wide, words))


def _wide(letter: str) -> float:
    if letter in _NARROW:
        return 5.0
    if unicodedata.combining(letter):
        return 0.0
    if letter in _BROAD or unicodedata.east_asian_width(letter) in {"W", "F"}:
        return 12.5
    return 9.0 if letter.isupper() else 7.8


def fitted(text: str, width: float) -> str:
    """Somebody else's words, cut in the middle to a width, and escaped."""
    words = said(text, 400)
    if width_of(words) > width:
        kept = next((count for count in range(len(words) - 1, 1, -1) if width_of(_cut(words, count)) <= width), 1)
        words = _cut(words, kept)
    return html.escape(words)


def _cut(words: str, kept: int) -> str:
    return f"{words[: (kept + 1) // 2].rstrip()}…{words[len(words) - kept // 2 :].lstrip()}"


def wrapped(text: str, width: float, most: int) -> list[str]:
    """Somebody else's words on at most so many lines of a width, escaped; what is left over is cut out of the last."""
    lines: list[str] = []
    for word in said(text, 400).split():
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and (len(lines) == most or width_of(joined) <= width):
            lines[-1] = joined
        else:
            lines.append(word)
    return [fitted(one, width) for one in lines]


def stub(labels: Iterable[str]) -> float | None:
    """Where rows begin, right of their names; ``None`` where those are so long that they stand above the rows."""
    widest = max((width_of(said(one, 400)) for one in labels), default=0.0)
    return round(EDGE + widest + 10, 1) if widest <= _STUB else None


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
    """A level axis at ``y``: its line, its ticks, numbers as far as there is room, and grid lines ``upwards`` tall."""
    values = axis.ticks(most)
    grid = [line("grid", axis.at(one), y - upwards, axis.at(one), y) for one in values] if upwards else []
    places = [(axis.at(value), words) for value, words in zip(values, told_apart(values), strict=True)]
    return line("axis", axis.start, y, axis.end, y) + "".join(grid) + written(places, y + 15, axis.start, axis.end)


def written(places: Sequence[tuple[float, str]], y: float, start: float, end: float) -> str:
    """Numbers in a row, each at its place and between two ends; one that would touch the last is left out."""
    parts, taken = [], -math.inf
    for x, words in places:
        wide = width_of(words)
        left = min(max(x - wide / 2, start), end - wide)
        if left < taken:
            continue
        anchor = "start" if left > x - wide / 2 else "end" if left < x - wide / 2 else "middle"
        parts.append(text({"start": start, "middle": x, "end": end}[anchor], y, words, anchor=anchor))
        taken = left + wide + 6
    return "".join(parts)


def beside(axis: Axis, *, end: float, most: int = 4) -> tuple[float, str]:
    """An upright axis at the left edge, with grid lines up to ``end``: where the picture right of it begins, and it."""
    values = axis.ticks(most)
    words = told_apart(values)
    left = round(EDGE + max(map(width_of, words)) + 6, 1)
    parts = []
    for value, number in zip(values, words, strict=True):
        y = axis.at(value)
        parts.append(line("grid", left, y, end, y) + text(left - 6, y + 4, number, anchor="end"))
    return left, "".join(parts)


def uprights(lines: Sequence[Line], axis: Axis, floor: float, *, kinds: Sequence[str], top: float = 0) -> str:
    """Upright lines from ``top`` to ``floor``, each with its name in a row of its own, which crosses no line before."""
    parts: list[str] = []
    before: list[float] = []
    for number, (one, kind) in enumerate(zip(lines, kinds, strict=True)):
        if finite(one.value) is None:
            continue
        x, y = axis.at(one.value), top + HEAD * (number + 1)
        words = fitted(f"{one.label} {short(one.value)}", WIDE - 2 * EDGE)
        wide = width_of(html.unescape(words))
        whole = [left for left in (x + 4, x - 4 - wide) if EDGE <= left <= WIDE - EDGE - wide]
        clear = [left for left in whole if not any(left < other < left + wide for other in before)]
        left = [*clear, *whole, max(EDGE, WIDE - EDGE - wide)][0]
        given = (left, "start") if left >= x else (left + wide, "end")
        parts.append(line(kind, x, y - 9, x, floor) + text(given[0], y, words, anchor=given[1], kind="halo"))
        before.append(x)
    return "".join(parts)


def picture(height: float, title: str, told: str, parts: Sequence[str], *, alone: bool = False) -> str:
    """The whole picture, with its name and what it shows in words, for whoever cannot see it.

    ``alone`` is a file of its own, which brings its colours and the paper behind it.
    """
    frame = f'viewBox="0 0 {WIDE:g} {height:g}" role="img"'
    named = f"<title>{shown(title, 160)}</title><desc>{shown(told, 600)}</desc>"
    inner = "".join(parts)
    if not alone:
        return f"<svg {frame}>{named}{inner}</svg>"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{ALONE}" height="{height * ALONE / WIDE:.0f}" {frame}>{named}'
        f"<style>{COLOURS}{PICTURES}</style>"
        f'<rect class="paper" width="{WIDE:g}" height="{height:g}"/>{inner}</svg>\n'
    )
