"""Whether groups are treated alike: rates of decisions in each group, their largest difference and smallest ratio.

The definitions are those of Hardt et al. (2016) and of fairlearn, against which they are tested.  The largest of many
differences is larger by chance than any of them: the bound on the bad side holds for all pairs at once (Bonferroni),
the one on the good side is that of the pair that truly differs most, and needs no more than its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.manifests.metrics import Threshold
from mlops_gitops.manifests.model_tests import Definition, Fairness
from mlops_gitops.testing import statistics, wording
from mlops_gitops.testing.data.columns import Place
from mlops_gitops.testing.models.limits import CONFIDENCE, threshold, unmeasured
from mlops_gitops.testing.models.metrics import Sample
from mlops_gitops.testing.models.metrics.sample import called
from mlops_gitops.testing.models.samples import MISSING, Evaluation
from mlops_gitops.testing.statistics import Bools, Estimate, Unmeasurable

RATES: Mapping[Definition, tuple[str, ...]] = {
    "demographic-parity": ("selection rate",),
    "equalized-odds": ("true positive rate", "false positive rate"),
    "equal-opportunity": ("true positive rate",),
    "predictive-parity": ("precision",),
}
"""The rates that each definition wants alike."""


@dataclass(frozen=True, slots=True)
class Group:
    """One group: its name, its rows, and for each rate how many rows count and how many of them are hits."""

    name: str
    rows: int
    counts: Mapping[str, tuple[int, int]]

    def rate(self, name: str, *, confidence: float = CONFIDENCE) -> Estimate:
        """One of its rates.  Raises ``Unmeasurable`` where no row of the group counts."""
        hits, counted = self.counts[name]
        if counted == 0:
            raise Unmeasurable(f"the group {self.name} has no row that its {name} could be taken of")
        return statistics.wilson(hits, counted, confidence=confidence)


def checks(evaluation: Evaluation, demanded: Fairness, place: Place) -> Iterator[Check]:
    """One check for each limit, and one for groups that are too small to be judged."""
    subject = f"{demanded.definition} by {' and '.join(demanded.columns)}"
    absent = [name for name in demanded.columns if name not in evaluation.columns]
    if absent:
        message = f"{evaluation.dataset} has no column {', '.join(absent)} to make groups of"
        fix = "name columns that the data have"
        yield Check("model.fairness", subject, Verdict.FAIL, message, location=place("columns"), fix=fix)
        return
    try:
        every = groups(evaluation.sample, {name: evaluation.columns[name] for name in demanded.columns})
    except Unmeasurable as reason:
        yield unmeasured("model.fairness", subject, f"{subject} cannot be judged: {reason}", place("definition"))
        return
    large = [one for one in every if one.rows >= demanded.min_rows]
    small = [one.name for one in every if one.rows < demanded.min_rows]
    if small:
        named = ", ".join(small[:5]) + (f" and {len(small) - 5} more" if len(small) > 5 else "")  # noqa: PLR2004
        message = f"groups of fewer than {demanded.min_rows:,} rows were not judged: {named}"
        yield unmeasured("model.fairness", f"{subject}: small groups", message, place("minRows"))
    if len(large) < 2:  # noqa: PLR2004 - a group and another
        message = f"{len(large)} group of {demanded.min_rows:,} rows or more cannot be compared with another"
        yield unmeasured("model.fairness", subject, message, place("columns"))
        return
    for field, measure in (("maxDifference", difference), ("minRatio", ratio), ("minRate", smallest)):
        yield from _judged(demanded, large, field, measure, place)


def _judged(demanded: Fairness, large: Sequence[Group], field: str, measure: Measure, place: Place) -> Iterator[Check]:
    words, limit, least = {
        "maxDifference": ("largest difference", demanded.max_difference, False),
        "minRatio": ("smallest ratio", demanded.min_ratio, True),
        "minRate": ("smallest rate", demanded.min_rate, True),
    }[field]
    if limit is None:
        return
    subject = f"{demanded.definition} by {' and '.join(demanded.columns)}: {words}"
    try:
        found = measure(large, RATES[demanded.definition])
    except Unmeasurable as reason:
        yield unmeasured("model.fairness", subject, f"the {words} cannot be measured: {reason}", place(field))
        return
    on = f"the {words} of the {found.rate} over {len(large)} groups ({found.between})"
    bounds = Threshold(limit, None) if least else Threshold(None, limit)
    check = threshold("model.fairness", subject, on, found.estimate, bounds, place=lambda *_: place(field))
    if check.verdict is Verdict.FAIL and not found.shown:
        message = f"{check.message}; groups that are alike may differ so much by chance"
        yield replace(check, verdict=Verdict.INCONCLUSIVE, message=message, fix="test on more rows")
    elif check.verdict is Verdict.FAIL:
        yield replace(check, fix="look at the rows of the two groups; a threshold of its own or more data may help")
    else:
        yield check


@dataclass(frozen=True, slots=True)
class Extreme:
    """The most extreme pair: the estimate, whose rate, which groups, and whether any two groups are shown to differ."""

    estimate: Estimate
    rate: str
    between: str
    shown: bool


Measure: TypeAlias = Callable[[Sequence["Group"], Sequence[str]], Extreme]
"""From groups and the names of rates to the most extreme of them; ``Unmeasurable`` where a group has none."""


def groups(sample: Sample, columns: Mapping[str, npt.NDArray[np.generic]]) -> list[Group]:
    """The rows by the values of all columns together, the largest group first."""
    if sample.predictions.ndim != 1 or sample.kind not in {"probability", "label"}:
        raise Unmeasurable(f"groups are compared by decisions, and the model gives a {sample.kind}")
    names, codes = [""], np.zeros(len(sample.labels), dtype=np.int64)
    for column, raw in columns.items():
        text = np.where(np.ma.getmaskarray(raw), MISSING, np.ma.getdata(raw).astype(str))
        values, mine = np.unique(text, return_inverse=True)
        codes = codes * len(values) + mine
        names = [f"{name}, {column} = {one}" if name else f"{column} = {one}" for name in names for one in values]
    positive, decided = sample.labels == 1.0, called(sample)
    counted: dict[str, tuple[Bools, Bools]] = {
        "selection rate": (decided, np.ones_like(decided)),
        "true positive rate": (decided & positive, positive),
        "false positive rate": (decided & ~positive, ~positive),
        "precision": (decided & positive, decided),
    }
    sums = {
        rate: [np.bincount(codes, weights=mask, minlength=len(names)) for mask in masks]
        for rate, masks in counted.items()
    }
    rows = np.bincount(codes, minlength=len(names))
    found = [
        Group(name, int(rows[at]), {rate: (int(hit[at]), int(of[at])) for rate, (hit, of) in sums.items()})
        for at, name in enumerate(names)
        if rows[at]
    ]
    return sorted(found, key=lambda one: (-one.rows, one.name))


def difference(found: Sequence[Group], rates: Sequence[str]) -> Extreme:
    """The largest difference of any rate between two groups, with Newcombe's interval (1998, Stat. Med. 17:873)."""
    pairs = [(rate, high, low) for rate in rates for high in found for low in found if high is not low]
    alone = [(_apart(high.rate(rate), low.rate(rate)), rate, high, low) for rate, high, low in pairs]
    strict = _strict(len(pairs))
    shown = max(
        _apart(high.rate(rate, confidence=strict), low.rate(rate, confidence=strict)).lower for rate, high, low in pairs
    )
    top, rate, high, low = max(alone, key=lambda one: one[0].value)
    upper = max(one.upper for one, *_ in alone)
    rows = sum(one.rows for one in found)
    between = _between(rate, high, low)
    return Extreme(Estimate(top.value, max(0.0, shown), upper, top.error, rows), rate, between, shown > 0)


