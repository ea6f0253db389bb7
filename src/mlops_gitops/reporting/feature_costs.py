"""The costs of features as a table for people, and as a plot that a reader's light or dark page colours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from mlops_gitops.reporting.inert import inert
from mlops_gitops.testing.estimates import Estimate
from mlops_gitops.testing.features import costs as feature_costs
from mlops_gitops.testing.features.costs import Cost, Costs
from mlops_gitops.testing.features.subsets import Subsets

_NOTHING = "not measured"
_ZERO = "not distinguishable from zero"
_PAIRS = 3
_SMALLEST = 0.00005
_SHOWN = 40
"""Groups of a plot; a table has them all."""


def table(costs: Costs) -> str:
    """One line a group, the most useful first, with 90 % intervals."""
    head = (
        "group",
        f"{costs.metric} lost without it",
        "carrying it",
        "its own steps",
        "memory and packages of the steps",
    )
    lines = [head, *(_line(one) for one in costs.costs)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(head))]
    rows = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    title = f"{costs.model}: costs of features, on {costs.rows:,} rows of {costs.dataset} (90 % intervals)"
    notes = [f"  {note}" for note in costs.notes]
    told = _subsets(costs.subsets) if costs.subsets is not None else []
    return "\n".join(inert(line) for line in (title, *(f"  {row}" for row in rows), *notes, *told))


def _subsets(found: Subsets) -> list[str]:
    """What a plain learner finds: each feature alone and beyond all others, the best pairs, the best few."""
    lines = [f"what a plain learner explains of the target, all features: {_percent(found.whole)}"]
    width = max(len(name) for name in found.alone)
    for name, alone in sorted(found.alone.items(), key=lambda one: -one[1].value):
        beyond = found.without.get(name)
        more = f", beyond all others {_percent(beyond)}" if beyond is not None else ""
        lines.append(f"  {name.ljust(width)}  alone {_percent(alone)}{more}")
    lines += [
        f"  {one.first} and {one.second}: {_percent(one.share)}, {_percent(one.more)} more than the better of them"
        for one in found.pairs[:_PAIRS]
    ]
    if found.path:
        steps = " → ".join(f"{name} ({share.value:.1%})" for name, share in found.path)
        lines.append(f"  the best few, one after the other: {steps}")
    return lines


def _percent(found: Estimate) -> str:
    value, lower, upper = (f"{one:.1%}".replace("-0.0%", "0.0%") for one in (found.value, *found.interval))
    return f"{value} ({lower} to {upper})"


def _loss(value: float) -> str:
    """What a metric loses; what four digits would show as nothing is shown by its power of ten."""
    return f"{value:+.4f}" if abs(value) >= _SMALLEST or value == 0 else f"{value:+.0e}"


def _line(one: Cost) -> tuple[str, ...]:
    steps = one.steps
    memory = "-"
    if steps is not None:
        needs = f", needs {', '.join(steps.packages)}" if steps.packages else ""
        memory = f"{size(steps.working)} a row, {size(steps.held)} held{needs}"
    return (
        one.group.name,
        _said(one.power, _loss),
        _said(one.carrying, time),
        "-" if steps is None else _said(steps.seconds, time),
        memory,
    )


def _said(found: Estimate | None, words: Callable[[float], str]) -> str:
    if found is None:
        return _NOTHING
    interval = f"({words(found.lower)} to {words(found.upper)})"
    return f"{words(found.value)} {interval}" if feature_costs.known(found) else f"{_ZERO} {interval}"


def time(value: float) -> str:
    """Seconds with a sign, in the unit that fits."""
    for unit, name in ((1.0, "s"), (1e-3, "ms")):
        if abs(value) >= unit:
            return f"{value / unit:+.3g} {name}"
    return f"{value / 1e-6:+.3g} µs"


def size(value: int) -> str:
    """Bytes, in the unit that fits."""
    return f"{value:,} B" if value < 10_000 else f"{value / 1000:,.0f} kB"  # noqa: PLR2004 - four digits


WIDTH, ROW, TOP, LEFT = 900, 26, 76, 170
_PANEL, _GAP = 186, 60
_STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-size: 15px; font-weight: 600 }
  .quiet { fill: #59636e; font-size: 12px }
  .zero { stroke: #818b98 }
  .power { stroke: #0969da; fill: #0969da } .cost { stroke: #9a6700; fill: #9a6700 }
  .unknown { fill: #ffffff }
  .page { fill: #ffffff }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } .quiet { fill: #9198a1 } .zero { stroke: #656c76 }
    .power { stroke: #4493f8; fill: #4493f8 } .cost { stroke: #d29922; fill: #d29922 }
    .unknown { fill: #0d1117 } .page { fill: #0d1117 }
  }"""


