"""What a load measurement says: how slow, how many, how sure, and whether that is what was promised.

Pure functions of ``Samples``, which a client (``adapters/load_client.py``) brings.  A request that got no good answer
counts as slower than every one that did, so that failing quickly is never an improvement.  What the samples cannot
tell, such as a 99th percentile from a hundred of them, is said to be unknown and never made up.

Intervals are two-sided at 90 %, so that each bound is a one-sided one at 95 %, as in the model's tests.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mlops_gitops.canonical import JSON
from mlops_gitops.testing.estimates import Estimate, Unmeasurable, quantile
from mlops_gitops.testing.statistics import Bools, Floats

CONFIDENCE = 0.90
SHARES = (0.5, 0.95, 0.99)
WINDOWS = 20
"""Parts of the measured time whose throughputs are compared; enough for an interval, few enough to be long."""
STUDENT = 1.7291
"""The 95 % quantile of Student's t with ``WINDOWS - 1`` degrees of freedom."""
FEWEST_ANSWERS = 2 * WINDOWS


@dataclass(frozen=True, slots=True)
class Load:
    """How requests are sent; times in seconds.

    With a ``rate`` (requests per second) the loop is *open*: requests are due at even distances whether or not the
    earlier ones were answered, and latency counts from when a request was due, so that a server which stalls is
    charged for everybody whom it kept waiting (coordinated omission: Tene, "How NOT to Measure Latency", 2013).
    Without one it is *closed*: ``concurrency`` callers, each of whom asks again when it has its answer.
    """

    concurrency: int
    seconds: float
    warm_up: float
    rate: float | None = None
    timeout: float = 30.0

    @property
    def words(self) -> str:
        """As a person states it."""
        how = f"{self.concurrency} at a time"
        if self.rate is not None:
            how = f"{self.rate:g} requests a second over at most {self.concurrency} connections"
        return f"{how} for {self.seconds:g} s after {self.warm_up:g} s of warm-up"


@dataclass(frozen=True, slots=True)
class Samples:
    """What a client saw, in seconds.

    ``starts``: when each request was sent, or due in an open loop, from the end of the warm-up on, which is negative
    within it; one of the warm-up that fails later, or is open until the end, counts from 0 on.  ``latencies``: until
    its answer was whole, infinite where there was none or no good one; both of shape ``(requests,)``.  ``errors`` are
    reasons and counts after the warm-up.  ``busy`` is the share of the time in which the client itself was working.
    """

    load: Load
    starts: Floats
    latencies: Floats
    errors: tuple[tuple[str, int], ...] = ()
    busy: float = 0.0

    @property
    def measured(self) -> Bools:
        """The requests that count: those of the warm-up do not."""
        mask: Bools = (self.starts >= 0) & (self.starts < self.load.seconds)
        return mask

    @property
    def failed(self) -> int:
        """How many requests after the warm-up got no good answer."""
        return int(np.isinf(self.latencies[self.measured]).sum())


def percentile(share: float) -> str:
    """``p50``, ``p99.9``."""
    return f"p{100 * share:g}"


def latency(samples: Samples, share: float) -> Estimate:
    """The quantile of the latencies, in seconds, between two order statistics.

    Distribution-free: how many of n values lie below the true quantile is binomial (Hahn and Meeker 1991, Statistical
    Intervals, 5.2; Le Boudec 2010, Performance Evaluation, theorem 2.1).  Requests that follow each other are alike,
    and then n of them tell less than n; the binomial is taken for as many as would tell as much (``alike``).

    Raises ``Unmeasurable`` where no order statistic bounds the quantile.
    """
    values = samples.latencies[samples.measured][np.argsort(samples.starts[samples.measured], kind="stable")]
    rows = len(values)
    fewest = fewest_requests(share)
    if rows < fewest:
        raise Unmeasurable(f"{rows:,} requests are too few for {percentile(share)}; {fewest:,} are the least")
    ordered = np.sort(values)
    value = float(ordered[min(rows - 1, math.ceil(share * rows) - 1)])
    factor = alike(values <= value)
    count = int(rows / factor)
    lower, upper = ranks(count, share)
    if lower < 1 or upper > count:
        raise Unmeasurable(
            f"{rows:,} requests, each much like those before it, tell as much as {count:,} independent ones, "
            f"too few for {percentile(share)}; {math.ceil(fewest * factor):,} are the least"
        )
    low = float(ordered[max(0, math.floor(lower * rows / count) - 1)])
    high = float(ordered[min(rows, math.ceil(upper * rows / count)) - 1])
    error = (high - low) / (2 * quantile(CONFIDENCE)) if math.isfinite(high) else math.inf
    return Estimate(value, low, high, error, rows)


