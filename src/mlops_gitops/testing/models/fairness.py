"""Whether groups are treated alike: rates of decisions in each group, their largest difference and smallest ratio.

The definitions are those of Hardt et al. (2016) and of fairlearn, against which they are tested.  Of several
classes each is taken against the rest (the class-wise definitions of Putzel and Lee 2022); the worst of them counts.

The largest of many differences is larger by chance than any of them: the bound on the bad side holds for all pairs at
once (Bonferroni), the one on the good side is that of the pair that truly differs most, and needs no more than its own.
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
from mlops_gitops.testing import clusters, estimates, wording
from mlops_gitops.testing.data.columns import Place
from mlops_gitops.testing.estimates import Estimate, Unmeasurable
from mlops_gitops.testing.models.limits import CONFIDENCE, threshold, unmeasured
from mlops_gitops.testing.models.metrics import Sample
from mlops_gitops.testing.models.metrics.sample import decided
from mlops_gitops.testing.models.samples import MISSING, Evaluation
from mlops_gitops.testing.statistics import Bools, Floats
from mlops_gitops.testing.texts import as_texts

RATES: Mapping[Definition, tuple[str, ...]] = {
    "demographic-parity": ("selection rate",),
    "equalized-odds": ("true positive rate", "false positive rate"),
    "equal-opportunity": ("true positive rate",),
    "predictive-parity": ("precision",),
}
"""The rates that each definition wants alike."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows that are hits, and rows that count, block by block; with ``alone`` every row is a block of its own."""

    hits: Floats
    counted: Floats
    alone: bool

    @property
    def totals(self) -> tuple[int, int]:
        """Over all blocks."""
        return round(float(self.hits.sum())), round(float(self.counted.sum()))

    def worth_of(self, confidence: float) -> tuple[float, float]:
        """Hits and rows that count, each as many as they are worth.  Raises ``Unmeasurable`` for few blocks."""
        hits, counted = self.totals
        if self.alone:
            return hits, counted
        worth = clusters.worth(self.hits, self.counted, confidence=confidence)
        return hits * worth / counted, worth

    def rate(self, confidence: float) -> Estimate:
        """The share of hits with its interval.  Raises ``Unmeasurable`` for few blocks."""
        hits, counted = self.totals
        if self.alone:
            return estimates.wilson(hits, counted, confidence=confidence)
        return clusters.of_worth(hits, counted, self.worth_of(confidence)[1], confidence=confidence)


@dataclass(frozen=True, slots=True)
class Group:
    """One group: its name, its rows, and for each rate how many rows count and how many of them are hits."""

    name: str
    rows: int
    counts: Mapping[str, Counts]

    def rate(self, name: str, *, confidence: float = CONFIDENCE) -> Estimate:
        """One of its rates.  Raises ``Unmeasurable`` where no row of the group counts."""
        if self.counts[name].totals[1] == 0:
            raise Unmeasurable(f"the group {self.name} has no row that its {name} could be taken of")
        try:
            return self.counts[name].rate(confidence)
        except Unmeasurable as reason:
            raise Unmeasurable(f"the {name} of the group {self.name}: {reason}") from None


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
        columns = {name: evaluation.columns[name] for name in demanded.columns}
        every = groups(evaluation.sample, columns, classes=demanded.classes)
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
        yield from _judged(demanded, large, field, measure, place, assumed=evaluation.sample.assumed)


def rates(demanded: Definition, found: Sequence[Group]) -> tuple[str, ...]:
    """The rates of a definition, of each class where there are several."""
    known = found[0].counts if found else {}
    return tuple(name for one in RATES[demanded] for name in known if name == one or name.startswith(f"{one} of "))


