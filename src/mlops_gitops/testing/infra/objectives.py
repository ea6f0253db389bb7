"""Whether a service is as fast as was promised: limits held against a load measurement.

The rule for a limit: it **fails** when the whole interval lies beyond it, **passes** when the whole interval keeps it,
and is **inconclusive** where the limit lies within, with the time that would tell.  A request that was not answered
well fails whatever the limits say.  Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.findings import Location
from mlops_gitops.testing import estimates
from mlops_gitops.testing.estimates import Estimate, Unmeasurable, wilson
from mlops_gitops.testing.infra import load
from mlops_gitops.testing.infra.load import CONFIDENCE, Samples

BUSY = 0.9
"""A client that spends more of its time than this working measures itself and not the server."""
_DAY = 86_400
_FASTER = "make the model or its server faster, give it more resources, or promise less"


@dataclass(frozen=True, slots=True)
class Objective:
    """A limit: seconds at most for a share of the requests, or, without a share, answers a second at least."""

    limit: float
    share: float | None = None
    location: Location | None = None

    @property
    def name(self) -> str:
        """``p95``, or ``throughput``."""
        return "throughput" if self.share is None else load.percentile(self.share)


def checks(samples: Samples, objectives: Sequence[Objective], *, location: Location | None = None) -> Iterator[Check]:
    """Whether requests failed, at ``location``, and whether each objective is met."""
    yield _errors(samples, location)
    for one in objectives:
        yield _throughput(samples, one) if one.share is None else _latency(samples, one, one.share)


def _errors(samples: Samples, location: Location | None) -> Check:
    asked, failed = int(samples.measured.sum()), samples.failed
    base = Check("infra.load", "errors", Verdict.PASS, "", observed=failed, limit=0, rows=asked, location=location)
    if not asked:
        message = f"no request was sent within {samples.load.seconds:g} s"
        return replace(base, verdict=Verdict.INCONCLUSIVE, message=message, fix="measure for longer")
    if not failed:
        most = wilson(0, asked, confidence=CONFIDENCE).upper
        message = f"all of {asked:,} requests were answered ({samples.load.words}); at most {100 * most:.2g} % fail"
        return replace(base, message=message)
    listed = "; ".join(f"{count:,} times {reason}" for reason, count in samples.errors[:3])
    message = f"{failed:,} of {asked:,} requests were not answered well ({samples.load.words}): {listed}"
    return replace(base, verdict=Verdict.FAIL, message=message, fix="look at the server's log, or state a smaller load")


def _latency(samples: Samples, objective: Objective, share: float) -> Check:
    name, limit = objective.name, objective.limit
    demand = f"at most {load.seconds(limit)} is demanded"
    try:
        found = load.latency(samples, share)
    except Unmeasurable as reason:
        return _few(samples, objective, share, str(reason))
    base = _check("infra.latency", objective, found)
    shown = f"{load.seconds(found.value)} (90 % interval {load.seconds(found.lower)} to {load.seconds(found.upper)})"
    if math.isinf(found.value):
        shown = f"unbounded, because {samples.failed:,} of {found.rows:,} requests got no good answer,"
    message = f"{name} of the latency is {shown} at {samples.load.words}; {demand}"
    if found.upper <= limit:
        return replace(base, message=message)
    if samples.busy > BUSY and math.isfinite(found.value):
        return _busy(base, message, samples)
    if found.lower > limit:
        return replace(base, verdict=Verdict.FAIL, message=message, fix=_FASTER)
    within = samples.latencies[samples.measured] <= limit
    error = math.sqrt(share * (1 - share) * load.alike(within) / found.rows)
    return _between(base, message, samples, error, float(within.mean()) - share)


def _few(samples: Samples, objective: Objective, share: float, reason: str) -> Check:
    """Too few requests for the quantile can still be too slow: the share within the limit is a proportion."""
    base = _unknown("infra.latency", objective, f"{objective.name} of the latency is not known: {reason}", samples)
    asked, within = int(samples.measured.sum()), int((samples.latencies[samples.measured] <= objective.limit).sum())
    if not asked or wilson(within, asked, confidence=CONFIDENCE).upper >= share:
        return base
    message = (
        f"{within} of {asked} requests were answered within {load.seconds(objective.limit)}, and {share:.2%} must be"
    )
    return replace(base, verdict=Verdict.FAIL, message=f"{message} ({samples.load.words})", fix=_FASTER)


def _throughput(samples: Samples, objective: Objective) -> Check:
    demand = f"at least {objective.limit:g} a second are demanded"
    try:
        found = load.throughput(samples)
    except Unmeasurable as reason:
        found_none = _unknown("infra.throughput", objective, f"the throughput is not known: {reason}", samples)
        missed = objective.limit * samples.load.seconds > 2 * load.FEWEST_ANSWERS
        return replace(found_none, verdict=Verdict.FAIL, fix=_FASTER) if missed else found_none
    base = _check("infra.throughput", objective, found)
    interval = f"{found.lower:.4g} to {found.upper:.4g}"
    message = f"{found.value:.4g} answers a second (90 % interval {interval}) at {samples.load.words}; {demand}"
    if found.lower >= objective.limit:
        return replace(base, message=message)
    if samples.busy > BUSY:
        return _busy(base, message, samples)
    if found.upper < objective.limit:
        return replace(base, verdict=Verdict.FAIL, message=message, fix=_FASTER)
    return _between(base, message, samples, found.error, found.value - objective.limit)


def _busy(base: Check, message: str, samples: Samples) -> Check:
    """A limit that is missed, perhaps by the client."""
    message += f"; the client was busy for {100 * samples.busy:.0f} % of the time and may be what is slow"
    fix = "measure from another machine, or with a larger load generator"
    return replace(base, verdict=Verdict.INCONCLUSIVE, message=message, fix=fix)


def _between(base: Check, message: str, samples: Samples, error: float, distance: float) -> Check:
    """The limit lies within the interval: how long a measurement would tell, if what was seen stays."""
    rows = base.rows or 1
    needed = estimates.rows_needed(error, rows, distance=abs(distance), confidence=CONFIDENCE)
    time = math.inf if needed is None else samples.load.seconds * needed / rows
    longer = f"about {time:,.0f} s would tell" if samples.load.seconds < time < _DAY else "a longer time may tell"
    message = f"{message}, which lies within the interval; {longer}"
    return replace(base, verdict=Verdict.INCONCLUSIVE, message=message, fix="measure for longer")


def _check(id_: str, objective: Objective, found: Estimate) -> Check:
    interval = (found.lower, found.upper) if math.isfinite(found.upper) else None
    return Check(
        id_,
        objective.name,
        Verdict.PASS,
        "",
        observed=found.value if math.isfinite(found.value) else "no answer",
        limit=objective.limit,
        interval=interval,
        rows=found.rows,
        location=objective.location,
    )


def _unknown(id_: str, objective: Objective, message: str, samples: Samples) -> Check:
    message = f"{message} ({samples.load.words})"
    where = objective.location
    fix = "measure for longer"
    return Check(id_, objective.name, Verdict.INCONCLUSIVE, message, limit=objective.limit, location=where, fix=fix)
