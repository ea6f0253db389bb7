"""Champion and challenger on the same rows: may the one replace the other.

A metric **passes** when the whole 95 % interval of the paired difference lies within ``maxRegression`` of the champion
(non-inferiority), **fails** when the loss is shown to be larger, or when the challenger is shown to be worse and its
estimated loss is larger, and is **inconclusive** between.  A slice, which has fewer rows, guards against harm: it fails
when a loss beyond the margin is shown there, the chance of any false alarm among all slices kept at 5 % (Holm).  What
cannot be compared never passes.  Pure functions of ``Evaluation`` records.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from statistics import NormalDist

from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.findings import Location
from mlops_gitops.manifests.metrics import Metric as Demand
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing import statistics, wording
from mlops_gitops.testing.data.columns import Locate
from mlops_gitops.testing.models.metrics import METRICS, Metric, Sample
from mlops_gitops.testing.models.samples import Evaluation, chosen, parts
from mlops_gitops.testing.statistics import Estimate, Unmeasurable

CONFIDENCE = 0.95
FALSE_ALARM = 0.05


@dataclass(frozen=True, slots=True)
class Pair:
    """Two models on one file, row by row: the same labels, from the same file."""

    champion: Evaluation
    challenger: Evaluation

    def samples(self) -> tuple[Sample, Sample]:
        """Champion first."""
        return self.champion.sample, self.challenger.sample


def checks(
    model: Model, pairs: Mapping[str, Pair], *, demanded: tuple[Demand, ...] = (), locate: Locate
) -> Iterator[Check]:
    """Every metric that declares a margin, and its slices.

    ``demanded`` are the metrics of the champion's manifest: one with a margin there must be declared here too, and the
    stricter margin counts, so that a change cannot lower its own bar.
    """
    margins = {(one.name, one.dataset): one.max_regression for one in demanded if one.max_regression is not None}
    harmed: list[tuple[Check, float]] = []
    for index, demand in enumerate(model.metrics):
        strict = margins.pop((demand.name, demand.dataset), None)
        margin = min((m for m in (strict, demand.max_regression) if m is not None), default=None)
        if margin is not None:
            place = locate(("spec", "metrics", index, "maxRegression"))
            yield _metric(demand, model.task, margin, pairs.get(demand.dataset), place)
            harmed.extend(_slices(demand, model.task, margin, pairs.get(demand.dataset), place))
    yield from _with_holm(harmed)
    for name, dataset in margins:
        message = f"{name} on {dataset} is guarded by the champion's manifest and is missing from this one"
        place, fix = locate(("spec", "metrics")), f"declare {name} on {dataset} with its maxRegression again"
        yield Check("comparison.metric", name, Verdict.FAIL, message, location=place, fix=fix)


def _metric(demand: Demand, task: str, margin: float, pair: Pair | None, place: Location) -> Check:
    metric, subject = METRICS.get(demand.name), demand.name
    if metric is None or task not in metric.tasks or pair is None:
        why = "there are no usable predictions of both models" if pair is None else f"the task is {task}"
        message = f"{demand.name} on {demand.dataset} cannot be compared: {why}"
        fix = "make both models answer on the same rows"
        return Check("comparison.metric", subject, Verdict.FAIL, message, location=place, fix=fix)
    try:
        found = _Difference.of(metric, *pair.samples())
    except Unmeasurable as reason:
        message = f"{demand.name} on {demand.dataset} cannot be compared: {reason}"
        fix = "provide rows that can answer; nothing was judged"
        return Check("comparison.metric", subject, Verdict.INCONCLUSIVE, message, location=place, fix=fix)
    return _judge(found, subject, demand.name, margin, place)


@dataclass(frozen=True, slots=True)
class _Difference:
    """``gain`` is the paired difference turned so that more is better; ``p`` is McNemar's, for accuracy."""

    metric: Metric
    before: float
    after: float
    found: Estimate
    gain: Estimate
    p: float | None

    @classmethod
    def of(cls, metric: Metric, before: Sample, after: Sample) -> _Difference:
        old = metric.measure(before).value
        new = metric.measure(after).value
        found = metric.difference(before, after, confidence=CONFIDENCE)
        gain = found
        if not metric.higher_is_better:
            gain = Estimate(-found.value, -found.upper, -found.lower, found.error, found.rows)
        p = None
        if metric.name == "accuracy" and metric.top is not None:
            p = statistics.mcnemar(metric.top(before) == 1.0, metric.top(after) == 1.0)
        return cls(metric, old, new, found, gain, p)

    def words(self, name: str) -> str:
        verb = "stayed at" if self.found.value == 0 else "rose from" if self.found.value > 0 else "fell from"
        between = wording.score(self.before)
        if self.found.value != 0:
            between += f" to {wording.score(self.after)}"
        interval = f"95 % interval {wording.signed(self.found.lower)} to {wording.signed(self.found.upper)}"
        p = "" if self.p is None else f", exact McNemar p = {self.p:.2g}"
        return f"{name} {verb} {between} ({wording.signed(self.found.value)}, {interval}{p})"

    def allowed(self, margin: float) -> str:
        if margin == 0:
            return "no loss is allowed"
        loss = -margin if self.metric.higher_is_better else margin
        return f"at most {wording.signed(loss)} is allowed"


