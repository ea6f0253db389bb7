"""What each feature, or group of features, costs a prediction, and what it brings.

A trained model wants all of its columns, so a column cannot be left out to see what that saves.  What can be measured:

* **carrying**: the seconds that a request takes longer when it holds the columns of the group once more, under names
  that the model drops.  It is the network, the parsing and the table; not the model.
* **steps**: the seconds and bytes of those parts of the model's column transformer that no other group needs.
* **power**: how much the primary metric falls when the columns of the group are shuffled together over the held-out
  rows (permutation importance; Breiman 2001, Machine Learning 45:5).  Groups that tell the same hide each other's.

What the model itself takes longer because it has more inputs is in none of them: for that it has to be trained again.
``subsets.py`` says beside them what a plain learner finds in each feature, whatever the model makes of it.
Pure.  Intervals are two-sided at 90 %, and a number whose interval covers zero is not distinguishable from zero.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mlops_gitops.canonical import JSON
from mlops_gitops.errors import Misused
from mlops_gitops.testing.estimates import Estimate, Unmeasurable, quantile
from mlops_gitops.testing.features.subsets import Subsets
from mlops_gitops.testing.infra import load
from mlops_gitops.testing.infra.load import CONFIDENCE
from mlops_gitops.testing.models.metrics import Metric, Sample
from mlops_gitops.testing.statistics import Floats

SHUFFLES = 5
"""How often the columns of a group are shuffled; what is told is the mean."""


@dataclass(frozen=True, slots=True)
class Group:
    """Columns that are judged together."""

    name: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Steps:
    """Parts of the model that only this group needs: seconds a row, bytes at work for a row, bytes held for good.

    ``packages`` are those whose code these parts run.
    """

    names: tuple[str, ...]
    seconds: Estimate
    working: int
    held: int
    packages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cost:
    """What is known of one group; what is ``None`` was not measured.

    ``power`` is the loss of the metric, turned so that more is better; ``carrying`` is in seconds a request.
    """

    group: Group
    power: Estimate | None = None
    carrying: Estimate | None = None
    steps: Steps | None = None


@dataclass(frozen=True, slots=True)
class Costs:
    """All groups of one model, the most useful first, and why something was not measured."""

    model: str
    metric: str
    dataset: str
    rows: int
    costs: tuple[Cost, ...]
    notes: tuple[str, ...] = ()
    subsets: Subsets | None = None


def groups(inputs: Sequence[str], named: Mapping[str, Sequence[str]]) -> tuple[Group, ...]:
    """The named groups, and each other input as one of its own.  Raises ``Misused``."""
    taken: dict[str, str] = {}
    for name, columns in named.items():
        for one in columns:
            if one not in inputs:
                raise _misused(f"the group {name} names {one}, which is no input of the model")
            if one in taken:
                raise _misused(f"{one} is in the group {taken[one]} and in {name}")
            taken[one] = name
    clash = next((name for name in named if name in inputs and taken.get(name) != name), None)
    if clash is not None:
        raise _misused(f"the group {clash} has the name of an input that is not in it")
    together = [Group(name, tuple(columns)) for name, columns in named.items()]
    return (*together, *(Group(one, (one,)) for one in inputs if one not in taken))


def _misused(message: str) -> Misused:
    return Misused(message, hint="write --group NAME=COLUMN,COLUMN with inputs of the manifest", code="feature-group")


def middle(values: Floats) -> Estimate:
    """The median between two order statistics (``load.ranks``), which no outlier moves.

    Raises ``Unmeasurable`` where the values are too few.
    """
    count = len(values)
    lower, upper = load.ranks(count, 0.5) if count else (0, 1)
    if lower < 1 or upper > count:
        raise Unmeasurable(f"{count} measurements are too few; {load.fewest_requests(0.5)} are the least")
    ordered = np.sort(values)
    low, high = float(ordered[lower - 1]), float(ordered[upper - 1])
    return Estimate(float(np.median(ordered)), low, high, (high - low) / (2 * quantile(CONFIDENCE)), count)


def carrying(plain: Floats, laden: Floats) -> Estimate:
    """How much longer the laden request took: the median of the differences of neighbours in time (sign test)."""
    return middle(laden - plain)


def power(metric: Metric, whole: Sample, shuffled: Sequence[Sample]) -> Estimate:
    """The mean loss of the metric over the shuffles, with the paired interval of its rows.

    The bounds are means as well.  The rows are the same in each shuffle, so that they may err together, and then the
    interval is right; where they do not, it is too wide.  Where no prediction is another, nothing is lost, and the
    interval is nothing.  Raises ``Unmeasurable``.
    """
    if shuffled and all(np.array_equal(one.predictions, whole.predictions) for one in shuffled):
        return Estimate(0.0, 0.0, 0.0, 0.0, len(whole.labels))
    found = [metric.difference(one, whole, confidence=CONFIDENCE) for one in shuffled]
    if not found:
        raise Unmeasurable("nothing was shuffled")
    mean = [
        math.fsum(part) / len(found)
        for part in zip(*((e.value, e.lower, e.upper, e.error) for e in found), strict=True)
    ]
    value, lower, upper, error = mean
    if not metric.higher_is_better:
        value, lower, upper = -value, -upper, -lower
    return Estimate(value, lower, upper, error, found[0].rows)


def known(found: Estimate | None) -> bool | None:
    """Whether a number is distinguishable from zero; ``None`` where it was not measured."""
    return None if found is None else not found.lower <= 0 <= found.upper


def ordered(costs: Sequence[Cost]) -> tuple[Cost, ...]:
    """The most useful first, what was not measured last."""
    return tuple(sorted(costs, key=lambda one: -math.inf if one.power is None else one.power.value, reverse=True))


def document(costs: Costs) -> dict[str, JSON]:
    """As JSON; times in seconds, sizes in bytes, and ``null`` for what was not measured."""
    return {
        "model": costs.model,
        "metric": costs.metric,
        "dataset": costs.dataset,
        "rows": costs.rows,
        "confidence": CONFIDENCE,
        "notes": [*costs.notes],
        "subsets": None if costs.subsets is None else _subsets(costs.subsets),
        "groups": [
            {
                "name": one.group.name,
                "columns": [*one.group.columns],
                "power": _numbers(one.power),
                "carryingSeconds": _numbers(one.carrying),
                "steps": None
                if one.steps is None
                else {
                    "names": [*one.steps.names],
                    "seconds": _numbers(one.steps.seconds),
                    "workingBytes": one.steps.working,
                    "heldBytes": one.steps.held,
                    "packages": [*one.steps.packages],
                },
            }
            for one in costs.costs
        ],
    }


def _subsets(found: Subsets) -> JSON:
    """What a plain learner finds in each feature, in pairs, and in the best few."""
    return {
        "rows": found.rows,
        "whole": _numbers(found.whole),
        "features": [
            {"name": name, "alone": _numbers(alone), "without": _numbers(found.without.get(name))}
            for name, alone in sorted(found.alone.items(), key=lambda one: -one[1].value)
        ],
        "pairs": [
            {"first": one.first, "second": one.second, "share": _numbers(one.share), "more": _numbers(one.more)}
            for one in found.pairs
        ],
        "path": [{"name": name, "share": _numbers(share)} for name, share in found.path],
    }


def _numbers(found: Estimate | None) -> JSON:
    if found is None:
        return None
    return {
        "value": float(f"{found.value:.6g}"),
        "lower": float(f"{found.lower:.6g}"),
        "upper": float(f"{found.upper:.6g}"),
        "distinguishable": bool(known(found)),
    }
