"""Pictures of a scorecard: intervals in letters, bars in Mermaid, and a forest plot as SVG.

GitHub draws Mermaid in the reader's colours, light or dark, and shows no picture of ours that is not hosted somewhere;
so what stands in the comment is Mermaid and letters, and the SVG is kept beside it.  Whatever stands in a picture was
somebody else's: in Mermaid only letters, digits and a few signs are left of it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from mlops_gitops.reporting.page.axes import EDGE, WIDE, Axis, fitted, line, mark, picture, text, width_of, wrapped
from mlops_gitops.reporting.scorecard import words
from mlops_gitops.reporting.scorecard.records import Reading, Score

_COLOURS = '"themeVariables": {"xyChart": {"plotColorPalette": "#3b82f6, #f97316"}}'
"""Blue bars and an orange line: both can be seen on white and on black, also by who sees no red or green."""
_SIZE = (520, 110, 28)
"""The width, which a phone shrinks least so that its words can be read; the height without bars; that of a bar."""
_HALF = 9
_BARS = 12
_LABEL = 18
_ROW, _TOP = 40, 48
_FOREST = {"better": "holds", "worse": "broken", "unclear": "open", "unknown": "plain"}


def reach(scores: Sequence[Score]) -> float:
    """What half the width of a plot stands for, so that these can be looked at together."""
    ends = [abs(end) for one in scores if one.change_interval for end in one.change_interval]
    limits = [1.5 * abs(one.limit) for one in scores if one.limit and one.change_interval]
    return max([*ends, *limits], default=0.0) or 1.0


def whisker(score: Score, span: float) -> str:
    """The interval of a change in letters, better to the right: ``·····┆···│━●━··``.

    ``│`` is the champion, ``┆`` the largest loss that is allowed.
    """
    if score.change is None or score.change_interval is None or score.better is None:
        return ""
    low, high, at, limit = _turned(score)
    line = ["·"] * (2 * _HALF + 1)
    left, right, middle = (_place(one, span) for one in (low, high, at))
    if limit is not None:
        line[min(_place(limit, span), _HALF - 1)] = "┆"
    line[_HALF] = "│"
    for position in range(left, right + 1):
        line[position] = "┿" if position == _HALF else "━"
    line[middle] = "●"
    return "".join(line)


def _turned(score: Score) -> tuple[float, float, float, float | None]:
    """Interval, change and limit with more being better."""
    sign = 1 if score.better == "higher" else -1
    low, high = sorted(sign * one for one in score.change_interval or (0.0, 0.0))
    return low, high, sign * (score.change or 0.0), None if score.limit is None else -abs(score.limit)


def _place(value: float, span: float) -> int:
    return _HALF + round(max(-1.0, min(1.0, value / span)) * _HALF)


def slices(scores: Sequence[Score]) -> str:
    """Bars of the candidate and a line of the champion, slice by slice; nothing where there is nothing to compare."""
    shown = [one for one in scores if one.candidate is not None and one.champion is not None][:_BARS]
    if len(shown) < 2:  # noqa: PLR2004 - one bar says less than its row
        return ""
    title = f"{_word(shown[0].metric)} by slice (bars: candidate, line: champion)"
    labels = [one.slice or "all" for one in shown]
    return _chart(title, labels, [one.candidate or 0.0 for one in shown], [one.champion or 0.0 for one in shown])


def drift(readings: Sequence[Reading]) -> str:
    """Bars of how far each column has moved, and a line of what is allowed; the farthest first."""
    shown = sorted(readings, key=lambda one: -abs(one.observed))[:_BARS]
    if len(shown) < 2:  # noqa: PLR2004 - one bar says less than its row, and one limit makes no line
        return ""
    limits = [one.limit for one in shown if one.limit is not None]
    line = limits if len(limits) == len(shown) else []
    title = "Drift by column" + (" (line: limit)" if line else "")
    return _chart(title, [one.subject for one in shown], [one.observed for one in shown], line)


def bars(title: str, labels: Sequence[str], values: Sequence[float]) -> str:
    """One bar for each value."""
    return _chart(title, labels[:_BARS], list(values[:_BARS]), [])


def _chart(title: str, labels: Sequence[str], values: Sequence[float], line: Sequence[float]) -> str:
    """Level bars, beside which long names have room; nothing where one is below zero, since all begin at one end."""
    if min([*values, *line]) < 0:
        return ""
    top = max([*values, *line]) or 1.0
    width, room, bar = _SIZE
    names = ", ".join(f'"{name}"' for name in _distinct([_word(one) for one in labels]))
    lines = [
        "```mermaid",
        f'%%{{init: {{"xyChart": {{"width": {width}, "height": {room + bar * len(values)}}}, {_COLOURS}}}}}%%',
        "xychart-beta horizontal",
        f'    title "{title}"',
        f"    x-axis [{names}]",
        f"    y-axis 0 --> {_figure(float(f'{1.05 * top:.2g}'))}",
        f"    bar [{', '.join(map(_figure, values))}]",
    ]
    lines += [f"    line [{', '.join(map(_figure, line))}]"] if line else []
    return "\n".join([*lines, "```"])


def _word(text: str) -> str:
    """What may stand between quotes in Mermaid: no quote, no bracket, no mark-up, no way out."""
    kept = re.sub(r"[^\w.,= +-]", "?", words.plain(text, _LABEL + 2))
    return kept if len(kept) <= _LABEL else f"{kept[: _LABEL - 2]}.."


def _distinct(names: Sequence[str]) -> list[str]:
    """Names that Mermaid does not take for one and the same."""
    return [name if name not in names[:index] else f"{name} ({index + 1})" for index, name in enumerate(names)]


def _figure(value: float) -> str:
    text = f"{value:.6g}"
    return f"{value:.6f}" if "e-" in text else f"{value:.0f}" if "e" in text else text


def forest(scores: Sequence[Score], *, title: str) -> str:
    """The changes of all metrics and slices with their intervals as one SVG, better to the right.

    Each metric has a scale of its own.  Empty where nothing was compared.
    """
    shown = [one for one in scores if one.change is not None and one.change_interval is not None and one.better]
    if not shown:
        return ""
    spans = {one.metric: reach([other for other in shown if other.metric == one.metric]) for one in shown}
    several = len({one.against for one in shown}) > 1
    rows = [
        _forest_row(one, spans[one.metric], _TOP + index * _ROW, several=several) for index, one in enumerate(shown)
    ]
    floor, middle = _TOP + len(shown) * _ROW + 6, WIDE / 2
    ends = text(EDGE, floor + 16, "← worse") + text(WIDE - EDGE, floor + 16, "better →", anchor="end")
    parts = [
        *(
            text(EDGE, 20 + 18 * n, one, kind="strong")
            for n, one in enumerate(wrapped(words.plain(title, 120), 270, 2))
        ),
        line("axis", middle, _TOP, middle, floor),
        *rows,
        text(middle, floor + 16, "champion", anchor="middle"),
        ends,
        text(EDGE, floor + 36, "bars: intervals; dashed: the most that may be lost"),
        text(EDGE, floor + 52, "each metric has a scale of its own; ◆ worse, ○ unclear"),
    ]
    told = "; ".join(f"{_forest_name(one, several=several)} {_forest_words(one)}" for one in shown)
    return picture(floor + 62, words.plain(title, 120), told, parts, alone=True)


def _forest_name(score: Score, *, several: bool) -> str:
    name = score.metric if score.slice is None else score.slice
    return words.plain(f"{name} / {words.release(score.against)[:6]}" if several else name, 120)


def _forest_words(score: Score) -> str:
    return f"{words.signed(score.change or 0.0)} ({words.between(score.change_interval, words.signed)})"


def _forest_row(score: Score, span: float, top: float, *, several: bool) -> str:
    """Name and numbers on one line, the interval below them."""
    low, high, at, limit = _turned(score)
    axis, y, said = Axis(-span, span, EDGE, WIDE - EDGE), top + 30, _forest_words(score)
    kind, left = _FOREST[score.outcome], EDGE if score.slice is None else EDGE + 14
    name = fitted(_forest_name(score, several=several), WIDE - EDGE - left - width_of(said) - 8)
    parts = [
        text(left, top + 16, name, kind="ink halo" if score.slice is None else "halo"),
        text(WIDE - EDGE, top + 16, html.escape(said), anchor="end", kind="halo"),
    ]
    if limit is not None:
        parts.append(line("limit", axis.at(limit), y - 8, axis.at(limit), y + 8))
    parts += [line(f"reach-{kind}", axis.at(low), y, axis.at(high), y), mark(kind, axis.at(at), y)]
    return "".join(parts)
