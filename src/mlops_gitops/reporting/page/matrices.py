"""A number for every pair of names, as squares: blue above zero, red with a stroke below, darker the further away."""

from __future__ import annotations

import math

from mlops_gitops.evidence.figures import Matrix
from mlops_gitops.reporting.page.axes import WIDE, fitted, line, picture, text
from mlops_gitops.testing import wording

MOST = 30
_LEFT = 142
_ROOMY = 18
"""In narrower squares there is room for every second number above them."""
_WRITTEN = 9
"""Up to so many names there is room for the numbers themselves."""


def _stroke(x: float, y: float, size: float) -> str:
    """The sign of a square that is too small for its number."""
    middle = round(y + (size - 1) / 2, 1)
    return line("minus", round(x + 0.3 * size, 1), middle, round(x + 0.7 * size - 1, 1), middle)


_TOLD = 0.05
"""Nearer to zero nothing can be seen anyway."""
_DARKEST = 0.6
"""So that the number in it can be read."""


def drawn(figure: Matrix) -> str:
    """The figure as SVG; nothing where it holds nothing that can be drawn."""
    names = figure.names[:MOST]
    if not names or len(figure.values) < len(names) or any(len(row) < len(names) for row in figure.values):
        return ""
    size = round(min(40.0, (WIDE - _LEFT - 6) / len(names)), 2)
    parts = []
    for row, name in enumerate(names):
        y = 22 + row * size
        parts.append(
            text(_LEFT - 8, y + size / 2 + 4, f"{fitted(name, _LEFT - 42)} {row + 1}", anchor="end", kind="ink")
        )
        if size >= _ROOMY or row % 2 == 0:
            parts.append(text(_LEFT + (row + 0.5) * size, 16, str(row + 1), anchor="middle"))
        parts += [
            _square(figure.values[row][column], _LEFT + column * size, y, size, written=len(names) <= _WRITTEN)
            for column in range(len(names))
        ]
    return picture(30 + size * len(names), figure.title, told(figure), parts)


def told(figure: Matrix) -> str:
    """The strongest pairs in words."""
    pairs = [
        (value, one, other)
        for row, one in enumerate(figure.names[:MOST])
        for column, other in enumerate(figure.names[:row])
        if row < len(figure.values) and column < len(figure.values[row])
        if (value := _known(figure.values[row][column])) is not None
    ]
    strongest = sorted(pairs, key=lambda pair: -abs(pair[0]))[:5]
    return "strongest: " + "; ".join(f"{one} and {other} {wording.signed(value)}" for value, one, other in strongest)


def _known(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _square(value: float | None, x: float, y: float, size: float, *, written: bool) -> str:
    found = _known(value)
    kind, weight = ("absent", 1.0) if found is None else ("above" if found >= 0 else "below", min(1.0, abs(found)))
    square = (
        f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{size - 1:.1f}" height="{size - 1:.1f}" '
        f'fill-opacity="{_DARKEST * weight:.2f}"/>'
    )
    if not written or found is None:
        return square + (_stroke(x, y, size) if found is not None and found <= -_TOLD else "")
    words = f"{found:.2f}".replace("-0.00", "0.00").replace("-", wording.MINUS)
    return square + text(round(x + size / 2, 1), round(y + size / 2 + 4, 1), words, anchor="middle", kind="ink")
