"""What is known of the features of a model, as figures: how they go together and what changed, what each brings.

Pure.  Figures judge nothing; what the manifest demands is judged in ``checks``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mlops_gitops.evidence.figures import Figure, Intervals, Line, Matrix, Point
from mlops_gitops.testing.estimates import Estimate
from mlops_gitops.testing.features.correlations import TABLE, Correlations
from mlops_gitops.testing.features.subsets import Subsets

_ZERO = (Line("nothing", 0.0),)


def of_correlations(now: Correlations, before: Correlations | None) -> Iterator[Figure]:
    """The matrix, and that of what changed since ``before``; an input that only one of them has is left empty."""
    names = tuple(dict.fromkeys(name for one in now.pairs for name in (one.first, one.second)))
    if not names:
        return
    here = {(one.first, one.second): one.value for one in now.pairs}
    tables = any(one.kind == TABLE for one in now.pairs)
    note = "Spearman's rank correlation" + ("; Cramér's V, which has no sign, where a category is" if tables else "")
    yield Matrix(f"How the inputs go together, {now.dataset}", names, _square(names, here, own=1.0), note)
    if before is None:
        return
    kinds = {(one.first, one.second): one.kind for one in now.pairs}
    then = {
        pair: one.value for one in before.pairs for pair in ((one.first, one.second), (one.second, one.first))
        if kinds.get(pair) == one.kind
    }  # fmt: skip
    moved = {pair: value - then[pair] for pair, value in here.items() if pair in then}
    yield Matrix(f"How that has changed, {now.dataset}", names, _square(names, moved, own=0.0), "now less before")


def _square(
    names: tuple[str, ...], values: Mapping[tuple[str, str], float], *, own: float
) -> tuple[tuple[float | None, ...], ...]:
    def at(one: str, other: str) -> float | None:
        return own if one == other else values.get((one, other), values.get((other, one)))

    return tuple(tuple(at(one, other) for other in names) for one in names)


def of_powers(metric: str, powers: Mapping[str, Estimate]) -> Iterator[Figure]:
    """What the metric loses when an input is shuffled, the most important first."""
    if powers:
        title = f"What {metric} loses when an input is shuffled"
        yield Intervals(title, f"loss of {metric}", _points(powers), _ZERO, note="90 % intervals")


def of_subsets(found: Subsets | None) -> Iterator[Figure]:
    """What a plain learner finds in each input alone, and what is lost where it alone is left out."""
    if found is None:
        return
    note = "90 % intervals; a plain learner on bins of each input, whatever the model makes of it"
    for title, shares in (
        ("What an input explains alone", found.alone),
        ("What only this input explains", found.without),
    ):
        if shares:
            yield Intervals(title, "share explained", _points(shares), _ZERO, note=note)


def _points(found: Mapping[str, Estimate]) -> tuple[Point, ...]:
    ordered = sorted(found.items(), key=lambda one: -one[1].value)
    return tuple(Point(name, one.value, one.lower, one.upper, rows=one.rows) for name, one in ordered)
