"""Weak segments that nobody declared: parts of one or two columns on which the model is worse than on the rest.

Numbers are cut at their quartiles, text at its most frequent values; a missing value is a part of its own.  A segment
is compared with all other rows by the rows' own parts of a metric, whose sums are taken for all segments of a pair of
columns at once.  Of the segments that are blamed at most the demanded share is chance (``multiplicity``).

How likely a loss is by chance, ``contrasts`` says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.findings import Location
from mlops_gitops.manifests.metrics import Metric as Demand
from mlops_gitops.manifests.model_tests import Search
from mlops_gitops.testing import multiplicity, wording
from mlops_gitops.testing.estimates import Unmeasurable
from mlops_gitops.testing.models.contrasts import Parts
from mlops_gitops.testing.models.limits import unmeasured
from mlops_gitops.testing.models.metrics import METRICS, Metric, Sample
from mlops_gitops.testing.models.samples import MISSING, Evaluation
from mlops_gitops.testing.texts import as_texts

BINS = 4
MOST_VALUES = 20
"""More different texts than this are one part together, the rarest of them."""
NOISE = 2.0
"""So many standard errors are not noise."""
TOLD = 5
"""So many of the segments that are found are named."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One part: its name, its rows, how much worse it is than the rest, and the one-sided p-value of that.

    ``parts`` are the names of the parts of single columns that it is made of.
    """

    parts: tuple[str, ...]
    rows: int
    value: float
    rest: float
    loss: float
    error: float
    p: float

    @property
    def name(self) -> str:
        """What people call it."""
        return " and ".join(self.parts)


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
    try:
        found = segments(metric, evaluation.sample, columns, search)
    except Unmeasurable as reason:
        yield unmeasured("model.segments", subject, f"{subject} cannot be searched: {reason}", location)
        return
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
            f"the smallest has {wording.rows(least)}; {evaluation.sample.assumed}"
        )
        yield Check("model.segments", subject, Verdict.PASS, message, observed=0, limit=0, rows=rows, location=location)
        return
    told = "; ".join(_told(one, metric) for one in blamed[:TOLD])
    more = f"; and {len(blamed) - TOLD} more" if len(blamed) > TOLD else ""
    message = f"{scope}, {len(blamed)} are shown to be worse than the rest{beyond}: {told}{more}"
    message += f"; {evaluation.sample.assumed}"
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
    parts = Parts(metric, sample)
    axes = [_axis(name, raw) for name, raw in columns.items()]
    found = [one for axis in axes for one in _found(parts, axis.codes, [(name,) for name in axis.names], search)]
    for left, right in combinations(axes, 2) if search.pairs else ():
        names = [(one, other) for one in left.names for other in right.names]
        found.extend(_found(parts, left.codes * len(right.names) + right.codes, names, search))
    return found


def _found(
    parts: Parts, codes: npt.NDArray[np.int64], names: Sequence[tuple[str, ...]], search: Search
) -> Iterator[Segment]:
    """The segments of one grouping."""
    for at, rows, one in parts.contrasts(codes, len(names), least=search.min_rows):
        p = parts.chance(one, allowed=search.max_loss)
        yield Segment(names[at], rows, one.mine, one.rest, parts.loss(one), one.error, p)


def weak(found: Sequence[Segment], search: Search) -> list[Segment]:
    """Those that are shown to be worse, the worst first.

    A part of a segment that is blamed already is told only where it is worse than that beyond noise.
    """
    values = np.array([one.p for one in found])
    blamed = [found[int(at)] for at in np.flatnonzero(multiplicity.discoveries(values, rate=search.false_discovery))]
    whole = {one.name: one for one in blamed if len(one.parts) == 1}
    kept = [one for one in blamed if all(_worse(one, whole[name]) for name in one.parts if name in whole)]
    return sorted(kept, key=lambda one: (-one.loss, one.name))


def _worse(part: Segment, whole: Segment) -> bool:
    return part is whole or part.loss - whole.loss > NOISE * part.error


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
        as_texts(given) if given.dtype.kind == "O" else given, return_inverse=True, return_counts=True
    )
    if len(known) <= MOST_VALUES:
        codes[~missing] = found
        return codes, [f"{name} = {_text(one)}" for one in known.tolist()]
    frequent = np.argsort(-counts, kind="stable")[: MOST_VALUES - 1]
    place = np.full(len(known), MOST_VALUES - 1)
    place[frequent] = np.arange(MOST_VALUES - 1)
    codes[~missing] = place[found]
    return codes, [*(f"{name} = {_text(known[[at]].tolist()[0])}" for at in frequent), f"{name} among the rarer ones"]


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
