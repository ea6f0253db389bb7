"""How fast a model ages: its past releases on the newest labelled rows, and whether `maxAge` is short enough.

Every release is held against the model that is tested, on the same rows, so that what the rows have in common does not
count.  A release that is younger than ``monitoring.maxAge`` and has lost more than ``staleness.maxLoss`` shows that
releases are allowed to grow too old.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from mlops_gitops.evidence import figures
from mlops_gitops.evidence.figures import Curve
from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.manifests.metrics import Threshold
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing import wording
from mlops_gitops.testing.data.columns import Locate
from mlops_gitops.testing.estimates import Estimate, Unmeasurable
from mlops_gitops.testing.models.limits import CONFIDENCE, mirrored, threshold, unmeasured
from mlops_gitops.testing.models.metrics import METRICS, Metric, Sample

_AT = ("spec", "tests", "model", "staleness")
_ID = "model.staleness"


@dataclass(frozen=True, slots=True)
class Former:
    """A past release: its version, how long ago it was made, and what it says; or why it cannot be asked."""

    version: str
    age: timedelta
    sample: Sample | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Point:
    """One point of the curve: the value of the metric, and the loss against the model that is tested."""

    version: str
    days: float
    value: Estimate
    loss: Estimate


def checks(
    model: Model, now: Sample | None, formers: Sequence[Former], *, locate: Locate, problem: str = ""
) -> Iterator[Check]:
    """One check for the curve and the age that is allowed, and one for each release that cannot be asked."""
    demanded, metric = model.tests.model.staleness, METRICS.get(model.primary.name)
    if demanded is None:
        return
    place, subject = locate(_AT), f"{model.primary.name} on {demanded.dataset}"
    if problem:
        yield unmeasured(_ID, subject, f"{subject} cannot be followed over time: {problem}", place)
        return
    for one in formers:
        if one.sample is None:
            message = f"{one.version} cannot be asked about {demanded.dataset}: {one.problem}"
            yield unmeasured(_ID, one.version, message, place)
    if now is None or metric is None:
        message = f"{subject} cannot be measured: there are no usable predictions of the model that is tested"
        yield unmeasured(_ID, subject, message, place)
        return
    try:
        points = curve(metric, now, formers)
    except Unmeasurable as reason:
        yield unmeasured(_ID, subject, f"{subject} cannot be measured: {reason}", place)
        return
    if not points:
        yield unmeasured(
            _ID, subject, "there is no past release that could be asked, so nothing is known of age", place
        )
        return
    drawn = figure(points, subject=subject, now=metric.value(now), allowed=model.monitoring.max_age)
    yield replace(_judged(model, now, subject, points, locate), figures=(drawn,))


def curve(metric: Metric, now: Sample, formers: Sequence[Former]) -> list[Point]:
    """The points of all releases that could be asked, the youngest first.  Raises ``Unmeasurable``."""
    found = []
    for one in formers:
        if one.sample is None:
            continue
        value = metric.measure(one.sample, confidence=CONFIDENCE)
        gain = metric.difference(one.sample, now, confidence=CONFIDENCE)
        loss = gain if metric.higher_is_better else mirrored(gain)
        found.append(Point(one.version, one.age.total_seconds() / 86_400, value, loss))
    return sorted(found, key=lambda one: (one.days, one.version))


def figure(points: Sequence[Point], *, subject: str, now: float, allowed: timedelta | None) -> Curve:
    """Quality by age, for the page that draws it: the model that is tested is a line across, `maxAge` one upright."""
    drawn = tuple(
        figures.Point(one.version, one.value.value, *one.value.interval, at=one.days, rows=one.value.rows)
        for one in points
    )
    bounds = () if allowed is None else (figures.Line("maxAge", allowed.total_seconds() / 86_400),)
    across = (figures.Line("the model that is tested", now),)
    return Curve(f"{subject} by age", "age in days", subject, drawn, across, bounds, "bars: 90 % intervals")


def _judged(model: Model, now: Sample, subject: str, points: Sequence[Point], locate: Locate) -> Check:
    """The release within the age that is allowed which comes out worst; each of them has to be shown to be within."""
    demanded, most = model.tests.model.staleness, model.monitoring.max_age
    told = "; ".join(
        f"{one.version} after {one.days:.3g} days {wording.score(one.value.value)} ({wording.signed(-one.loss.value)})"
        for one in points
    )
    place = locate(_AT)
    if demanded is None or demanded.max_loss is None or most is None:
        message = f"past releases on the newest rows, against the model that is tested: {told}"
        needed = "`monitoring.maxAge`" if most is None else "`maxLoss`"
        fix = f"add {needed}, so that a release that grows too old is found"
        return Check(_ID, subject, Verdict.INCONCLUSIVE, message, location=place, fix=fix)
    days = most.total_seconds() / 86_400
    young = [one for one in points if one.days <= days]
    if not young:
        message = f"no past release is younger than the {days:.3g} days of `maxAge`: {told}"
        return unmeasured(_ID, subject, message, place)
    at = locate((*_AT, "maxLoss"))
    assumed = now.assumed
    judged = [
        threshold(_ID, subject, _lost(model, one, days), one.loss, limit, place=lambda *_: at, assumed=assumed)
        for limit in [Threshold(None, demanded.max_loss)]
        for one in sorted(young, key=lambda one: -one.loss.value)
    ]
    order = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS)
    check = min(judged, key=lambda one: order.index(one.verdict))
    fixes = {Verdict.FAIL: "shorten `monitoring.maxAge`, or train more often", Verdict.PASS: ""}
    message = f"{check.message}. {told[0].upper()}{told[1:]}"
    return replace(check, message=message, fix=fixes.get(check.verdict, check.fix))


def _lost(model: Model, point: Point, days: float) -> str:
    return f"within the {days:.3g} days of `maxAge`, the loss of {model.primary.name} by {point.version}"
