"""Features that know the answer: too strong alone, or known only after the moment of prediction.

The power of one feature is the area under the curve when it alone predicts the label.  What it says about the label is
learned on one half of the rows and measured on the other, so that a feature with a value for each row (an id, a tail
number) cannot seem strong by remembering.  The interval is DeLong's, corrected for the number of features (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.findings import Location
from mlops_gitops.testing import statistics, wording
from mlops_gitops.testing.estimates import Estimate, Unmeasurable
from mlops_gitops.testing.statistics import Bools, Floats
from mlops_gitops.testing.texts import as_texts

BINS = 64
"""A numeric feature is also read in so many bins of equal weight, to find power that does not rise or fall steadily."""
FEWEST_IN_A_BIN = 20
"""Fewer bins are made rather than bins that hold fewer of the rows that teach."""
SMOOTHING = 20.0
"""A category's rate of positives counts as if this many rows of the average rate had been seen beside its own."""
WORTH_WHILE = 0.01
"""Rates by bin are coarse and noisy; the plain order is preferred unless they gain more than this."""
NEGLIGIBLE = 0.001
"""The share of rows that may be late by a slip of a clock before it is called a leak."""
MOST_ROWS = 200_000
"""More rows than this sharpen nothing; they are thinned evenly."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature's values: numbers with NaN for missing, or codes of categories with -1 for missing."""

    name: str
    values: Floats
    categorical: bool

    @classmethod
    def of_column(cls, name: str, raw: Any) -> Feature:
        """From an array as the engine gives it, masked where it has nulls."""
        missing, values = np.ma.getmaskarray(raw), np.ma.getdata(raw)
        if values.dtype.kind in "biuf":
            numbers = values.astype(np.float64)
            numbers[missing] = np.nan
            return cls(name, numbers, categorical=False)
        if values.dtype.kind == "M":
            numbers = values.astype("datetime64[us]").astype(np.float64)
            numbers[missing | np.isnat(values)] = np.nan
            return cls(name, numbers, categorical=False)
        text = as_texts(np.where(missing, "", values))
        codes = np.unique(text, return_inverse=True)[1].astype(np.float64)
        codes[missing] = -1.0
        return cls(name, codes, categorical=True)


def power(feature: Feature, labels: Bools, *, confidence: float) -> Estimate:
    """How well this feature alone ranks the labels, never below one half but by chance.

    Half of the rows, chosen by their place, teach: which way the feature points, where missing values belong, and each
    category's or bin's smoothed rate.  The stronger reading there is measured on the other half.
    """
    keep = np.linspace(0, len(labels) - 1, min(len(labels), MOST_ROWS)).astype(np.int64)
    values, labels = feature.values[keep], labels[keep]
    teach = _halves(len(labels))
    if not _both(labels[teach]):
        raise Unmeasurable("the labels are all the same")
    if feature.categorical or _rate_gains(values, labels, teach):
        reading = _by_rate(values, labels, teach, categorical=feature.categorical)
    else:
        reading = _by_order(values, labels, teach)
    return statistics.auc(labels[~teach], reading[~teach], confidence=confidence)


def _rate_gains(values: Floats, labels: Bools, teach: Bools) -> bool:
    """Whether rates by bin say more than the plain order: learned on half of the teaching rows, seen on the other."""
    places = np.flatnonzero(teach)
    first = np.zeros(len(labels), dtype=bool)
    first[places[: len(places) // 2]] = True
    second = teach & ~first
    if not _both(labels[first]) or not _both(labels[second]):
        return False
    rate, order = _by_rate(values, labels, first, categorical=False), _by_order(values, labels, first)
    return _area(labels[second], rate[second]) > _area(labels[second], order[second]) + WORTH_WHILE


def _both(labels: Bools) -> bool:
    return bool(labels.any() and not labels.all())


def _halves(rows: int) -> Bools:
    """A fixed half of the rows, scattered, so that neither order nor period in the file matters."""
    order = np.random.default_rng(20_130_101).permutation(rows)
    half: Bools = order < rows // 2
    return half


def _by_order(values: Floats, labels: Bools, teach: Bools) -> Floats:
    """The number itself, turned so that more means more positive; missing values go where their rate puts them."""
    present = np.isfinite(values)
    base = values.copy()
    base[np.isposinf(values)], base[np.isneginf(values)] = np.finfo(np.float64).max, np.finfo(np.float64).min
    known = teach & present
    if _both(labels[known]):
        rising = _area(labels[known], values[known]) >= 0.5  # noqa: PLR2004 - no power either way
        base = base if rising else -base
    missing = np.isnan(values)
    if missing.any():
        rate = labels[teach & missing].mean() if (teach & missing).any() else 0.0
        high = rate >= labels[teach].mean()
        base[missing] = np.inf if high else -np.inf
    return base


def _area(labels: Bools, values: Floats) -> float:
    """The plain area under the curve, for any number of rows."""
    below = np.sort(values[~labels])
    found = np.searchsorted(below, values[labels], side="left") + np.searchsorted(below, values[labels], side="right")
    return float(found.mean()) / (2 * len(below))


def _by_rate(values: Floats, labels: Bools, teach: Bools, *, categorical: bool) -> Floats:
    """Each row's smoothed rate of positives among the taught rows of its category or bin; missing is one of its own."""
    groups = values if categorical else _bins(values, teach)
    codes = np.unique(groups, return_inverse=True)[1]
    seen = np.bincount(codes[teach], minlength=codes.max() + 1).astype(np.float64)
    positive = np.bincount(codes[teach], weights=labels[teach].astype(np.float64), minlength=codes.max() + 1)
    average = labels[teach].mean()
    rate: Floats = ((positive + SMOOTHING * average) / (seen + SMOOTHING))[codes]
    return rate


def _bins(values: Floats, teach: Bools) -> Floats:
    taught = values[teach & np.isfinite(values)]
    if not len(taught):
        return np.where(np.isnan(values), -1.0, 0.0)
    count = max(2, min(BINS, len(taught) // FEWEST_IN_A_BIN))
    edges = np.unique(np.quantile(taught, np.linspace(0, 1, count + 1)[1:-1]))
    bins = np.searchsorted(edges, values, side="right").astype(np.float64)
    bins[np.isnan(values)] = -1.0
    return bins


def strength(
    features: Mapping[str, Feature],
    targets: Mapping[str, Bools],
    *,
    dataset: str,
    limit: float,
    places: Mapping[str, Location],
) -> Iterator[Check]:
    """One check for each feature: fails when even the lower bound exceeds ``limit``, passes when the upper does not.

    ``targets`` holds the labels of a binary task once, or one against the rest for each class; the strongest counts.
    """
    confidence = 1 - 0.05 / max(1, len(features) * len(targets))
    for name, feature in features.items():
        try:
            found = [(power(feature, labels, confidence=confidence), target) for target, labels in targets.items()]
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
