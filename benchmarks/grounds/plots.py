"""Plots for the documentation, as SVG that a reader's light or dark page colours."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

WIDTH, HEIGHT = 640, 320
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 40, 56
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-size: 15px; font-weight: 600 }
  .quiet { fill: #59636e }
  .grid { stroke: #d1d9e0 }
  .line { stroke: #0969da; fill: none; stroke-width: 2.5 }
  .dot, .name { fill: #0969da }
  .second .line { stroke: #9a6700; stroke-dasharray: 6 4 }
  .second .dot, .second .name { fill: #9a6700 }
  .page { fill: #ffffff }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } .quiet { fill: #9198a1 } .grid { stroke: #3d444d }
    .line { stroke: #4493f8 } .dot, .name { fill: #4493f8 } .page { fill: #0d1117 }
    .second .line { stroke: #d29922 } .second .dot, .second .name { fill: #d29922 }
  }"""


def growth(lines: Mapping[str, Sequence[tuple[int, float]]]) -> str:
    """Seconds against a number of models, on a logarithmic axis from zero seconds up; at most two lines by name."""
    every = [point for points in lines.values() for point in points]
    most, sizes = _ceiling(max(taken for _, taken in every)), sorted({models for models, _ in every})
    first, last = math.log10(sizes[0]), math.log10(sizes[-1])

    def x(models: int) -> float:
        return LEFT + 24 + (math.log10(models) - first) / (last - first) * (WIDTH - LEFT - RIGHT - 48)

    def y(taken: float) -> float:
        return HEIGHT - BOTTOM - taken / most * (HEIGHT - TOP - BOTTOM)

    told = "; ".join(f"{name}: {taken:.2f} s among {models:,} models" for name, points in lines.items()
                     for models, taken in points)  # fmt: skip
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="t d">',
        '<title id="t">Time of one promotion against the number of models</title>',
        f'<desc id="d">{told}</desc>',
        f"<style>{STYLE}\n</style>",
        f'<rect class="page" width="{WIDTH}" height="{HEIGHT}"/>',
        f'<text class="title" x="{LEFT}" y="24">Time of one promotion, in seconds</text>',
    ]
    for step in range(5):
        value = most * step / 4
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>')
        parts.append(f'<text class="quiet" x="{LEFT - 10}" y="{y(value) + 4:.1f}" text-anchor="end">{value:g}</text>')
    parts += [
        f'<text class="quiet" x="{x(models):.1f}" y="{HEIGHT - 32}" text-anchor="middle">{models:,}</text>'
        for models in sizes
    ]
    for number, (name, points) in enumerate(lines.items()):
        places = [(x(models), y(taken), taken) for models, taken in points]
        line = " ".join(f"{across:.1f},{down:.1f}" for across, down, _ in places)
        parts.append(f'<g class="{("first", "second")[number]}"><polyline class="line" points="{line}"/>')
        away = -12
        parts += [
            f'<circle class="dot" cx="{across:.1f}" cy="{down:.1f}" r="4.5"/>'
            f'<text x="{across:.1f}" y="{down + away:.1f}" text-anchor="middle">{taken:.2f}</text>'
            for across, down, taken in places
        ]
        across, down, _ = places[0]
        parts.append(f'<text class="name" x="{across + 28:.1f}" y="{down + away:.1f}">{name}</text></g>')
    axis = "models in 5 environments (logarithmic)"
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text class="quiet" x="{middle}" y="{HEIGHT - 12}" text-anchor="middle">{axis}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _ceiling(value: float) -> float:
    """The next round number that is divided well by four."""
    unit = 10 ** math.floor(math.log10(value))
    return next(unit * step for step in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10) if unit * step >= value * 1.1)
