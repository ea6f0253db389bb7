"""Pictures as SVG: the ladder, a histogram of differences, an interval against its margin.

Each has a title that says it in words, for whoever cannot see it, and takes its colours from ``style``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from mlops_gitops.reporting import reproduction_words as words
from mlops_gitops.reporting.page.axes import EDGE, WIDE, Axis, fitted, line, mark, picture, text, under, wrapped
from mlops_gitops.reporting.page.bins import Bins, even
from mlops_gitops.reproduction.levels import Answer, Equivalence, PredictionComparison
from mlops_gitops.reproduction.reproductions import Reproduction

_FLOOR = 150
_WORDS = 112
_SAID = WIDE - EDGE - _WORDS
_STEEP = 30


def rung(answer: Answer) -> str:
    """One rung, 100 wide and 40 high, its middle at 20."""
    match answer:
        case Answer.HOLDS:
            return '<rect class="bar" x="0" y="15" width="100" height="10"/>'
        case Answer.BROKEN:
            left = "0,14 39,19 33,23 41,26 34,30 0,24"
            right = "100,14 61,21 67,24 59,28 66,32 100,24"
            return f'<polygon class="snapped" points="{left}"/><polygon class="snapped" points="{right}"/>'
        case Answer.OPEN:
            return '<line class="gap" x1="3" y1="20" x2="97" y2="20"/>'


def ladder(found: Reproduction) -> str:
    """The ladder as a picture of its own, for a light and a dark page."""
    rungs = found.agreement.rungs if found.agreement else ()
    height = 66 + 66 * max(1, len(rungs))
    parts = [text(EDGE, 26, fitted(words.title(found), _SAID), kind="strong")]
    for number, one in enumerate(rungs):
        top = 62 + 66 * number
        promised = " (promised)" if one.level is found.demanded else ""
        answer = f"{words.MARKS[one.answer]} {words.ANSWERS[one.answer]}"
        parts += [
            f'<g transform="translate(20 {top}) scale(.72 1)">{rung(one.answer)}</g>',
            text(_WORDS, top + 8, f"{one.level.value}{promised}", kind="ink"),
            text(WIDE - EDGE, top + 8, answer, anchor="end", kind=one.answer.value),
        ]
        parts += [text(_WORDS, top + 26 + 15 * n, row) for n, row in enumerate(wrapped(one.message, _SAID, 2))]
    if not rungs:
        parts.append(text(_WORDS, 86, "nothing to compare", kind="ink"))
    rails = (f'<rect class="rail" x="{x}" y="44" width="6" height="{height - 54}" rx="3"/>' for x in (15, 91))
    told = "; ".join(f"{one.level.value} {words.ANSWERS[one.answer]}: {one.message}" for one in rungs)
    return picture(height, words.headline(found), told, [*parts, *rails], alone=True)


def histogram(one: PredictionComparison, *, tolerance: float | None) -> str:
    """How far the predicted numbers lie apart; nothing where no numbers were compared."""
    if not one.counts or len(one.edges) != len(one.counts) + 1 or not all(map(math.isfinite, one.edges)):
        return ""
    most = max(*one.counts, 1)
    steep = most > _STEEP * min((count for count in one.counts if count > 0), default=1)
    places = _places(one.edges)
    step = (WIDE - 2 * EDGE) / len(one.counts)
    bars = []
    for number, count in enumerate(one.counts):
        share = math.log1p(count) / math.log1p(most) if steep else count / most
        tall = max(share * (_FLOOR - 28), 1.5 if count else 0)
        low, high = one.edges[number], one.edges[number + 1]
        bars.append(
            f'<rect class="count" x="{EDGE + number * step + 0.5:.1f}" y="{_FLOOR - tall:.1f}" '
            f'width="{max(step - 1, 0.5):.1f}" height="{tall:.1f}"><title>{count:,} rows from {words.number(low)} to '
            f"{words.number(high)}</title></rect>"
        )
    drawn, outside = _limits(places, tolerance)
    scale = f"the highest bar is {most:,} rows{', on a logarithmic scale' if steep else ''}"
    caption = "; ".join(["differences of the predicted numbers", scale, *([outside] if outside else [])])
    title = f"Histogram of prediction differences on {one.dataset}"
    parts = [*bars, line("axis", EDGE, _FLOOR, WIDE - EDGE, _FLOOR), places.under(_FLOOR), drawn]
    svg = picture(_FLOOR + 24, title, f"{sum(one.counts):,} rows; {caption}", parts)
    return f"<figure>{svg}<figcaption>{caption}</figcaption></figure>"


def _places(edges: Sequence[float]) -> Bins:
    """All bins as wide in the picture; the axis has round numbers where they are so anyway."""
    drawn = even(tuple(edges), start=EDGE, end=WIDE - EDGE)
    axis = Axis(edges[0], edges[-1], EDGE, WIDE - EDGE)
    same = all(abs(axis.at(edge) - drawn.axis.at(number)) < 1 for number, edge in enumerate(edges))
    return Bins(drawn.edges, axis, even=False) if same else drawn


def _limits(places: Bins, tolerance: float | None) -> tuple[str, str]:
    """The tolerance as lines, and words for it where it is beyond the picture."""
    if tolerance is None or not math.isfinite(tolerance):
        return "", ""
    inside = [value for value in (-tolerance, tolerance) if places.edges[0] <= value <= places.edges[-1]]
    said = f"tolerance ±{words.number(tolerance)}"
    if not inside:
        return "", f"the {said} lies outside the picture"
    lines = "".join(line("limit", places.at(value), 20, places.at(value), _FLOOR) for value in inside)
    return lines + text(WIDE / 2, 14, said, anchor="middle"), ""


def interval(one: Equivalence) -> str:
    """The 90 % interval of a metric's difference against plus or minus its margin, and each seed as a dot."""
    apart = [value - one.record for value in one.values]
    whole = [*one.interval, one.margin, one.difference, *apart]
    if not all(map(math.isfinite, whole)):
        return ""
    reach = (max(map(abs, whole)) or 1.0) * 1.1
    axis, kind = Axis(-reach, reach, EDGE, WIDE - EDGE), one.answer.value
    low, high = (axis.at(value) for value in one.interval)
    left, right = axis.at(-one.margin), axis.at(one.margin)
    parts = [
        f'<rect class="zone" x="{left:g}" y="20" width="{right - left:.1f}" height="68"/>',
        line("axis", WIDE / 2, 20, WIDE / 2, 94),
        under(axis, 94),
        line(f"reach-{kind}", low, 42, high, 42),
        mark(kind, axis.at(one.difference), 42, size=5),
        *(f'<circle class="seed" cx="{axis.at(value):g}" cy="70" r="3"/>' for value in apart),
        text(WIDE / 2, 13, f"margin ±{words.number(one.margin)}", anchor="middle"),
        text(WIDE / 2, 128, f"difference from the record, {words.number(one.record)}", anchor="middle"),
    ]
    told = f"{one.metric}: {words.number(one.interval[0])} to {words.number(one.interval[1])}"
    caption = "bar: 90 % interval of the mean difference; dots: one seed each; dashed: the margin"
    return f"<figure>{picture(136, told, caption, parts)}<figcaption>{caption}</figcaption></figure>"
