"""Features that know the answer: too strong alone, or known only after the moment of prediction.

The power of one feature is the area under the curve when it alone predicts the label.  What it says about the label is
learned on one half of the rows and measured on the other, so that a feature with a value for each row (an id, a tail
number) cannot seem strong by remembering.  The interval is DeLong's, corrected for the number of features (Bonferroni).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.findings import Location
from mlops_gitops.testing import estimates, wording
from mlops_gitops.testing.engines.labelled import Group, Labelled, Missing, Quarters, Ranks
from mlops_gitops.testing.estimates import Estimate, Unmeasurable

BINS = 64
"""A numeric feature is also read in so many bins of equal weight, to find power that does not rise or fall steadily."""
FEWEST_IN_A_BIN = 20
"""Fewer bins are made rather than bins that hold fewer of the rows that teach."""
SMOOTHING = 20
"""A category's rate of positives counts as if this many rows of the average rate had been seen beside its own."""
WORTH_WHILE = 0.01
"""Rates by bin are coarse and noisy; the plain order is preferred unless they gain more than this."""
NEGLIGIBLE = 0.001
"""The share of rows that may be late by a slip of a clock before it is called a leak."""
FIRST, SECOND, TEACH, ASKED = (0,), (1,), (0, 1), (2, 3)
"""Quarters of the rows: two that teach, and two on which what they taught is measured."""


def power(sample: Labelled, feature: str, label: str, *, confidence: float) -> Estimate:
    """How well this feature alone ranks the labels, never below one half but by chance.

    Half of the rows teach: which way the feature points, where missing values belong, and each category's or bin's
    smoothed rate.  The stronger reading there is measured on the other half.  ``label`` is a condition of ``sample``.
    """
    if not all(sample.rows(label, TEACH)):
        raise Unmeasurable("the labels are all the same")
    if sample.categorical(feature):
        found = _by_rate(sample.by_value(feature, label, taught=TEACH, asked=ASKED), sample.rows(label, TEACH))
    elif _rate_gains(sample, feature, label):
        found = _by_bin(sample, feature, label, taught=TEACH, asked=ASKED)
    else:
        found = _by_order(sample, feature, label, taught=TEACH, asked=ASKED)
    estimates.few_of_a_class(found.positive, found.negative)
    counts = {"positive": found.positive, "negative": found.negative}
    return estimates.area(area(found), _error(found), **counts, confidence=confidence)


def _rate_gains(sample: Labelled, feature: str, label: str) -> bool:
    """Whether rates by bin say more than the plain order: learned on half of the teaching rows, seen on the other."""
    if not all((*sample.rows(label, FIRST), *sample.rows(label, SECOND))):
        return False
    rate = _by_bin(sample, feature, label, taught=FIRST, asked=SECOND)
    order = _by_order(sample, feature, label, taught=FIRST, asked=SECOND)
    return area(rate) > area(order) + WORTH_WHILE


def _by_order(sample: Labelled, feature: str, label: str, *, taught: Quarters, asked: Quarters) -> Ranks:
    """The number itself, turned so that more means more positive; missing values go where their rate puts them."""
    known, (positive, negative) = sample.ranks(feature, label, taught), sample.rows(label, taught)
    falling = bool(known.positive and known.negative) and area(known) < 0.5  # noqa: PLR2004 - no power either way
    absent = positive + negative - known.positive - known.negative
    rate = (positive - known.positive) / absent if absent else 0.0
    missing: Missing = "high" if rate >= positive / (positive + negative) else "low"
    return sample.ranks(feature, label, asked, falling=falling, missing=missing)


