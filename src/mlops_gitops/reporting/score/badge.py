"""The score as a badge: a picture of its own, and the JSON that shields.io draws one from."""

from __future__ import annotations

import json

from mlops_gitops.evidence.score.scoring import Score
from mlops_gitops.reporting.page.elements import shown
from mlops_gitops.reporting.score.text import points

_LABEL = "ML Test Score"
_COLOURS = ((0.0, "#bd2c26", "critical"), (1.0, "#b3560f", "orange"), (3.0, "#86610a", "yellow"))
_GOOD = ("#14784a", "success")


def svg(score: Score) -> str:
    """The badge, 20 high, in any font and without a network."""
    value = f"{points(score.total)} / 7"
    left, right = 96, 12 + 7 * len(value)
    colour, _ = _colour(score)
    name = shown(f"{_LABEL} of {score.release.name} {score.release.version}: {value}", 160)
    halves = "".join(
        f'<text x="{x:g}" y="14" text-anchor="middle">{words}</text>'
        for x, words in ((left / 2, _LABEL), (left + right / 2, value))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img">'
        f"<title>{name}</title>"
        f'<rect width="{left + right}" height="20" rx="3" fill="#3b434b"/>'
        f'<path d="M{left} 0h{right - 3}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3h-{right - 3}z" fill="{colour}"/>'
        f'<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">{halves}</g></svg>'
    )


def shields(score: Score) -> str:
    """What https://shields.io/badges/endpoint-badge takes."""
    _, colour = _colour(score)
    return json.dumps({"schemaVersion": 1, "label": _LABEL, "message": points(score.total), "color": colour}, indent=2)


def _colour(score: Score) -> tuple[str, str]:
    return next(((paint, name) for most, paint, name in _COLOURS if score.total <= most), _GOOD)