def _judge(found: _Difference, subject: str, name: str, margin: float, place: Location) -> Check:
    gain = found.gain
    base = Check(
        "comparison.metric",
        subject,
        Verdict.PASS,
        f"{found.words(name)}; {found.allowed(margin)}",
        observed=found.found.value,
        limit=-margin if found.metric.higher_is_better else margin,
        interval=found.found.interval,
        rows=gain.rows,
        location=place,
    )
    if gain.lower >= -margin:
        better = ": better than the champion beyond noise" if gain.lower > 0 else ""
        return replace(base, message=base.message + better)
    shown_worse = gain.upper < -margin or (gain.upper < 0 and gain.value < -margin)
    if shown_worse:
        return replace(base, verdict=Verdict.FAIL, fix="keep the champion, or improve the challenger")
    needed = statistics.rows_needed(gain.error, gain.rows, distance=gain.value + margin, confidence=CONFIDENCE)
    more = (
        f"about {wording.rows(needed)} would tell, there are {gain.rows:,}"
        if needed is not None and needed > gain.rows
        else f"{wording.rows(gain.rows)} cannot tell"
    )
    message = f"{base.message}, and the interval reaches beyond it; {more}"
    return replace(base, verdict=Verdict.INCONCLUSIVE, message=message, fix="compare on more rows")


def _slices(
    demand: Demand, task: str, margin: float, pair: Pair | None, place: Location
) -> Iterator[tuple[Check, float]]:
    """Each slice with the one-sided p-value of "the loss is within the margin"; 1 where nothing can be said."""
    metric = METRICS.get(demand.name)
    if metric is None or task not in metric.tasks or pair is None:
        return
    for wanted in demand.slices:
        raw = pair.challenger.columns.get(wanted.column)
        if raw is None:
            message = f"{demand.dataset} cannot be sliced by {wanted.column}: it has no such column"
            fix = "name a column that the data have"
            yield Check("comparison.slice", wanted.column, Verdict.FAIL, message, location=place, fix=fix), 1.0
            continue
        for part in parts(raw, wanted):
            subject, name = f"{demand.name}[{part.name}]", f"{demand.name} where {part.name}"
            before, after = (chosen(sample, part.rows) for sample in pair.samples())
            try:
                if len(part.rows) < wanted.min_rows:
                    raise Unmeasurable(f"{wording.rows(len(part.rows))} are fewer than `minRows`")  # noqa: TRY301
                found = _Difference.of(metric, before, after)
            except Unmeasurable as reason:
                message, fix = f"{name} cannot be compared: {reason}", "provide rows that can answer"
                check = Check("comparison.slice", subject, Verdict.INCONCLUSIVE, message, location=place, fix=fix)
                yield check, 1.0
                continue
            yield _slice_check(found, subject, name, margin, place), _p_within(found.gain, margin)


def _slice_check(found: _Difference, subject: str, name: str, margin: float, place: Location) -> Check:
    return Check(
        "comparison.slice",
        subject,
        Verdict.PASS,
        f"{found.words(name)}; {found.allowed(margin)}",
        observed=found.found.value,
        limit=-margin if found.metric.higher_is_better else margin,
        interval=found.found.interval,
        rows=found.gain.rows,
        location=place,
    )


def _p_within(gain: Estimate, margin: float) -> float:
    if gain.error == 0:
        return 0.0 if gain.value < -margin else 1.0
    return NormalDist().cdf((gain.value + margin) / gain.error)


def _chance(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"  # noqa: PLR2004 - what people write


def _with_holm(found: list[tuple[Check, float]]) -> Iterator[Check]:
    adjusted = statistics.holm([p for _, p in found])
    for (check, _), p in zip(found, adjusted, strict=True):
        if check.verdict is not Verdict.PASS:
            yield check
        elif p < FALSE_ALARM:
            message = f"{check.message}; the loss is shown to be larger ({_chance(p)} after Holm)"
            fix = "keep the champion, or find what the challenger does worse there"
            yield replace(check, verdict=Verdict.FAIL, message=message, fix=fix)
        else:
            yield replace(check, message=f"{check.message}, and no larger loss is shown")