def fewest_requests(share: float) -> int:
    """How many independent requests it takes until the slowest of them bounds the quantile: 299 for p99."""
    tail = max(share, 1 - share)
    return math.ceil(math.log((1 - CONFIDENCE) / 2) / math.log(tail))


def ranks(count: int, share: float) -> tuple[int, int]:
    """Ranks, from one, of the order statistics of ``count`` values that bound the quantile.

    Below 1 or above ``count`` there is no such bound.  Exact up to rounding: the binomial distribution is summed around
    its mean, where all but 1e-15 of it lies.
    """
    spread = math.sqrt(count * share * (1 - share))
    first = max(0, math.floor(count * share - 9 * spread - 40))
    last = min(count, math.ceil(count * share + 9 * spread + 40))
    k = np.arange(first, last, dtype=np.float64)
    steps = np.log((count - k) / (k + 1)) + math.log(share / (1 - share))
    logs = np.concatenate([[0.0], np.cumsum(steps)])
    chances = np.exp(logs - logs.max())
    below = np.cumsum(chances / chances.sum())
    tail = (1 - CONFIDENCE) / 2
    lower = first + int(np.searchsorted(below, tail, side="right"))
    upper = first + int(np.searchsorted(below, 1 - tail, side="left")) + 1
    return lower, upper


def alike(hits: Bools) -> float:
    """By what factor the variance of a share grows because neighbours are alike; 1 where they are not.

    From the means of consecutive batches (Heidelberger and Lewis 1984, Operations Research 32:185).
    """
    size = len(hits) // WINDOWS
    share = float(hits.mean()) if len(hits) else 0.0
    if size < 2 or share in {0.0, 1.0}:  # noqa: PLR2004 - a batch of one is no batch
        return 1.0
    means = hits[: size * WINDOWS].reshape(WINDOWS, size).mean(axis=1)
    return max(1.0, size * float(means.var(ddof=1)) / (share * (1 - share)))


def throughput(samples: Samples) -> Estimate:
    """Good answers a second, with Student's interval from ``WINDOWS`` equal parts of the time (batch means)."""
    ends = (samples.starts + samples.latencies)[np.isfinite(samples.latencies)]
    ends = ends[(ends >= 0) & (ends < samples.load.seconds)]
    if len(ends) < FEWEST_ANSWERS:
        raise Unmeasurable(f"{len(ends):,} answers are too few for a throughput; {FEWEST_ANSWERS} are the least")
    length = samples.load.seconds / WINDOWS
    rates = np.bincount((ends / length).astype(np.int64).clip(0, WINDOWS - 1), minlength=WINDOWS) / length
    value, error = float(rates.mean()), float(rates.std(ddof=1)) / math.sqrt(WINDOWS)
    return Estimate(value, max(0.0, value - STUDENT * error), value + STUDENT * error, error, len(ends))


def seconds(value: float) -> str:
    """As people read it: ``1.23 s``, ``4.56 ms``, ``no answer``."""
    if math.isinf(value):
        return "no answer"
    return f"{value:.3g} s" if value >= 1 else f"{1000 * value:.3g} ms"


def summary(samples: Samples) -> dict[str, JSON]:
    """What was measured, for evidence and pages; latencies in seconds, and ``null`` with its reason in ``unknown``."""
    unknown: dict[str, JSON] = {}
    found: dict[str, JSON] = {
        "load": samples.load.words,
        "requests": int(samples.measured.sum()),
        "failed": samples.failed,
        "errors": dict(samples.errors),
        "clientBusy": round(samples.busy, 3),
        "confidence": CONFIDENCE,
    }
    for share in SHARES:
        name = percentile(share)
        try:
            found[name] = _numbers(latency(samples, share))
        except Unmeasurable as reason:
            found[name], unknown[name] = None, str(reason)
    try:
        found["throughput"] = _numbers(throughput(samples))
    except Unmeasurable as reason:
        found["throughput"], unknown["throughput"] = None, str(reason)
    return {**found, "unknown": unknown} if unknown else found


def _numbers(found: Estimate) -> dict[str, JSON]:
    parts = {"value": found.value, "lower": found.lower, "upper": found.upper}
    return {name: float(f"{value:.6g}") if math.isfinite(value) else None for name, value in parts.items()}
