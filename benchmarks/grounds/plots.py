"""Plots for the documentation, as SVG that a reader's light or dark page colours."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from mlops_gitops.reporting.page.axes import EDGE, WIDE, Axis, beside, line, picture, text, written

_TOP, _FLOOR, _ROOM = 44, 230, 24
_KINDS = (("plain", "sum-now"), ("open", "sum-before"))


def growth(lines: Mapping[str, Sequence[tuple[int, float]]]) -> str:
    """Seconds against a number of models, on a logarithmic axis from zero seconds up; at most two lines by name."""
    every = [point for points in lines.values() for point in points]
    most, sizes = _ceiling(max(taken for _, taken in every)), sorted({models for models, _ in every})
    up = Axis(0.0, most, _FLOOR, _TOP)
    left, grid = beside(up, end=WIDE - EDGE, most=6)
    across = Axis(math.log10(sizes[0]), math.log10(sizes[-1]), left + _ROOM, WIDE - EDGE - _ROOM)
    parts = [text(EDGE, 24, "Time of one promotion, in seconds", kind="strong"), grid]
    parts.append(line("axis", left, _FLOOR, WIDE - EDGE, _FLOOR))
    parts.append(written([(across.at(math.log10(one)), f"{one:,}") for one in sizes], _FLOOR + 16, left, WIDE - EDGE))
    for (name, points), (kind, drawn) in zip(lines.items(), _KINDS, strict=False):
        places = [(across.at(math.log10(models)), up.at(taken), taken) for models, taken in points]
        parts.append(f'<polyline class="{drawn}" points="{" ".join(f"{x:g},{y:g}" for x, y, _ in places)}"/>')
        for x, y, taken in places:
            parts.append(f'<circle class="mean-{kind}" cx="{x:g}" cy="{y:g}" r="4.5"/>')
            parts.append(text(x, round(y - 9, 1), f"{taken:.2f}", anchor="middle", kind="ink halo"))
        x, y, _ = places[0]
        parts.append(text(x + 22, round(y - 9, 1), name, kind="halo"))
    parts.append(text(WIDE / 2, _FLOOR + 36, "models in 5 environments (logarithmic)", anchor="middle"))
    told = "; ".join(f"{name}: {taken:.2f} s among {models:,} models" for name, points in lines.items()
                     for models, taken in points)  # fmt: skip
    return picture(_FLOOR + 46, "Time of one promotion against the number of models", told, parts, alone=True)


def _ceiling(value: float) -> float:
    """The next round number that is divided well by four."""
    unit = 10 ** math.floor(math.log10(value))
    return next(unit * step for step in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10) if unit * step >= value * 1.1)
