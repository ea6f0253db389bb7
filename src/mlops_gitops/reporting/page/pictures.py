"""Pictures as SVG: the ladder, a histogram of differences, an interval against its margin.

Each has a title that says it in words, for whoever cannot see it, and takes its colours from ``style``.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence

from mlops_gitops.reporting import reproduction_words as words
from mlops_gitops.reporting.page.elements import shown
from mlops_gitops.reporting.page.style import COLOURS, PICTURES
from mlops_gitops.reproduction.levels import Answer, Equivalence, PredictionComparison
from mlops_gitops.reproduction.reproductions import Reproduction

_WIDE, _TALL, _EDGE = 400, 190, 14
_FLOOR = 150
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
    height = 76 + 62 * max(1, len(rungs))
    rows = []
    for number, one in enumerate(rungs):
        top = 66 + 62 * number
        promised = " (promised)" if one.level is found.demanded else ""
        rows.append(
            f'<g transform="translate(36 {top})">{rung(one.answer)}</g>'
            f'<text class="strong" x="168" y="{top + 16}">{one.level.value}{promised}</text>'
            f'<text class="{one.answer.value}" x="168" y="{top + 35}">{words.MARKS[one.answer]} '
            f"{words.ANSWERS[one.answer]}: {shown(one.message, 62)}</text>"
        )
    if not rungs:
        rows.append('<text class="strong" x="168" y="98">nothing to compare</text>')
    rails = "".join(f'<rect class="rail" x="{x}" y="54" width="8" height="{height - 70}" rx="4"/>' for x in (28, 136))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 {height}" width="640" height="{height}" role="img">'
        f"<title>{shown(words.headline(found))}</title><style>{COLOURS}{PICTURES}</style>"
        f'<rect width="640" height="{height}" rx="10" style="fill:var(--paper)"/>'
        f'<text class="strong" x="24" y="34">{shown(words.title(found), 70)}</text>{"".join(rows)}{rails}</svg>'
    )


def histogram(one: PredictionComparison, *, tolerance: float | None) -> str:
    """How far the predicted numbers lie apart; nothing where no numbers were compared."""
    if not one.counts or len(one.edges) != len(one.counts) + 1 or not all(map(math.isfinite, one.edges)):
        return ""
    most = max(*one.counts, 1)
    steep = most > _STEEP * min((count for count in one.counts if count > 0), default=1)
    step = (_WIDE - 2 * _EDGE) / len(one.counts)
    bars = []
    for number, count in enumerate(one.counts):
        share = math.log1p(count) / math.log1p(most) if steep else count / most
        tall = max(share * (_FLOOR - 28), 1.5 if count else 0)
        low, high = one.edges[number], one.edges[number + 1]
        bars.append(
            f'<rect class="count" x="{_EDGE + number * step + 0.5:.1f}" y="{_FLOOR - tall:.1f}" '
            f'width="{max(step - 1, 0.5):.1f}" height="{tall:.1f}"><title>{count:,} rows from {words.number(low)} to '
            f"{words.number(high)}</title></rect>"
        )
    ends = ((_EDGE, "start", one.edges[0]), (_WIDE - _EDGE, "end", one.edges[-1]))
    ticks = "".join(
        f'<text x="{x}" y="{_FLOOR + 18}" text-anchor="{anchor}">{words.number(value)}</text>'
        for x, anchor, value in ends
    )
    drawn, outside = _limits(one.edges, tolerance, step)
    scale = "heights are on a logarithmic scale" if steep else f"the highest bar is {most:,} rows"
    caption = "; ".join(["differences of the predicted numbers", scale, *([outside] if outside else [])])
    label = shown(f"Histogram of prediction differences on {one.dataset}")
    return (
        f'<figure><svg viewBox="0 0 {_WIDE} {_TALL}" role="img"><title>{label}</title>{"".join(bars)}'
        f'<line class="axis" x1="{_EDGE}" y1="{_FLOOR}" x2="{_WIDE - _EDGE}" y2="{_FLOOR}"/>{ticks}{drawn}</svg>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _limits(edges: Sequence[float], tolerance: float | None, step: float) -> tuple[str, str]:
    """The tolerance as lines, and words for it where it is beyond the picture."""
    if tolerance is None or not math.isfinite(tolerance):
        return "", ""
    inside = [value for value in (-tolerance, tolerance) if edges[0] <= value <= edges[-1]]
    if not inside:
        return "", f"the tolerance of {words.number(tolerance)} lies outside the picture"
    lines = "".join(
        f'<line class="limit" x1="{x:.1f}" y1="22" x2="{x:.1f}" y2="{_FLOOR}"/>'
        for x in (_across(edges, value, step) for value in inside)
    )
    x = _across(edges, inside[-1], step)
    anchor = "end" if x > _WIDE / 2 else "start"
    return f'{lines}<text x="{x:.1f}" y="15" text-anchor="{anchor}">tolerance {words.number(tolerance)}</text>', ""


def _across(edges: Sequence[float], value: float, step: float) -> float:
    """Where a value lies, whether the bins are equally wide or not: each is drawn equally wide."""
    found = min(max(bisect.bisect_right(edges, value) - 1, 0), len(edges) - 2)
    width = edges[found + 1] - edges[found]
    return _EDGE + step * (found + ((value - edges[found]) / width if width else 0.0))


def interval(one: Equivalence) -> str:
    """The 90 % interval of a metric's difference against plus or minus its margin, and each seed as a dot."""
    apart = [value - one.record for value in one.values]
    whole = [*one.interval, one.margin, one.difference, *apart]
    if not all(map(math.isfinite, whole)):
        return ""
    reach = (max(map(abs, whole)) or 1.0) * 1.15

    def across(value: float) -> float:
        return _WIDE / 2 + value / reach * (_WIDE / 2 - _EDGE)

    low, high = (across(value) for value in one.interval)
    left, right = across(-one.margin), across(one.margin)
    dots = "".join(f'<circle class="seed" cx="{across(value):.1f}" cy="82" r="3"/>' for value in apart)
    label = shown(f"{one.metric}: {words.number(one.interval[0])} to {words.number(one.interval[1])}")
    return (
        f'<figure><svg viewBox="0 0 {_WIDE} 118" role="img"><title>{label}</title>'
        f'<rect class="zone" x="{left:.1f}" y="22" width="{right - left:.1f}" height="72"/>'
        f'<line class="axis" x1="{_WIDE / 2}" y1="18" x2="{_WIDE / 2}" y2="98"/>'
        f'<line class="reach" x1="{low:.1f}" y1="50" x2="{high:.1f}" y2="50"/>'
        f'<circle class="mean" cx="{across(one.difference):.1f}" cy="50" r="5"/>{dots}'
        f'<text x="{left:.1f}" y="14" text-anchor="middle">-{words.number(one.margin)}</text>'
        f'<text x="{right:.1f}" y="14" text-anchor="middle">+{words.number(one.margin)}</text>'
        f'<text x="{_WIDE / 2}" y="113" text-anchor="middle">the record: {words.number(one.record)}</text></svg>'
        "<figcaption>bar: 90 % interval of the mean difference; dots: one seed each; dashed: the margin</figcaption>"
        "</figure>"
    )
