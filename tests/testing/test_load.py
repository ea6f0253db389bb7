from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy import stats

from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.findings import Location
from mlops_gitops.testing.estimates import Unmeasurable
from mlops_gitops.testing.infra import load, objectives
from mlops_gitops.testing.infra.load import Load, Samples
from mlops_gitops.testing.infra.objectives import Objective

CLOSED = Load(concurrency=2, seconds=10.0, warm_up=2.0)
PLACE = Location("models/cancer/model.yaml", 7)


def samples(latencies: np.ndarray, *, stated: Load = CLOSED, busy: float = 0.1) -> Samples:
    """Requests at even distances over the measured time."""
    starts = np.linspace(0, stated.seconds, len(latencies), endpoint=False)
    failed = int(np.isinf(latencies).sum())
    return Samples(stated, starts, latencies, (("status 500", failed),) if failed else (), busy)


def judged(found: Samples, *wanted: Objective) -> list[tuple[str, Verdict]]:
    return [(one.subject, one.verdict) for one in objectives.checks(found, wanted, location=PLACE)]


@pytest.mark.parametrize("count", [1, 7, 59, 299, 300, 1_000, 54_321, 1_000_000])
@pytest.mark.parametrize("share", [0.5, 0.95, 0.99, 0.999])
def test_ranks_are_those_of_the_binomial_distribution(count: int, share: float) -> None:
    lower, upper = load.ranks(count, share)
    # P(B < lower) <= 5 % and not one more; P(B >= upper) <= 5 % and not one less
    assert stats.binom.cdf(lower - 1, count, share) <= 0.05 < stats.binom.cdf(lower, count, share)
    assert stats.binom.sf(upper - 1, count, share) <= 0.05 < stats.binom.sf(upper - 2, count, share)


def test_the_least_number_of_requests_is_the_textbooks() -> None:
    assert [load.fewest_requests(share) for share in (0.5, 0.95, 0.99)] == [5, 59, 299]


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    chance, truth = np.random.default_rng(7), math.exp(stats.norm.ppf(0.95))
    held = [load.latency(samples(chance.lognormal(size=400)), 0.95) for _ in range(600)]
    assert np.mean([one.lower <= truth <= one.upper for one in held]) >= 0.88


def test_neighbours_that_are_alike_make_the_interval_honest() -> None:
    """An autoregressive latency, as queues make them: the plain binomial interval would hold in about half of all."""
    chance, truth, held, plain = np.random.default_rng(3), stats.norm.ppf(0.95), 0, 0
    for _ in range(200):
        noise = chance.normal(size=4_000)
        value = [noise[0]]
        for one in noise[1:]:
            value.append(0.9 * value[-1] + math.sqrt(1 - 0.81) * one)
        found = load.latency(samples(np.array(value)), 0.95)
        lower, upper = load.ranks(4_000, 0.95)
        ordered = np.sort(value)
        held += found.lower <= truth <= found.upper
        plain += ordered[lower - 1] <= truth <= ordered[upper - 1]
    assert held / 200 >= 0.8
    assert plain / 200 < 0.65


def test_the_warm_up_and_what_comes_after_the_end_do_not_count() -> None:
    starts, latencies = np.array([-1.0, -0.1, *np.linspace(0, 9.9, 100), 10.0]), np.ones(103)
    latencies[[0, 1, 102]] = 50.0
    found = load.latency(Samples(CLOSED, starts, latencies), 0.5)
    assert (found.rows, found.upper) == (100, 1.0)


def test_too_few_for_the_99th_percentile_is_said_and_never_made_up() -> None:
    with pytest.raises(Unmeasurable, match="298 requests are too few for p99; 299 are the least"):
        load.latency(samples(np.ones(298)), 0.99)
    assert load.latency(samples(np.linspace(1, 2, 299)), 0.99).upper == 2.0
    found = load.summary(samples(np.linspace(1, 2, 100)))
    assert found["p99"] is None
    assert "too few" in str(found["unknown"])
    json.dumps(found, allow_nan=False)


