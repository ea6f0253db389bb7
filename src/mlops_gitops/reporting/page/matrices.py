"""A number for every pair of names, as squares: blue above zero, red with a stroke below, darker the further away."""

from __future__ import annotations

from mlops_gitops.evidence.figures import Matrix, finite
from mlops_gitops.reporting.page.axes import EDGE, WIDE, fitted, line, picture, text, width_of
from mlops_gitops.testing import wording

MOST = 30
_STUB = 176
"""The most that the names may take; the table has them whole."""
_ROOMY = 18
"""In narrower squares there is room for every second number above them."""
_WRITTEN = 38
"""In squares of this width there is room for the numbers themselves."""
_LINE = 13
"""A row is at least as tall as its name."""


def _stroke(x: float, y: float, size: float, tall: float) -> str:
    """The sign of a square that is too small for its number."""
    middle = round(y + (tall - 1) / 2, 1)
    return line("minus", round(x + 0.3 * size, 1), middle, round(x + 0.7 * size - 1, 1), middle)


_TOLD = 0.05
"""Nearer to zero nothing can be seen anyway."""
_DARKEST = 0.5
"""So that the number in it can be read."""


def drawn(figure: Matrix) -> str:
    """The figure as SVG; nothing where it holds nothing that can be drawn."""
    names = figure.names[:MOST]
    if not names or len(figure.values) < len(names) or any(len(row) < len(names) for row in figure.values):
        return ""
    left = min(_STUB, EDGE + max(map(width_of, names)) + 34)
    size = round(min(44.0, (WIDE - left - EDGE) / len(names)), 2)
    tall, parts = max(size, _LINE), []
    for row, name in enumerate(names):
        y = 22 + row * tall
        parts.append(text(left - 30, y + tall / 2 + 4, fitted(name, left - EDGE - 30), anchor="end", kind="ink"))
        parts.append(text(left - 8, y + tall / 2 + 4, str(row + 1), anchor="end"))
        if size >= _ROOMY or row % (2 if size >= _ROOMY / 2 else 5) == 0:
            parts.append(text(left + (row + 0.5) * size, 16, str(row + 1), anchor="middle"))
        parts += [
            _square(figure.values[row][column], left + column * size, y, size, tall, written=size >= _WRITTEN)
            for column in range(len(names))
        ]
    return picture(30 + tall * len(names), figure.title, told(figure), parts)


def told(figure: Matrix) -> str:
    """The strongest pairs in words."""
    pairs = [
        (value, one, other)
        for row, one in enumerate(figure.names[:MOST])
        for column, other in enumerate(figure.names[:row])
        if row < len(figure.values) and column < len(figure.values[row])
        if (value := finite(figure.values[row][column])) is not None
    ]
    strongest = sorted(pairs, key=lambda pair: -abs(pair[0]))[:5]
    return "strongest: " + "; ".join(f"{one} and {other} {wording.signed(value)}" for value, one, other in strongest)


def _square(value: float | None, x: float, y: float, size: float, tall: float, *, written: bool) -> str:
    found = finite(value)
    place = f'x="{x:.1f}" y="{y:.1f}" width="{size - 1:.1f}" height="{tall - 1:.1f}"'
    if found is None:
        return f'<rect class="absent" {place}/>'
    kind, weight = "above" if found >= 0 else "below", min(1.0, abs(found))
    square = f'<rect class="{kind}" {place} fill-opacity="{_DARKEST * weight:.2f}"/>'
    if not written:
        return square + (_stroke(x, y, size, tall) if found <= -_TOLD else "")
    words = f"{found:.2f}".replace("-0.00", "0.00").replace("-", wording.MINUS)
    return square + text(round(x + size / 2, 1), round(y + tall / 2 + 4, 1), words, anchor="middle", kind="ink")