def _by_bin(sample: Labelled, feature: str, label: str, *, taught: Quarters, asked: Quarters) -> Ranks:
    """The rate of each bin; missing values are one of their own."""
    teaching = sample.rows(label, taught)
    edges = sample.edges(feature, taught, bins=max(2, min(BINS, sum(teaching) // FEWEST_IN_A_BIN)))
    return _by_rate(sample.by_bin(feature, label, edges, taught=taught, asked=asked), teaching)


def _by_rate(groups: Sequence[Group], taught: tuple[int, int]) -> Ranks:
    """The rows that are asked, ordered by the smoothed rate of positives among the taught rows of their group.

    ``taught`` are all rows that teach, positive and negative.
    """
    positive, every = taught[0], sum(taught)
    levels: Counter[Fraction] = Counter()
    negatives: Counter[Fraction] = Counter()
    for one in groups:
        seen = one.taught_positive + one.taught_negative
        rate = Fraction(one.taught_positive * every + SMOOTHING * positive, (seen + SMOOTHING) * every)
        levels[rate] += one.positive
        negatives[rate] += one.negative
    above = below = 0
    of_positive, of_negative = [0, 0], [0, 0]
    for rate in sorted(levels):
        p, n = levels[rate], negatives[rate]
        for sums, rows, rank in ((of_positive, p, 2 * below + n), (of_negative, n, 2 * above + p)):
            sums[0] += rows * rank
            sums[1] += rows * rank * rank
        above, below = above + p, below + n
    return Ranks(above, below, (of_positive[0], of_positive[1]), (of_negative[0], of_negative[1]))


def area(found: Ranks) -> float:
    """The area under the curve: the share of pairs in which the positive row ranks higher; one half without pairs."""
    pairs = 2 * found.positive * found.negative
    return found.of_positive[0] / pairs if pairs else 0.5


def _error(found: Ranks) -> float:
    """DeLong's standard error of the area (DeLong 1988, Biometrics 44:837).

    A rank over twice the rows of the other class is the structural component of its row.
    """
    parts = (
        (found.positive, found.negative, found.of_positive),
        (found.negative, found.positive, found.of_negative),
    )
    # in whole numbers until the last step: nothing cancels
    variance = sum(
        (rows * squares - total * total) / (rows * rows * (rows - 1) * 4 * others * others)
        for rows, others, (total, squares) in parts
    )
    return math.sqrt(variance)


def strength(
    sample: Labelled,
    features: Sequence[str],
    targets: Mapping[str, str],
    *,
    dataset: str,
    limit: float,
    places: Mapping[str, Location],
) -> Iterator[Check]:
    """One check for each feature: fails when even the lower bound exceeds ``limit``, passes when the upper does not.

    ``targets`` holds the label of a binary task, or one against the rest for each class; the strongest counts.
    """
    confidence = 1 - 0.05 / max(1, len(features) * len(targets))
    for name in features:
        try:
            found = [(power(sample, name, label, confidence=confidence), target) for target, label in targets.items()]
        except Unmeasurable as reason:
            message = f"the power of {name} alone on {dataset} cannot be measured: {reason}"
            fix = "provide data with both outcomes, and more rows"
            yield Check(
                "leakage.power", name, Verdict.INCONCLUSIVE, message, limit=limit, location=places[name], fix=fix
            )
            continue
        strongest, target = max(found, key=lambda pair: pair[0].lower)
        yield _judge(name, strongest, target, dataset, limit=limit, location=places[name])


def _judge(name: str, found: Estimate, target: str, dataset: str, *, limit: float, location: Location) -> Check:
    if found.lower > limit:
        verdict = Verdict.FAIL
        ending = f"above {wording.score(limit)}, no honest feature is that strong"
        fix = f"find out when {name!r} becomes known; if that is after the prediction, remove it from inputs"
    elif found.upper <= limit:
        verdict, ending, fix = Verdict.PASS, f"at most {wording.score(limit)} is allowed", ""
    else:
        verdict = Verdict.INCONCLUSIVE
        ending = f"the limit of {wording.score(limit)} lies within, so these rows cannot tell"
        fix = f"provide more rows, or find out when {name!r} becomes known"
    interval = f"interval {wording.score(found.lower)} to {wording.score(found.upper)}"
    message = (
        f"{name} alone predicts {target} on {dataset} with an area under the curve of {wording.score(found.value)} "
        f"({interval}); {ending}"
    )
    return Check(
        "leakage.power",
        name,
        verdict,
        message,
        observed=found.value,
        limit=limit,
        interval=found.interval,
        rows=found.rows,
        location=location,
        fix=fix,
    )


@dataclass(frozen=True, slots=True)
class Lateness:
    """Of ``rows`` with a value, ``late`` were known after the prediction, and for ``unknown`` nobody says when."""

    rows: int
    late: int
    unknown: int


def lateness(name: str, column: str, found: Lateness, *, dataset: str, place: Location) -> Check:
    """Whether a feature is known in time; ``place`` is the feature's line in the inputs."""
    share = found.late / found.rows if found.rows else 0.0
    where = f"{name} ({place.file}:{place.line})"
    message = (
        f"{where} is known only after the prediction in {wording.share(found.late, found.rows)} of {dataset}, "
        f"by its column {column}"
    )
    verdict, fix = Verdict.PASS, ""
    if found.late and share > NEGLIGIBLE:
        verdict = Verdict.FAIL
        fix = f"{place}: remove {name!r} from inputs, or use the value as it was known at the time of prediction"
    elif found.late:
        verdict = Verdict.INCONCLUSIVE
        fix = "look at those rows: a clock that slipped, or a leak that has just begun"
    elif not found.rows or found.unknown / found.rows > NEGLIGIBLE:
        verdict = Verdict.INCONCLUSIVE
        message = f"{where}: when it was known is not said in {wording.share(found.unknown, found.rows)} of {dataset}"
        fix = f"fill {column!r} and the time column of {dataset}"
    else:
        message = f"{where} is known in time in all {wording.rows(found.rows)} of {dataset}, by its column {column}"
    return Check(
        "leakage.known-at",
        name,
        verdict,
        message,
        observed=share,
        limit=NEGLIGIBLE,
        rows=found.rows,
        location=place,
        fix=fix,
    )
