from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from cancer import manifest
from mlops_gitops.evidence.figures import Curve
from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.findings import Location
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing.estimates import Unmeasurable
from mlops_gitops.testing.models import business, staleness
from mlops_gitops.testing.models.business import Pair
from mlops_gitops.testing.models.metrics import Sample
from mlops_gitops.testing.models.staleness import Former


def declared(**tests: Any) -> Model:
    value = manifest()
    value["spec"]["tests"]["model"] = tests
    value["spec"]["monitoring"] = {"maxAge": "P90D"}
    return Model.from_value(value)


STALE = declared(staleness={"dataset": "test", "maxLoss": 0.03})
LABELS = (np.random.default_rng(1).random(4000) < 0.4).astype(float)


def said(strength: float, seed: int = 2) -> Sample:
    rng = np.random.default_rng(seed)
    return Sample(LABELS, 1 / (1 + np.exp(-(strength * (LABELS - 0.5) + rng.normal(size=4000)))), "probability")


def judged(model: Model, formers: Sequence[Former], now: Sample | None, **extra: str) -> list[Check]:
    return list(staleness.checks(model, now, formers, locate=lambda _: Location("model.yaml", 1), **extra))


def aged(*pairs: tuple[int, float]) -> list[Former]:
    return [Former(f"1.{days}.0", timedelta(days=days), said(strength)) for days, strength in pairs]


def test_a_model_that_ages_within_the_allowed_age_fails_and_one_that_does_not_passes() -> None:
    [slow] = judged(STALE, aged((30, 1.98), (80, 1.95), (200, 0.5)), said(2.0))
    assert slow.verdict is Verdict.PASS
    assert "1.200.0 after 200 days" in slow.message
    [fast] = judged(STALE, aged((30, 1.9), (80, 1.0)), said(2.0))
    assert fast.verdict is Verdict.FAIL
    assert fast.fix.startswith("shorten `monitoring.maxAge`")


def test_the_curve_goes_from_young_to_old() -> None:
    from mlops_gitops.testing.models.metrics import METRICS

    points = staleness.curve(METRICS["roc_auc"], said(2.0), aged((80, 1.0), (30, 1.9)))
    assert [one.days for one in points] == [30.0, 80.0]
    assert points[0].loss.value < points[1].loss.value
    [check] = judged(STALE, aged((30, 1.98), (200, 0.5)), said(2.0))
    [figure] = check.figures
    assert isinstance(figure, Curve)
    assert [one.at for one in figure.points] == [30.0, 200.0]
    assert [one.value for one in figure.bounds] == [90.0]


def test_what_is_not_known_of_age_is_said() -> None:
    assert [one.verdict for one in judged(STALE, [], said(2.0))] == [Verdict.INCONCLUSIVE]
    assert [one.verdict for one in judged(STALE, aged((30, 2.0)), None)] == [Verdict.INCONCLUSIVE]
    [old] = judged(STALE, aged((200, 2.0)), said(2.0))
    assert "no past release is younger" in old.message
    gone = Former("1.0.0", timedelta(days=3), None, "it is not in the cache")
    first, rest = judged(STALE, [gone, *aged((30, 1.99))], said(2.0))
    assert (first.verdict, rest.verdict) == (Verdict.INCONCLUSIVE, Verdict.PASS)
    [nowhere] = judged(STALE, [], None, problem="no environment repository is named")
    assert "no environment repository is named" in nowhere.message
    unlimited = declared(staleness={"dataset": "test"})
    [curve] = judged(unlimited, aged((30, 1.9)), said(2.0))
    assert "add `maxLoss`" in curve.fix
    assert judged(declared(baseline="prior"), aged((30, 1.9)), said(2.0)) == []


REFUNDS = declared(business={"metric": "refunds", "higherIsBetter": False, "minCorrelation": 0.2})


def moved(model: Model, pairs: Sequence[Pair]) -> Check:
    [check] = business.checks(model, pairs, locate=lambda _: Location("model.yaml", 1))
    return check


def test_a_metric_that_moves_with_the_business_passes_and_one_that_moves_against_it_fails() -> None:
    rng = np.random.default_rng(3)
    auc = np.linspace(0.7, 0.8, 30)
    fewer = [Pair(str(n), float(auc[n]), float(900 - 5000 * auc[n] + 20 * rng.normal())) for n in range(30)]
    assert moved(REFUNDS, fewer).verdict is Verdict.PASS
    more = [Pair(one.version, one.offline, -one.business) for one in fewer]
    assert moved(REFUNDS, more).verdict is Verdict.FAIL
    few = moved(REFUNDS, fewer[:5])
    assert few.verdict is Verdict.INCONCLUSIVE
    assert "5 past releases have both numbers, which are too few" in few.message


def test_the_correlation_is_that_of_scipy_and_covers() -> None:
    from scipy.stats import spearmanr

    rng = np.random.default_rng(4)
    covered = 0
    for _ in range(200):
        left = rng.normal(size=25)
        right = 0.6 * left + 0.8 * rng.normal(size=25)
        found = business.correlation(left, np.round(right, 1))
        assert found.value == pytest.approx(spearmanr(left, np.round(right, 1)).statistic, abs=1e-12)
        covered += found.lower <= 0.582 <= found.upper
    assert 0.84 <= covered / 200 <= 0.96
    with pytest.raises(Unmeasurable, match="never changed"):
        business.correlation(np.ones(20), np.arange(20.0))