def _judged(
    demanded: Fairness, large: Sequence[Group], field: str, measure: Measure, place: Place, *, assumed: str
) -> Iterator[Check]:
    words, limit, least = {
        "maxDifference": ("largest difference", demanded.max_difference, False),
        "minRatio": ("smallest ratio", demanded.min_ratio, True),
        "minRate": ("smallest rate", demanded.min_rate, True),
    }[field]
    if limit is None:
        return
    subject = f"{demanded.definition} by {' and '.join(demanded.columns)}: {words}"
    wanted = rates(demanded.definition, large)
    if measure is smallest:  # of what is better high: no more than the first kind of rate is
        wanted = tuple(name for name in wanted if name.startswith(RATES[demanded.definition][0]))
    try:
        found = measure(large, wanted)
    except Unmeasurable as reason:
        yield unmeasured("model.fairness", subject, f"the {words} cannot be measured: {reason}", place(field))
        return
    on = f"the {words} of the {found.rate} over {len(large)} groups ({found.between})"
    bounds = Threshold(limit, None) if least else Threshold(None, limit)
    check = threshold(
        "model.fairness", subject, on, found.estimate, bounds, place=lambda *_: place(field), assumed=assumed
    )
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


def groups(
    sample: Sample, columns: Mapping[str, npt.NDArray[np.generic]], *, classes: Sequence[str] = ()
) -> list[Group]:
    """The rows by the values of all columns together, the largest group first; ``classes`` are those that matter."""
    names, codes = [""], np.zeros(len(sample.labels), dtype=np.int64)
    counted = _counted(sample, classes)
    for column, raw in columns.items():
        text = np.where(np.ma.getmaskarray(raw), MISSING, as_texts(np.ma.getdata(raw)))
        values, mine = np.unique(text, return_inverse=True)
        there, codes = np.unique(codes * len(values) + mine, return_inverse=True)
        each = [(names[at // len(values)], f"{column} = {values[at % len(values)]}") for at in there.tolist()]
        names = [f"{name}, {one}" if name else one for name, one in each]
    rows = np.bincount(codes, minlength=len(names))
    blocks, count = (np.zeros_like(codes), 1) if sample.blocks is None else clusters.parted(sample.blocks, most=512)

    def sums(mask: Bools) -> Floats:
        found = np.bincount(codes * count + blocks, weights=mask, minlength=len(names) * count)
        return np.asarray(found.reshape(len(names), count), dtype=np.float64)

    made = {rate: (sums(hit), sums(of)) for rate, (hit, of) in counted.items()}
    found = [
        Group(
            name,
            int(rows[at]),
            {rate: Counts(hit[at], of[at], sample.blocks is None) for rate, (hit, of) in made.items()},
        )
        for at, name in enumerate(names)
        if rows[at]
    ]
    return sorted(found, key=lambda one: (-one.rows, one.name))


def _counted(sample: Sample, classes: Sequence[str]) -> dict[str, tuple[Bools, Bools]]:
    """For each rate, and each class where there are several, which rows are hits and which of them count."""
    if sample.kind not in {"probability", "label"} or (sample.predictions.ndim > 1 and not sample.classes):
        raise Unmeasurable(f"groups are compared by decisions, and the model gives a {sample.kind}")
    truth, decision, _ = decided(sample)
    if sample.predictions.ndim == 1:
        judged = {"": 1}
    else:
        absent = [name for name in classes if name not in sample.classes]
        if absent:
            known = ", ".join(sample.classes[:10])
            raise Unmeasurable(f"the model has no class {', '.join(absent)}; its classes are {known}")
        judged = {f" of {name}": at for at, name in enumerate(sample.classes) if not classes or name in classes}
    found: dict[str, tuple[Bools, Bools]] = {}
    for of, at in judged.items():
        positive, called = truth == at, decision == at
        found |= {
            f"selection rate{of}": (called, np.ones_like(called)),
            f"true positive rate{of}": (called & positive, positive),
            f"false positive rate{of}": (called & ~positive, ~positive),
            f"precision{of}": (called & positive, called),
        }
    return found


def difference(found: Sequence[Group], rates: Sequence[str]) -> Extreme:
    """The largest difference of any rate between two groups, with Newcombe's interval (``estimates.apart``).

    Groups are taken as independent of each other.  Where they share blocks their rates rise and fall together, and the
    interval of their difference is wider than it has to be.
    """
    alone, strict = _of_groups(found, rates, pairs=True)
    pairs = [(rate, high, low) for rate in rates for high in found for low in found if high is not low]
    each = [
        (estimates.apart(alone[rate, high.name], alone[rate, low.name]), rate, high, low) for rate, high, low in pairs
    ]
    shown = max(estimates.apart(strict[rate, high.name], strict[rate, low.name]).lower for rate, high, low in pairs)
    top, rate, high, low = max(each, key=lambda one: one[0].value)
    upper = max(one.upper for one, *_ in each)
    rows = sum(one.rows for one in found)
    between = _between(rate, high, low)
    return Extreme(Estimate(top.value, max(0.0, shown), upper, top.error, rows), rate, between, shown > 0)


def ratio(found: Sequence[Group], rates: Sequence[str]) -> Extreme:
    """The smallest ratio of any rate of two groups, with Katz's interval (1978, Biometrics 34:469)."""
    alone, _ = _of_groups(found, rates, pairs=True)
    pairs = [(rate, high, low) for rate in rates for high in found for low in found if high is not low]
    each = [(_over(low, high, rate, alone, CONFIDENCE), rate, high, low) for rate, high, low in pairs]
    strict = _strict(len(pairs))
    shown = min(_over(low, high, rate, alone, strict).upper for rate, high, low in pairs)
    bottom, rate, high, low = min(each, key=lambda one: one[0].value)
    lower = min(one.lower for one, *_ in each)
    rows = sum(one.rows for one in found)
    return Extreme(
        Estimate(bottom.value, lower, min(1.0, shown), bottom.error, rows), rate, _between(rate, high, low), shown < 1
    )


def smallest(found: Sequence[Group], rates: Sequence[str]) -> Extreme:
    """The smallest rate of any group, with Wilson's interval."""
    alone, strict = _of_groups(found, rates, pairs=False)
    rate, low = min(
        ((rate, one) for rate in rates for one in found), key=lambda pair: alone[pair[0], pair[1].name].value
    )
    value = alone[rate, low.name]
    lower, upper = min(one.lower for one in alone.values()), min(one.upper for one in strict.values())
    estimate = Estimate(value.value, lower, upper, value.error, low.rows)
    return Extreme(estimate, rate, f"{low.name}: {wording.score(value.value)}", shown=True)


_Rates: TypeAlias = "dict[tuple[str, str], Estimate]"


def _of_groups(found: Sequence[Group], rates: Sequence[str], *, pairs: bool) -> tuple[_Rates, _Rates]:
    """Every rate of every group: at the usual confidence, and at one that holds for all of them, or all pairs."""
    count = len(found) * len(rates) * (len(found) - 1 if pairs else 1)
    return (
        {(rate, one.name): one.rate(rate) for rate in rates for one in found},
        {(rate, one.name): one.rate(rate, confidence=_strict(count)) for rate in rates for one in found},
    )


def _strict(pairs: int) -> float:
    return 1 - (1 - CONFIDENCE) / pairs


def _over(low: Group, high: Group, rate: str, alone: _Rates, confidence: float) -> Estimate:
    """The ratio of two independent proportions on the log scale; half a hit is added where one has none.

    Rows in blocks count as what they are worth.
    """
    part, whole = alone[rate, low.name], alone[rate, high.name]
    (hits, counted), (other, others) = (one.counts[rate].worth_of(CONFIDENCE) for one in (low, high))
    value = part.value / whole.value if whole.value else 1.0 if part.value == 0 else math.inf
    more = 0.5 if 0 in {hits, other} else 0.0
    centre = math.log((hits + more) / (counted + more)) - math.log((other + more) / (others + more))
    error = math.sqrt(
        max(0.0, 1 / (hits + more) - 1 / (counted + more)) + max(0.0, 1 / (other + more) - 1 / (others + more))
    )
    half = estimates.quantile(confidence) * error
    lower = 0.0 if hits == 0 else math.exp(centre - half)
    scale = value if math.isfinite(value) else 1.0
    return Estimate(value, lower, math.exp(centre + half), error * scale, low.rows + high.rows)


def _between(rate: str, high: Group, low: Group) -> str:
    return "; ".join(f"{one.name}: {wording.score(one.rate(rate).value)}" for one in (high, low))
