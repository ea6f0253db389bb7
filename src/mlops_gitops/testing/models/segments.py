"""Weak segments that nobody declared: parts of one or two columns on which the model is worse than on the rest.

Numbers are cut at their quartiles, text at its most frequent values; a missing value is a part of its own.  A segment
is compared with all other rows by the rows' own parts of a metric, whose sums are taken for all segments of a pair of
columns at once.  Of the segments that are blamed at most the demanded share is chance (``multiplicity``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.findings import Location
from mlops_gitops.manifests.metrics import Metric as Demand
from mlops_gitops.manifests.model_tests import Search
from mlops_gitops.testing import multiplicity, wording
from mlops_gitops.testing.models.metrics import METRICS, Metric, Sample
from mlops_gitops.testing.models.samples import MISSING, Evaluation
from mlops_gitops.testing.statistics import Floats

BINS = 4
MOST_VALUES = 20
"""More different texts than this are one part together, the rarest of them."""
NOISE = 2.0
"""So many standard errors are not noise."""
TOLD = 5
"""So many of the segments that are found are named."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One part: its name, its rows, how much worse it is than the rest, and the one-sided p-value of that."""

    name: str
    rows: int
    value: float
    rest: float
    loss: float
    error: float
    p: float


@dataclass(frozen=True, slots=True)
class _Axis:
    """One column cut into parts: the part of each row, and the names of the parts."""

    column: str
    codes: npt.NDArray[np.int64]
    names: tuple[str, ...]


def checks(evaluation: Evaluation, primary: Demand, search: Search, location: Location) -> Iterator[Check]:
    """One check: the weakest segments that are shown to be worse, or that none is."""
    metric = searched_by(primary.name, evaluation.sample)
    subject = f"{metric.name} on {evaluation.dataset}"
    wanted = search.columns or tuple(evaluation.columns)
    absent = [name for name in wanted if name not in evaluation.columns]
    if absent:
        message = f"{evaluation.dataset} cannot be searched by {', '.join(absent)}: it has no such column"
        fix = "name columns that the data have"
        yield Check("model.segments", subject, Verdict.FAIL, message, location=location, fix=fix)
        return
    columns = {name: evaluation.columns[name] for name in wanted}
    found = segments(metric, evaluation.sample, columns, search)
    blamed = weak(found, search)
    if not found:
        message = (
            f"no part of {evaluation.dataset} has {search.min_rows:,} rows and leaves as many: nothing was searched"
        )
        fix = "test on more rows, or lower `minRows`"
        yield Check("model.segments", subject, Verdict.INCONCLUSIVE, message, location=location, fix=fix)
        return
    beyond = f" by more than {wording.score(search.max_loss)}" if search.max_loss else ""
    scope = f"of {len(found):,} segments of {wording.number(len(columns))} columns"
    rows = len(evaluation.sample.labels)
    if not blamed:
        least = min(one.rows for one in found)
        message = (
            f"{scope}, none is shown to be worse than the rest{beyond} by {metric.name}; "
            f"the smallest has {wording.rows(least)}"
        )
        yield Check("model.segments", subject, Verdict.PASS, message, observed=0, limit=0, rows=rows, location=location)
        return
    told = "; ".join(_told(one, metric) for one in blamed[:TOLD])
    more = f"; and {len(blamed) - TOLD} more" if len(blamed) > TOLD else ""
    message = f"{scope}, {len(blamed)} are shown to be worse than the rest{beyond}: {told}{more}"
    fix = "look at the rows of the first one; train on more of them, or do not serve them"
    yield Check(
        "model.segments",
        subject,
        Verdict.FAIL,
        message,
        observed=len(blamed),
        limit=0,
        rows=rows,
        location=location,
        fix=fix,
    )


def _told(one: Segment, metric: Metric) -> str:
    chance = "p < 0.001" if one.p < 0.001 else f"p = {one.p:.2g}"  # noqa: PLR2004 - what people write
    numbers = f"{metric.name} {wording.score(one.value)}, elsewhere {wording.score(one.rest)}"
    return f"{one.name} ({wording.rows(one.rows)}, {numbers}, {chance})"


def searched_by(name: str, sample: Sample) -> Metric:
    """The metric that rows have parts of: the primary one, or what stands for it where it has none."""
    metric = METRICS.get(name)
    if metric is not None and metric.top is not None and metric.several is None and sample.kind in metric.kinds:
        return metric
    stands = {"probability": "log_loss", "label": "accuracy", "score": "accuracy", "value": "mae"}
    return METRICS[stands[sample.kind]]


def segments(metric: Metric, sample: Sample, columns: Mapping[str, Any], search: Search) -> list[Segment]:
    """Every segment with enough rows, and as many outside it."""
    if metric.top is None or sample.kind not in metric.kinds:
        return []
    parts = _Parts(metric, sample)
    axes = [_axis(name, raw) for name, raw in columns.items()]
    found = [one for axis in axes for one in parts.segments(axis.codes, axis.names, search)]
    for left, right in combinations(axes, 2) if search.pairs else ():
        names = [f"{one} and {other}" for one in left.names for other in right.names]
        found.extend(parts.segments(left.codes * len(right.names) + right.codes, names, search))
    return found


def weak(found: Sequence[Segment], search: Search) -> list[Segment]:
    """Those that are shown to be worse, the worst first.

    A part of a segment that is blamed already is told only where it is worse than that beyond noise.
    """
    values = np.array([one.p for one in found])
    blamed = [found[int(at)] for at in np.flatnonzero(multiplicity.discoveries(values, rate=search.false_discovery))]
    whole = {one.name: one for one in blamed if " and " not in one.name}
    kept = [one for one in blamed if all(_worse(one, whole[name]) for name in one.name.split(" and ") if name in whole)]
    return sorted(kept, key=lambda one: (-one.loss, one.name))


