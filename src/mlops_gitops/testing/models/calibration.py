"""Whether probabilities come true: calibration error, slope and intercept of the recalibration, and Spiegelhalter's z.

Pure functions of a ``Sample``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import NormalDist

import numpy as np

from mlops_gitops.evidence.verdicts import Check
from mlops_gitops.manifests.metrics import Threshold
from mlops_gitops.manifests.model_tests import Calibration
from mlops_gitops.testing import clusters, logistic, wording
from mlops_gitops.testing.data.columns import Place
from mlops_gitops.testing.estimates import FEWEST_OF_A_CLASS, FEWEST_ROWS, Estimate, Unmeasurable, quantile
from mlops_gitops.testing.models.limits import CONFIDENCE, threshold, unmeasured
from mlops_gitops.testing.models.metrics import Sample, curves
from mlops_gitops.testing.models.samples import Evaluation
from mlops_gitops.testing.student import student_cdf


def checks(evaluation: Evaluation, demanded: Calibration, place: Place) -> Iterator[Check]:
    """One check for each limit."""
    wanted = (
        ("maxError", "expected calibration error", _upto(demanded.max_error), error),
        ("maxClasswiseError", "classwise calibration error", _upto(demanded.max_classwise_error), classwise),
        ("slope", "calibration slope", demanded.slope, slope),
        ("intercept", "calibration intercept", demanded.intercept, intercept),
    )
    for field, words, limit, measure in wanted:
        if limit is None:
            continue
        subject, on = f"{words} on {evaluation.dataset}", f"the {words} on {evaluation.dataset}"
        at = place(field)
        try:
            if evaluation.sample.kind != "probability":
                raise Unmeasurable(f"the model gives a {evaluation.sample.kind} and no probability")  # noqa: TRY301
            found = measure(evaluation.sample)
        except Unmeasurable as reason:
            yield unmeasured("model.calibration", subject, f"{on} cannot be measured: {reason}", at)
            continue
        on += _spiegelhalter_words(evaluation.sample) if field == "maxError" else ""
        assumed = evaluation.sample.assumed
        yield threshold("model.calibration", subject, on, found, limit, place=lambda *_, at=at: at, assumed=assumed)


def _upto(most: float | None) -> Threshold | None:
    return None if most is None else Threshold(None, most)


def error(sample: Sample) -> Estimate:
    """Expected calibration error of the positive class, or of the likeliest of several."""
    return curves.calibration_error(sample, CONFIDENCE)


def classwise(sample: Sample) -> Estimate:
    """The mean over classes of each one's calibration error (Kull et al. 2019, NeurIPS), bounds added up."""
    if sample.predictions.ndim == 1:
        return error(sample)
    columns = range(sample.predictions.shape[1])
    each = [
        error(sample._replace(labels=(sample.labels == at).astype(np.float64), predictions=sample.predictions[:, at]))
        for at in columns
    ]
    value, lower, upper, wide = (
        math.fsum(part) / len(each) for part in zip(*((e.value, e.lower, e.upper, e.error) for e in each), strict=True)
    )
    return Estimate(value, lower, upper, wide, len(sample.labels))


def slope(sample: Sample) -> Estimate:
    """Slope of the logistic regression of what came on the logit of what was said (Cox 1958, Biometrika 45:562)."""
    logits, came = _logits(sample)
    matrix = np.column_stack([np.ones(len(logits)), logits])
    return _of(logistic.fit(matrix, came, blocks=sample.blocks), 1, sample)


def intercept(sample: Sample) -> Estimate:
    """The intercept with the slope held at 1: how much too low all chances are, in log odds."""
    logits, came = _logits(sample)
    fitted = logistic.fit(np.ones((len(logits), 1)), came, offset=logits, blocks=sample.blocks)
    return _of(fitted, 0, sample)


def _of(fitted: logistic.Fit, at: int, sample: Sample) -> Estimate:
    value, wide = float(fitted.weights[at]), math.sqrt(float(fitted.covariance[at, at]))
    widths = quantile(CONFIDENCE)
    if sample.blocks is not None:
        widths = clusters.quantile(CONFIDENCE, clusters.parted(sample.blocks)[1])
    return Estimate(value, value - widths * wide, value + widths * wide, wide, len(sample.labels))


def _logits(
    sample: Sample,
) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], np.ndarray[tuple[int], np.dtype[np.float64]]]:
    chances, came = curves.confidences(sample)
    if min(came.sum(), len(came) - came.sum()) < FEWEST_OF_A_CLASS:
        raise Unmeasurable(f"it takes {FEWEST_OF_A_CLASS} rows of each outcome")
    step = 1e-9
    inside = np.clip(chances, step, 1 - step)
    logits = np.log(inside / (1 - inside))
    if float(np.ptp(logits)) < 1e-12:  # noqa: PLR2004 - all the same but for rounding
        raise Unmeasurable("every row has the same chance")
    return logits, came


def spiegelhalter(sample: Sample) -> tuple[float, float]:
    """Z and the two-sided p-value that chances are right (Spiegelhalter 1986, Statistics in Medicine 5:421).

    Where rows come in blocks the variance is that of the sums of blocks, and z is Student's.
    """
    chances, came = curves.confidences(sample)
    away = 1 - 2 * chances
    if sample.blocks is not None:
        codes, count = clusters.parted(sample.blocks)
        missed = (came - chances) * away
        wide = clusters.error(missed, codes, count) * len(missed)
        if wide == 0:
            raise Unmeasurable("every chance is 0, 1 or one half")
        t = float(missed.sum()) / wide
        return t, 2 * student_cdf(-abs(t), count - 1)
    variance = float((away**2 * chances * (1 - chances)).sum())
    if variance <= 0 or len(chances) < FEWEST_ROWS:
        raise Unmeasurable("every chance is 0, 1 or one half")
    z = float(((came - chances) * away).sum()) / math.sqrt(variance)
    return z, 2 * NormalDist().cdf(-abs(z))


def _spiegelhalter_words(sample: Sample) -> str:
    try:
        z, p = spiegelhalter(sample)
    except Unmeasurable:
        return ""
    return f" (Spiegelhalter's z {wording.signed(z)}, p = {p:.2g})"
