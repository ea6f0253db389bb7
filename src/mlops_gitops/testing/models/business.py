"""Whether the metric that decides about a model moves with what the business is about, over past promotions.

Each past release gives one pair: the primary metric in its evidence of model tests, and the business metric in its
evidence of monitoring.  Few pairs say nothing, and that is what the check says then.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mlops_gitops.evidence.verdicts import Check
from mlops_gitops.manifests.metrics import Threshold
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing import wording
from mlops_gitops.testing.data.columns import Locate
from mlops_gitops.testing.estimates import Estimate, Unmeasurable, quantile
from mlops_gitops.testing.models.limits import CONFIDENCE, threshold, unmeasured
from mlops_gitops.testing.models.metrics import METRICS
from mlops_gitops.testing.statistics import Floats

FEWEST = 8
"""With fewer pairs the interval of a rank correlation spans nearly everything."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One past release: what its tests said before, and what the business saw after."""

    version: str
    offline: float
    business: float


def checks(model: Model, pairs: Sequence[Pair], *, locate: Locate, problem: str = "") -> Iterator[Check]:
    """One check: the rank correlation, turned so that moving together the good way is positive."""
    demanded, metric = model.tests.model.business, METRICS.get(model.primary.name)
    if demanded is None:
        return
    place = locate(("spec", "tests", "model", "business"))
    subject = f"{model.primary.name} and {demanded.metric}"
    sign = 1.0 if metric is None or metric.higher_is_better == demanded.higher_is_better else -1.0
    try:
        if problem:
            raise Unmeasurable(problem)  # noqa: TRY301 - one place says it
        offline, business = (np.array([getattr(one, name) for one in pairs]) for name in ("offline", "business"))
        found = correlation(offline, sign * business)
    except Unmeasurable as reason:
        message = f"whether {subject} move together is not known: {reason}"
        yield unmeasured("model.business", subject, message, place)
        return
    on = f"the rank correlation of {subject} over {wording.number(len(pairs))} past releases"
    limit = Threshold(demanded.min_correlation, None)
    assumed = "releases are taken as independent"
    yield threshold("model.business", subject, on, found, limit, place=lambda *_: place, assumed=assumed)


def correlation(left: Floats, right: Floats) -> Estimate:
    """Spearman's rank correlation with the interval of Bonett and Wright (2000, Psychometrika 65:23), on Fisher's z."""
    count = len(left)
    if count < FEWEST:
        raise Unmeasurable(f"{count} past releases have both numbers, which are too few; {FEWEST} are the least")
    first, second = _ranks(left), _ranks(right)
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        raise Unmeasurable("one of the two never changed")
    value = float(np.corrcoef(first, second)[0, 1])
    value = max(-1.0, min(1.0, value))
    inside = max(-1 + 1e-9, min(1 - 1e-9, value))
    error = math.sqrt((1 + value**2 / 2) / (count - 3))
    centre, half = math.atanh(inside), quantile(CONFIDENCE) * error
    return Estimate(value, math.tanh(centre - half), math.tanh(centre + half), error * (1 - inside**2), count)


def _ranks(values: Floats) -> Floats:
    """Ranks from 1, equal values sharing the mean of theirs."""
    _, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = counts.cumsum()
    found: Floats = (ends - (counts - 1) / 2)[codes]
    return found