def ratio(found: Sequence[Group], rates: Sequence[str]) -> Extreme:
    """The smallest ratio of any rate of two groups, with Katz's interval (1978, Biometrics 34:469)."""
    pairs = [(rate, high, low) for rate in rates for high in found for low in found if high is not low]
    alone = [(_over(low, high, rate, CONFIDENCE), rate, high, low) for rate, high, low in pairs]
    strict = _strict(len(pairs))
    shown = min(_over(low, high, rate, strict).upper for rate, high, low in pairs)
    bottom, rate, high, low = min(alone, key=lambda one: one[0].value)
    lower = min(one.lower for one, *_ in alone)
    rows = sum(one.rows for one in found)
    return Extreme(
        Estimate(bottom.value, lower, min(1.0, shown), bottom.error, rows), rate, _between(rate, high, low), shown < 1
    )


def smallest(found: Sequence[Group], rates: Sequence[str]) -> Extreme:
    """The smallest rate of any group, with Wilson's interval."""
    rate = rates[0]
    strict = 1 - (1 - CONFIDENCE) / len(found)
    low = min(found, key=lambda one: one.rate(rate).value)
    lower = min(one.rate(rate).lower for one in found)
    upper = min(one.rate(rate, confidence=strict).upper for one in found)
    value = low.rate(rate)
    estimate = Estimate(value.value, lower, upper, value.error, low.rows)
    return Extreme(estimate, rate, f"{low.name}: {wording.score(value.value)}", shown=True)


def _strict(pairs: int) -> float:
    return 1 - (1 - CONFIDENCE) / pairs


def _apart(high: Estimate, low: Estimate) -> Estimate:
    """The difference of two independent proportions by the square-and-add of their Wilson intervals."""
    value = high.value - low.value
    down = math.hypot(high.value - high.lower, low.upper - low.value)
    up = math.hypot(high.upper - high.value, low.value - low.lower)
    return Estimate(value, value - down, value + up, math.hypot(high.error, low.error), high.rows + low.rows)


def _over(low: Group, high: Group, rate: str, confidence: float) -> Estimate:
    """The ratio of two independent proportions on the log scale; half a hit is added where one has none."""
    part, whole = low.rate(rate), high.rate(rate)
    (hits, counted), (other, others) = low.counts[rate], high.counts[rate]
    value = part.value / whole.value if whole.value else 1.0 if part.value == 0 else math.inf
    more = 0.5 if 0 in {hits, other} else 0.0
    centre = math.log((hits + more) / (counted + more)) - math.log((other + more) / (others + more))
    error = math.sqrt(
        max(0.0, 1 / (hits + more) - 1 / (counted + more)) + max(0.0, 1 / (other + more) - 1 / (others + more))
    )
    half = statistics.quantile(confidence) * error
    lower = 0.0 if hits == 0 else math.exp(centre - half)
    scale = value if math.isfinite(value) else 1.0
    return Estimate(value, lower, math.exp(centre + half), error * scale, low.rows + high.rows)


def _between(rate: str, high: Group, low: Group) -> str:
    return "; ".join(f"{one.name}: {wording.score(one.rate(rate).value)}" for one in (high, low))
