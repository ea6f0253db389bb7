"""A column beside its reference: where its values lie, how the two add up, and how far that is from what is allowed.

Numbers are drawn twice over one axis: as shares of rows, and added up.  The band around the reference's sum is as wide
as the limit, so the column has moved too far exactly where its curve leaves the band.  The strip below has the effect
size with its bounds, and the limit.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from itertools import accumulate, pairwise

from mlops_gitops.evidence.figures import Distribution, finite
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.reporting.page import bins
from mlops_gitops.reporting.page.axes import (
    EDGE,
    WIDE,
    Axis,
    fitted,
    line,
    mark,
    picture,
    score,
    short,
    stub,
    text,
    width_of,
)
from mlops_gitops.reporting.page.bins import Bins
from mlops_gitops.testing import wording

KINDS = {Verdict.PASS: "holds", Verdict.FAIL: "broken", Verdict.INCONCLUSIVE: "open", None: "plain"}
_BARS = 30
_TAIL = 0.005
"""This share of the rows at either end may lie outside the picture."""
_CROWDED = 0.9
"""Where so much lies in two bars, bins are drawn equally wide instead."""
_ROW, _TALL = 30, 46
_FLOOR, _TOP, _BOTTOM = 108, 132, 232
_FEWEST_EDGES = 2


def drawn(figure: Distribution) -> str:
    """The figure as SVG; nothing where it holds nothing that can be drawn."""
    if sum(figure.reference) <= 0 or sum(figure.current) <= 0 or len(figure.reference) != len(figure.current):
        return ""
    if figure.labels:
        return _categories(figure) if len(figure.labels) == len(figure.reference) else ""
    fits = len(figure.edges) + 1 == len(figure.reference) and len(figure.edges) >= _FEWEST_EDGES
    return _numbers(figure) if fits and all(map(math.isfinite, figure.edges)) else ""


def told(figure: Distribution) -> str:
    """The figure in words."""
    one = figure.moved
    if one.value is None or one.lower is None or one.upper is None:
        return f"{figure.title} cannot be compared"
    bounds = f"{wording.score(one.lower)} to {wording.score(one.upper)}"
    return f"{figure.measure} is {wording.score(one.value)} ({bounds}); at most {wording.score(figure.limit)} may be"


def even(figure: Distribution) -> bool:
    """Whether its bins are drawn equally wide, whatever their width is."""
    return not figure.labels and bool(drawn(figure)) and _scale(figure).even


def _scale(figure: Distribution) -> Bins:
    both = [a / sum(figure.reference) + b / sum(figure.current) for a, b in _sides(figure)]
    low, high = _quantile(figure.edges, both, _TAIL), _quantile(figure.edges, both, 1 - _TAIL)
    if high > low:
        axis = Axis(low, high, EDGE, WIDE - EDGE)
        crowded = any(_crowded(_bars(figure.edges, side, axis)) for side in (figure.reference, figure.current))
        if not crowded:
            return Bins(figure.edges, axis, even=False)
    return bins.even(figure.edges, start=EDGE, end=WIDE - EDGE)


def _sides(figure: Distribution) -> list[tuple[int, int]]:
    return list(zip(figure.reference, figure.current, strict=True))


def _quantile(edges: Sequence[float], weights: Sequence[float], share: float) -> float:
    """The value below which ``share`` of the weight lies; the first or the last edge where it is beyond."""
    sums = list(accumulate(weights))
    wanted = share * sums[-1]
    found = bisect.bisect_left(sums, wanted)
    if found == 0 or found >= len(edges):
        return edges[0] if found == 0 else edges[-1]
    part = (wanted - sums[found - 1]) / (weights[found] or 1.0)
    return edges[found - 1] + part * (edges[found] - edges[found - 1])


def _bars(edges: Sequence[float], counts: Sequence[int], axis: Axis) -> list[float]:
    """The shares of rows in equally wide bars, a bin's rows taken as evenly spread; those outside are left out."""
    step, found = (axis.high - axis.low) / _BARS, [0.0] * _BARS
    whole = sum(counts)
    for index, (low, high) in enumerate(pairwise(edges)):
        count = counts[index + 1]
        if not count:
            continue
        first = max(0, int((low - axis.low) // step))
        last = min(_BARS - 1, int((high - axis.low) // step))
        for bar in range(first, last + 1):
            left, right = axis.low + bar * step, axis.low + (bar + 1) * step
            part = max(0.0, min(high, right) - max(low, left)) / ((high - low) or 1.0)
            found[bar] += part * count / whole
    return found


def _crowded(bars: Sequence[float]) -> bool:
    return sum(sorted(bars)[-2:]) > _CROWDED * sum(bars)


def _numbers(figure: Distribution) -> str:
    scale = _scale(figure)
    parts = [_histogram(figure, scale), _sums(figure, scale), scale.under(_BOTTOM), _strip(figure, _BOTTOM + 44)]
    return picture(_BOTTOM + 90, figure.title, told(figure), [_legend(EDGE, "now"), *parts])


def _legend(x: float, now: str) -> str:
    squares = ((x, "before", "reference"), (x + 92, now, "now"))
    return "".join(
        f'<rect class="{kind}" x="{left:g}" y="6" width="11" height="11"/>{text(left + 16, 16, words)}'
        for left, kind, words in squares
    )


def _histogram(figure: Distribution, scale: Bins) -> str:
    if scale.even:
        shares = [[count / sum(side) for count in side[1:-1]] for side in (figure.reference, figure.current)]
        places = [scale.axis.at(index) for index in range(len(figure.edges))]
    else:
        shares = [_bars(figure.edges, side, scale.axis) for side in (figure.reference, figure.current)]
        step = (WIDE - 2 * EDGE) / _BARS
        places = [round(EDGE + step * index, 1) for index in range(_BARS + 1)]
    most = max(max(side, default=0.0) for side in shares) or 1.0
    tall = _FLOOR - 30
    outlines = []
    for kind, side in zip(("before", "now"), shares, strict=True):
        steps = " ".join(
            f"{left:g},{_FLOOR - share / most * tall:.1f} {right:g},{_FLOOR - share / most * tall:.1f}"
            for left, right, share in zip(places, places[1:], side, strict=False)
        )
        points = f"{places[0]:g},{_FLOOR} {steps} {places[-1]:g},{_FLOOR}"
        outlines.append(f'<polygon class="{kind}" points="{points}"/>')
    tallest = text(WIDE - EDGE, 16, f"tallest of {len(shares[0])} bars: {wording.percent(most)}", anchor="end")
    return tallest + "".join(outlines) + line("axis", EDGE, _FLOOR, WIDE - EDGE, _FLOOR)


def _sums(figure: Distribution, scale: Bins) -> str:
    """Both sums, the band of the limit around the reference's, and the place of the largest distance."""
    up = Axis(0.0, 1.0, _BOTTOM, _TOP)
    sums = [[total / sum(side) for total in accumulate(side[:-1])] for side in (figure.reference, figure.current)]
    places = [scale.at(edge) for edge in figure.edges]
    before = list(zip(places, sums[0], strict=True))
    top = " ".join(f"{x:g},{up.at(y + figure.limit):g}" for x, y in before)
    bottom = " ".join(f"{x:g},{up.at(y - figure.limit):g}" for x, y in reversed(before))
    parts = [
        f'<polygon class="band" points="{top} {bottom}"/>',
        _path("sum-before", [(x, up.at(y)) for x, y in before]),
        _path("sum-now", [(x, up.at(y)) for x, y in zip(places, sums[1], strict=True)]),
    ]
    apart = [abs(a - b) for a, b in zip(*sums, strict=True)]
    widest = apart.index(max(apart))
    kind = KINDS[figure.moved.verdict]
    x, ends = places[widest], sorted(up.at(one[widest]) for one in sums)
    parts.append(line(f"gap-{kind}", x, ends[0], x, ends[1]))
    parts.append(line("axis", EDGE, _BOTTOM, WIDE - EDGE, _BOTTOM))
    words = f"added up, 0 to 100 % of rows; the band: ±{short(figure.limit)}"
    parts.append(text(EDGE, _TOP - 8, words, kind="halo"))
    return "".join(parts)


def _path(kind: str, places: Sequence[tuple[float, float]]) -> str:
    return f'<polyline class="{kind}" points="{" ".join(f"{x:g},{y:g}" for x, y in places)}"/>'


def _strip(figure: Distribution, y: float) -> str:
    """The effect size with its bounds, and the limit."""
    one = figure.moved
    value = finite(one.value)
    if value is None or one.interval is None:
        return ""
    low, high = one.interval
    axis = Axis(0.0, max(value, high, figure.limit * 1.6) * 1.05 or 1.0, EDGE, WIDE - EDGE)
    kind, limit = KINDS[one.verdict], axis.at(figure.limit)
    anchor = "end" if limit > WIDE / 2 else "start"
    return (
        f'<rect class="zone" x="{EDGE}" y="{y:g}" width="{max(0.0, limit - EDGE):.1f}" height="16"/>'
        + line("limit", limit, y - 5, limit, y + 21)
        + line(f"reach-{kind}", axis.at(low), y + 8, axis.at(high), y + 8)
        + mark(kind, axis.at(value), y + 8, size=5)
        + text(EDGE, y + 37, f"{fitted(figure.measure, 140)} {score(value)}", kind="ink")
        + text(limit, y - 9, f"limit {short(figure.limit)}", anchor=anchor)
        + text(WIDE - EDGE, y + 37, f"{score(low)} to {score(high)}", anchor="end")
    )


def _categories(figure: Distribution) -> str:
    """Two bars a value, before and now; a long name stands above them, the shares at the right edge."""
    whole = [sum(side) for side in (figure.reference, figure.current)]
    shares = [(a / whole[0], b / whole[1]) for a, b in _sides(figure)]
    words = [f"{100 * old:.3g} → {wording.percent(new)}" for old, new in shares]
    left, end = stub(figure.labels), WIDE - EDGE - max(map(width_of, words))
    start = EDGE if left is None else left
    axis = Axis(0.0, max(map(max, shares)) or 1.0, start, WIDE - EDGE if left is None else end - 8)
    tall = _TALL if left is None else _ROW
    bottom = 28 + tall * len(shares)
    parts, y = [_legend(start, "now-bar"), line("axis", start, 26, start, bottom)], 28
    for label, (old, new), said in zip(figure.labels, shares, words, strict=True):
        bars = y if left is not None else y + 20
        parts.append(text(WIDE - EDGE, y + 14, said, anchor="end"))
        if left is None:
            parts.append(text(EDGE, y + 14, fitted(label, end - EDGE - 8), kind="ink halo"))
        else:
            parts.append(text(left - 8, y + 14, fitted(label, left - 10), anchor="end", kind="ink"))
        for kind, share, offset in (("before", old, 0), ("now-bar", new, 10)):
            width = max(axis.at(share) - start, 0.5 if share else 0.0)
            parts.append(f'<rect class="{kind}" x="{start:g}" y="{bars + offset:g}" width="{width:.1f}" height="9"/>')
        y += tall
    parts.append(_strip(figure, bottom + 26))
    return picture(bottom + 72, figure.title, told(figure), parts)