def test_a_failed_request_is_slower_than_every_answer() -> None:
    latencies = np.full(1_000, 0.001)
    latencies[::10] = np.inf
    found = samples(latencies)
    assert load.latency(found, 0.5).value == 0.001
    assert math.isinf(load.latency(found, 0.95).value)
    assert judged(found, Objective(1.0, 0.95), Objective(1.0, 0.5)) == [
        ("errors", Verdict.FAIL),
        ("p95", Verdict.FAIL),
        ("p50", Verdict.PASS),
    ]
    said = [one.message for one in objectives.checks(found, [Objective(1.0, 0.95)])]
    assert "100 of 1,000 requests were not answered well" in said[0]
    assert "100 times status 500" in said[0]
    assert "unbounded" in said[1]
    json.dumps(load.summary(found), allow_nan=False)


def test_throughput_counts_good_answers_that_came_within_the_time() -> None:
    found = load.throughput(samples(np.full(1_000, 0.5)))
    assert found.rows == 950  # the last half second was answered too late
    assert found.lower <= 95.0 <= found.upper
    even = load.throughput(samples(np.full(2_000, 1e-9)))
    assert (even.value, even.error) == (200.0, 0.0)
    with pytest.raises(Unmeasurable, match="too few for a throughput"):
        load.throughput(samples(np.full(39, 0.001)))


@pytest.mark.parametrize(
    ("limit", "verdict"), [(0.5, Verdict.FAIL), (0.949, Verdict.INCONCLUSIVE), (1.0, Verdict.PASS)]
)
def test_a_latency_is_judged_by_its_whole_interval(limit: float, verdict: Verdict) -> None:
    found = samples(np.random.default_rng(1).permutation(np.linspace(0, 1, 2_000)))
    _, check = objectives.checks(found, [Objective(limit, 0.95, PLACE)])
    assert check.verdict is verdict, check.message
    assert check.location == PLACE
    assert check.interval is not None
    assert check.interval[0] < 0.95 < check.interval[1]
    if verdict is Verdict.INCONCLUSIVE:
        assert "s would tell" in check.message


@pytest.mark.parametrize(("limit", "verdict"), [(150, Verdict.FAIL), (101, Verdict.INCONCLUSIVE), (50, Verdict.PASS)])
def test_a_throughput_is_judged_by_its_whole_interval(limit: float, verdict: Verdict) -> None:
    starts = np.sort(np.random.default_rng(2).random(1_000) * 10)
    found = Samples(CLOSED, starts, np.full(1_000, 1e-6), (), 0.1)
    assert judged(found, Objective(limit))[1] == ("throughput", verdict)
    if verdict is Verdict.FAIL:  # unless it may be the client that is slow
        busy = Samples(CLOSED, starts, np.full(1_000, 1e-6), (), 0.95)
        assert judged(busy, Objective(limit))[1] == ("throughput", Verdict.INCONCLUSIVE)


def test_few_requests_can_still_be_too_slow_and_never_fast_enough() -> None:
    slow, fast = samples(np.full(20, 9.0)), samples(np.full(20, 0.001))
    wanted = (Objective(1.0, 0.95), Objective(100.0))
    assert [verdict for _, verdict in judged(slow, *wanted)[1:]] == [Verdict.FAIL, Verdict.FAIL]
    assert judged(fast, Objective(1.0, 0.95))[1] == ("p95", Verdict.INCONCLUSIVE)
    assert judged(fast, Objective(2.0))[1] == ("throughput", Verdict.INCONCLUSIVE)
    assert judged(samples(np.empty(0)), *wanted)[0] == ("errors", Verdict.INCONCLUSIVE)


def test_a_client_that_was_busy_is_no_proof_that_a_server_is_slow() -> None:
    slow = np.full(400, 0.2)
    wanted = Objective(0.1, 0.95)
    assert judged(samples(slow), wanted)[1][1] is Verdict.FAIL
    assert judged(samples(slow, busy=0.95), wanted)[1][1] is Verdict.INCONCLUSIVE
    assert judged(samples(slow / 4, busy=0.95), wanted)[1][1] is Verdict.PASS
    nobody = np.full(400, np.inf)
    assert judged(samples(nobody, busy=0.95), wanted)[1][1] is Verdict.FAIL