def _worse(part: Segment, whole: Segment) -> bool:
    return part is whole or part.loss - whole.loss > NOISE * part.error


class _Parts:
    """Sums of the rows' parts of a metric, for any grouping of the rows."""

    def __init__(self, metric: Metric, sample: Sample) -> None:
        assert metric.top is not None  # noqa: S101 - for the type checker; the caller has looked
        self.metric = metric
        top = metric.top(sample)
        bottom = None if metric.bottom is None else metric.bottom(sample)
        self.weights = (top, top * top) if bottom is None else (top, top * top, bottom, bottom * bottom, top * bottom)
        self.totals = [float(one.sum()) for one in self.weights]
        self.rows = len(top)
        self.sign = -1.0 if metric.higher_is_better else 1.0

    def segments(self, codes: npt.NDArray[np.int64], names: Sequence[str], search: Search) -> Iterator[Segment]:
        """The segments of one grouping."""
        counts = np.bincount(codes, minlength=len(names))
        kept = np.flatnonzero((counts >= search.min_rows) & (self.rows - counts >= search.min_rows))
        if len(kept) == 0:
            return
        rows: Floats = counts[kept].astype(np.float64)
        sums = [_floats(np.bincount(codes, weights=one, minlength=len(names))[kept]) for one in self.weights]
        rest = [_floats(total - one) for total, one in zip(self.totals, sums, strict=True)]
        mine, mine_error = self._value(sums, rows)
        other, other_error = self._value(rest, self.rows - rows)
        loss, error = self.sign * (mine - other), np.sqrt(mine_error**2 + other_error**2)
        for at, index in enumerate(kept):
            if not math.isfinite(loss[at]) or not math.isfinite(error[at]):
                continue
            p = _p(float(loss[at]) - search.max_loss, float(error[at]))
            numbers = (float(mine[at]), float(other[at]), float(loss[at]), float(error[at]))
            yield Segment(names[int(index)], int(rows[at]), *numbers, p)

    def _value(self, sums: Sequence[Floats], rows: Floats) -> tuple[Floats, Floats]:
        """The metric of each group, and its standard error by the delta method."""
        top, squares = sums[0] / rows, sums[1] / rows
        with np.errstate(divide="ignore", invalid="ignore"):
            if len(sums) == 2:  # noqa: PLR2004 - nothing is divided by
                ratio, spread = top, squares - top**2
            else:
                bottom = sums[2] / rows
                ratio = top / bottom
                spread = (squares - 2 * ratio * sums[4] / rows + ratio**2 * sums[3] / rows) / bottom**2
            error = np.sqrt(np.maximum(spread, 0) / rows)
            match self.metric.link:
                case "identity":
                    return ratio, error
                case "root":
                    root = np.sqrt(ratio)
                    return root, error / (2 * root)
                case "complement":
                    return 1 - ratio, error
                case "dice":
                    return 2 * ratio / (1 + ratio), error * 2 / (1 + ratio) ** 2


def _floats(values: Any) -> Floats:
    return np.asarray(values, dtype=np.float64)


def _p(beyond: float, error: float) -> float:
    if error == 0:
        return 0.0 if beyond > 0 else 1.0
    return NormalDist().cdf(-beyond / error)


def _axis(name: str, raw: Any) -> _Axis:
    """A column cut into parts, every row in one of them."""
    values, missing = np.ma.getdata(raw), np.ma.getmaskarray(raw).copy()
    if values.dtype.kind == "f":
        missing |= np.isnan(values)
    if values.dtype.kind in "iuf" and len(np.unique(values[~missing][:10_000])) > BINS:
        codes, names = _numbers(name, values, missing)
    else:
        codes, names = _texts(name, values, missing)
    if missing.any():
        codes[missing] = len(names)
        names.append(f"{name} = {MISSING}")
    return _Axis(name, codes, tuple(names))


def _numbers(name: str, values: Any, missing: Any) -> tuple[npt.NDArray[np.int64], list[str]]:
    finite = values[~missing]
    edges = np.unique(np.quantile(finite, np.arange(1, BINS) / BINS, method="inverted_cdf"))
    codes = np.searchsorted(edges, values, side="left").astype(np.int64)
    texts = [wording.number(float(edge)) for edge in edges]
    names = [f"{name} ≤ {texts[0]}"]
    names += [f"{low} < {name} ≤ {high}" for low, high in pairwise(texts)]
    return codes, [*names, f"{name} > {texts[-1]}"]


def _texts(name: str, values: Any, missing: Any) -> tuple[npt.NDArray[np.int64], list[str]]:
    codes = np.zeros(len(values), dtype=np.int64)
    given = values[~missing]
    known, found, counts = np.unique(
        given.astype(str) if given.dtype.kind == "O" else given, return_inverse=True, return_counts=True
    )
    if len(known) <= MOST_VALUES:
        codes[~missing] = found
        return codes, [f"{name} = {_text(one)}" for one in known.tolist()]
    frequent = np.argsort(-counts, kind="stable")[: MOST_VALUES - 1]
    place = np.full(len(known), MOST_VALUES - 1)
    place[frequent] = np.arange(MOST_VALUES - 1)
    codes[~missing] = place[found]
    return codes, [*(f"{name} = {_text(known[at].item())}" for at in frequent), f"{name} among the rarer ones"]


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
