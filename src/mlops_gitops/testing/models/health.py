"""Whether predictions are numbers that can be judged at all: as many as rows, finite, in range, and the same twice."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.findings import Location
from mlops_gitops.testing import wording
from mlops_gitops.testing.models.predictions import Failed, Predictions

_SUM_TOLERANCE = 1e-3
"""Probabilities of all classes add up to one within this."""


def checks(answer: Predictions | Failed, *, rows: int, dataset: str, location: Location) -> Iterator[Check]:
    """One check for each way in which an answer can be unfit; ``usable`` says whether to go on."""
    if isinstance(answer, Failed):
        fix = "run the model on this file yourself; it must answer for every row"
        message = f"there are no predictions on {dataset}: {answer.reason}"
        yield Check("model.predictions", dataset, Verdict.FAIL, message, location=location, fix=fix)
        return
    values = answer.values
    yield _check(
        "model.predictions",
        dataset,
        location,
        bad=abs(len(values) - rows),
        right=f"there is a prediction for each of {wording.rows(rows)} of {dataset}",
        wrong=f"there are {len(values):,} predictions for {wording.rows(rows)} of {dataset}",
        fix="make the model answer once for every row",
    )
    broken = _rows(~np.isfinite(values))
    yield _check(
        "model.finite",
        dataset,
        location,
        bad=broken,
        right=f"every prediction on {dataset} is a finite number",
        wrong=f"predictions on {dataset} are NaN or infinite in {wording.share(broken, rows)}",
        fix="find the inputs that lead there; missing values and divisions by zero are the usual ones",
    )
    if answer.kind == "probability":
        yield _probabilities(answer, dataset, location)
    finite = values[np.isfinite(values).reshape(len(values), -1).all(axis=1)] if len(values) else values
    constant = len(finite) > 1 and bool((finite == finite[0]).all())
    yield _check(
        "model.constant",
        dataset,
        location,
        bad=int(constant),
        right=f"predictions on {dataset} differ between rows",
        wrong=f"every prediction on {dataset} is the same, whatever the row",
        fix="look at the inputs: a model that ignores them was trained on nothing, or fed with nothing",
    )
    yield _check(
        "model.repeatable",
        dataset,
        location,
        bad=answer.unstable,
        right=f"asked again, the model answered the same for {wording.rows(answer.repeated)} of {dataset}",
        wrong=f"asked again, the model answered otherwise in {wording.share(answer.unstable, answer.repeated)}",
        fix="fix the seeds and switch training mode (dropout, sampling) off when predicting",
    )


def usable(answer: Predictions | Failed, *, rows: int) -> bool:
    """Whether metrics can be computed: one finite prediction for each row, and probabilities that could be some."""
    if isinstance(answer, Failed) or len(answer.values) != rows or not np.isfinite(answer.values).all():
        return False
    possible = (answer.values >= -_SUM_TOLERANCE) & (answer.values <= 1 + _SUM_TOLERANCE)
    return answer.kind != "probability" or bool(possible.all())


def shape(answer: Predictions, *, task: str, outputs: int) -> str:
    """Why an answer does not have the shape that the task wants; empty where it has."""
    wide = 1 if answer.values.ndim == 1 else answer.values.shape[1]
    if task == "multiclass":
        named = len(answer.classes)
        return "" if answer.values.ndim > 1 and wide == named else f"{wide} columns of predictions for {named} classes"
    wanted = outputs if task in {"regression", "forecasting"} else 1
    return (
        "" if wide == wanted and (wide > 1) == (answer.values.ndim > 1) else f"{wide} columns where {wanted} is wanted"
    )


def _probabilities(answer: Predictions, dataset: str, location: Location) -> Check:
    values = answer.values
    outside = (values < 0) | (values > 1)
    if values.ndim == 2:  # noqa: PLR2004 - one column per class
        outside |= (np.abs(values.sum(axis=1) - 1) > _SUM_TOLERANCE)[:, np.newaxis]
    bad = _rows(outside)
    return _check(
        "model.range",
        dataset,
        location,
        bad=bad,
        right=f"every probability on {dataset} lies between 0 and 1",
        wrong=f"predictions on {dataset} are no probabilities in {wording.share(bad, len(values))}",
        fix="return probabilities: between 0 and 1, and over all classes together 1",
    )


def _rows(mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> int:
    return int(mask.reshape(len(mask), -1).any(axis=1).sum()) if len(mask) else 0


def _check(id_: str, dataset: str, location: Location, *, bad: int, right: str, wrong: str, fix: str) -> Check:
    if bad:
        return Check(id_, dataset, Verdict.FAIL, wrong, observed=bad, limit=0, location=location, fix=fix)
    return Check(id_, dataset, Verdict.PASS, right, observed=0, limit=0, location=location)
