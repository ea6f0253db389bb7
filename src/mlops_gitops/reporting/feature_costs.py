"""The costs of features as a table for people, and as a plot that a reader's light or dark page colours."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mlops_gitops.reporting.inert import inert
from mlops_gitops.reporting.page.axes import EDGE, WIDE, Axis, fitted, line, mark, picture, text, wrapped, written
from mlops_gitops.testing.estimates import Estimate
from mlops_gitops.testing.features import costs as feature_costs
from mlops_gitops.testing.features.costs import Cost, Costs
from mlops_gitops.testing.features.subsets import Subsets

_NOTHING = "not measured"
_ZERO = "not distinguishable from zero"
_PAIRS = 3
_SMALLEST = 0.00005
_FAR = 0.2
"""Of the scale: what is nearer to zero than this has no number under it."""
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


def time(value: float, digits: int = 3) -> str:
    """Seconds with a sign, in the unit that fits."""
    for unit, name in ((1.0, "s"), (1e-3, "ms")):
        if abs(value) >= unit:
            return f"{value / unit:+.{digits}g} {name}"
    return f"{value / 1e-6:+.{digits}g} µs"


def size(value: int) -> str:
    """Bytes, in the unit that fits."""
    return f"{value:,} B" if value < 10_000 else f"{value / 1000:,.0f} kB"  # noqa: PLR2004 - four digits


_ROW, _TOP, _GAP = 38, 94, 10
_PANEL = (WIDE - 2 * EDGE - 2 * _GAP) / 3


def plot(costs: Costs) -> str:
    """What each group brings beside what it costs, as SVG; hollow where it is not distinguishable from zero."""
    shown = costs.costs[:_SHOWN]
    floor = _TOP + _ROW * len(shown) + 4
    panels: list[tuple[str, list[Estimate | None], Callable[[float], str], str]] = [
        (f"{costs.metric} lost without it", [one.power for one in shown], lambda value: f"{value:+.3g}", _NOTHING),
        ("time added to a request", [_seconds(one) for one in shown], lambda value: time(value, 2), _NOTHING),
        ("memory of its own steps", [_bytes(one) for one in shown], lambda value: size(int(value)), "none"),
    ]
    title = wrapped(f"What each feature of {costs.model} brings and costs", 270, 2)
    parts = [text(EDGE, 20 + 18 * n, row, kind="strong") for n, row in enumerate(title)]
    for place, one in enumerate(shown):
        parts.append(text(EDGE, _TOP + _ROW * place + 15, fitted(one.group.name, WIDE - 2 * EDGE), kind="ink"))
    for place, (head, found, words, none) in enumerate(panels):
        left = EDGE + place * (_PANEL + _GAP)
        parts += [text(left, 66 + 15 * n, row) for n, row in enumerate(wrapped(head, _PANEL, 2))]
        parts += _panel(found, left, words, floor, none=none)
    parts.append(text(EDGE, floor + 38, "hollow: not distinguishable from zero; 90 % intervals"))
    told = "; ".join(" ".join(_line(one)) for one in shown)
    return picture(floor + 48, f"Costs of the features of {costs.model}", told, parts, alone=True)


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


def _panel(
    found: Sequence[Estimate | None], left: float, words: Callable[[float], str], floor: float, *, none: str
) -> list[str]:
    """One kind of cost of all groups on a scale of its own, which has zero."""
    known = [one for one in found if one is not None]
    if not known:
        return [text(left, _TOP + 31, none)]
    low, high = min(0.0, *(one.lower for one in known)), max(0.0, *(one.upper for one in known))
    axis = Axis(low, high or (0.0 if low else 1.0), left, left + _PANEL - 8)
    far = [value for value in (low, high) if abs(value) > _FAR * (high - low)]
    ends = sorted([(axis.at(0.0), "0"), *((axis.at(value), words(value)) for value in far)])
    parts = [line("axis", left, floor, left + _PANEL, floor), written(ends, floor + 16, left, left + _PANEL + 6)]
    for place, one in enumerate(found):
        y = _TOP + _ROW * place + 27
        if one is None:
            parts.append(text(left, y + 4, none))
            continue
        parts.append(line("axis", axis.at(0.0), y - 8, axis.at(0.0), y + 8))
        kind = "plain" if feature_costs.known(one) else "hollow"
        parts.append(line("reach-plain", axis.at(one.lower), y, axis.at(one.upper), y))
        parts.append(mark(kind, axis.at(one.value), y))
    return parts