def plot(costs: Costs) -> str:
    """What each group brings beside what it costs, as SVG; hollow where it is not distinguishable from zero."""
    shown = costs.costs[:_SHOWN]
    height = TOP + ROW * len(shown) + 44
    cost = [_seconds(one) for one in shown]
    left, middle, right = (LEFT + place * (_PANEL + _GAP) for place in range(3))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="t d">',
        f'<title id="t">Costs of the features of {escape(costs.model)}</title>',
        f'<desc id="d">{escape("; ".join(" ".join(_line(one)) for one in shown))}</desc>',
        f"<style>{_STYLE}\n</style>",
        f'<rect class="page" width="{WIDTH}" height="{height}"/>',
        f'<text class="title" x="16" y="26">What each feature of {escape(costs.model)} brings and costs</text>',
        f'<text x="{left}" y="56">{escape(costs.metric)} lost without it</text>',
        f'<text x="{middle}" y="56">time that it adds to a request</text>',
        f'<text x="{right}" y="56">memory of its own steps</text>',
    ]
    for place, one in enumerate(shown):
        name = one.group.name if len(one.group.name) <= 22 else f"{one.group.name[:21]}…"  # noqa: PLR2004 - what fits
        parts.append(f'<text x="{LEFT - 16}" y="{_y(place) + 4}" text-anchor="end">{escape(name)}</text>')
    parts += _panel([one.power for one in shown], left, "power", lambda value: f"{value:+.3g}", height)
    parts += _panel(cost, middle, "cost", time, height)
    parts += _panel([_bytes(one) for one in shown], right, "cost", lambda value: size(int(value)), height, none="none")
    words = "hollow: not distinguishable from zero; 90 % intervals"
    parts.append(f'<text class="quiet" x="16" y="{height - 10}">{words}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _seconds(one: Cost) -> Estimate | None:
    """Carrying and steps together; the bounds are added, which is on the safe side."""
    found = [part for part in (one.carrying, one.steps.seconds if one.steps else None) if part is not None]
    if not found:
        return None
    value, lower, upper = (sum(getattr(part, name) for part in found) for name in ("value", "lower", "upper"))
    return Estimate(value, lower, upper, 0.0, found[0].rows)


def _bytes(one: Cost) -> Estimate | None:
    """What its own steps hold, and work with for a row; counted, so that it has no interval."""
    if one.steps is None:
        return None
    value = float(one.steps.held + one.steps.working)
    return Estimate(value, value, value, 0.0, 0)


def _y(place: int) -> int:
    return TOP + ROW * place + ROW // 2


def _panel(
    found: Sequence[Estimate | None],
    left: int,
    name: str,
    words: Callable[[float], str],
    height: int,
    *,
    none: str = _NOTHING,
) -> list[str]:
    known = [one for one in found if one is not None]
    if not known:
        return [f'<text class="quiet" x="{left}" y="{TOP + 18}">{none}</text>']
    low, high = min(0.0, *(one.lower for one in known)), max(0.0, *(one.upper for one in known))
    span = (high - low) or 1.0

    def x(value: float) -> float:
        return left + (value - low) / span * _PANEL

    bottom = height - 40
    parts = [f'<line class="zero" x1="{x(0):.1f}" x2="{x(0):.1f}" y1="{TOP - 8}" y2="{bottom}"/>']
    ends = [(0.0, "0")] + [(value, words(value)) for value in (low, high) if abs(value) > 0.2 * span]
    parts += [
        f'<text class="quiet" x="{x(value):.1f}" y="{bottom + 14}" text-anchor="middle">{escape(text)}</text>'
        for value, text in ends
    ]
    for place, one in enumerate(found):
        if one is None:
            parts.append(f'<text class="quiet" x="{x(0) + 8:.1f}" y="{_y(place) + 4}">{none}</text>')
            continue
        y = _y(place)
        kind = name if feature_costs.known(one) else f"{name} unknown"
        line = (
            f'<line class="{name}" stroke-width="2" x1="{x(one.lower):.1f}" x2="{x(one.upper):.1f}" y1="{y}" y2="{y}"/>'
        )
        parts += [line, f'<circle class="{kind}" stroke-width="2" cx="{x(one.value):.1f}" cy="{y}" r="4.5"/>']
    return parts
