"""Pictures of a scorecard: intervals in letters, bars in Mermaid, and a forest plot as SVG.

GitHub draws Mermaid in the reader's colours, light or dark, and shows no picture of ours that is not hosted somewhere;
so what stands in the comment is Mermaid and letters, and the SVG is kept beside it.  Whatever stands in a picture was
somebody else's: in Mermaid only letters, digits and a few signs are left of it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from mlops_gitops.reporting.page.style import COLOURS, PICTURES
from mlops_gitops.reporting.scorecard import words
from mlops_gitops.reporting.scorecard.records import Reading, Score

_PALETTE = '%%{init: {"themeVariables": {"xyChart": {"plotColorPalette": "#3b82f6, #f97316"}}}}%%'
"""Blue bars and an orange line: both can be seen on white and on black, also by who sees no red or green."""
_HALF = 9
_BARS = 12
_LABEL = 18
_WIDE, _ROW, _LEFT, _RIGHT, _TOP = 840, 30, 250, 590, 34


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
    if not shown:
        return ""
    limits = [one.limit for one in shown if one.limit is not None]
    line = limits if len(limits) == len(shown) else []
    title = "Drift by column" + (" (line: limit)" if line else "")
    return _chart(title, [one.subject for one in shown], [one.observed for one in shown], line)


def bars(title: str, labels: Sequence[str], values: Sequence[float]) -> str:
    """One bar for each value."""
    return _chart(title, labels[:_BARS], list(values[:_BARS]), [])


def _chart(title: str, labels: Sequence[str], values: Sequence[float], line: Sequence[float]) -> str:
    top, bottom = max([*values, *line, 0.0]), min([*values, *line, 0.0])
    if top == bottom:
        top = 1.0
    names = ", ".join(f'"{name}"' for name in _distinct([_word(one) for one in labels]))
    lines = [
        "```mermaid",
        _PALETTE,
        "xychart-beta",
        f'    title "{title}"',
        f"    x-axis [{names}]",
        f"    y-axis {_figure(bottom)} --> {_figure(_above(top, bottom))}",
        f"    bar [{', '.join(map(_figure, values))}]",
    ]
    lines += [f"    line [{', '.join(map(_figure, line))}]"] if line else []
    return "\n".join([*lines, "```"])


def _above(top: float, bottom: float) -> float:
    """A little more than the highest bar, in a figure that can be read."""
    return float(f"{top + 0.05 * (top - bottom):.2g}") if top - bottom else top


def _word(text: str) -> str:
    """What may stand between quotes in Mermaid: no quote, no bracket, no mark-up, no way out."""
    kept = re.sub(r"[^A-Za-z0-9_.,= +-]", "?", words.plain(text, _LABEL + 2))
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
    tall, middle = _TOP + len(shown) * _ROW + 30, (_LEFT + _RIGHT) / 2
    label = html.escape(words.plain(title, 120))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDE} {tall}" width="{_WIDE}" role="img">'
        f"<title>{label}</title><style>{COLOURS}{PICTURES}svg{{background:var(--paper)}}"
        ".better{fill:var(--holds);stroke:var(--holds)}.worse{fill:var(--broken);stroke:var(--broken)}"
        ".unclear{fill:var(--soft);stroke:var(--soft)}</style>"
        f'<text class="strong" x="12" y="22">{html.escape(words.plain(title, 84))}</text>'
        f'<line class="axis" x1="{middle}" y1="{_TOP}" x2="{middle}" y2="{tall - 24}"/>'
        f'{"".join(rows)}<text x="{_LEFT}" y="{tall - 8}">worse</text>'
        f'<text x="{middle}" y="{tall - 8}" text-anchor="middle">champion</text>'
        f'<text x="{_RIGHT}" y="{tall - 8}" text-anchor="end">better</text></svg>\n'
    )


def _forest_row(score: Score, span: float, top: float, *, several: bool) -> str:
    low, high, at, limit = _turned(score)
    y = top + _ROW / 2

    def across(value: float) -> float:
        half = (_RIGHT - _LEFT) / 2
        return _LEFT + half + max(-1.0, min(1.0, value / span)) * half

    name = score.metric if score.slice is None else f"   {score.slice}"
    name += f" / {words.release(score.against)[:6]}" if several else ""
    weight = ' class="strong" style="font-size:12px"' if score.slice is None else ""
    mark = ""
    if limit is not None:
        x = f"{across(limit):.1f}"
        mark = f'<line class="limit" x1="{x}" y1="{top + 4:.0f}" x2="{x}" y2="{top + _ROW - 4:.0f}"/>'
    said = f"{words.signed(score.change or 0.0)} ({words.between(score.change_interval, words.signed)})"
    return (
        f'<text{weight} x="12" y="{y + 4:.0f}">{html.escape(words.plain(name, 34))}</text>{mark}'
        f'<line class="{score.outcome}" stroke-width="3" x1="{across(low):.1f}" y1="{y:.0f}" x2="{across(high):.1f}" '
        f'y2="{y:.0f}"/><circle class="{score.outcome}" cx="{across(at):.1f}" cy="{y:.0f}" r="5"/>'
        f'<text x="{_RIGHT + 14}" y="{y + 4:.0f}">{html.escape(said)}</text>'
    )
