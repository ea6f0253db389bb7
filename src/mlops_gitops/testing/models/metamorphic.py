"""How answers must and must not change when inputs do (Chen et al. 1998; Ribeiro et al. 2020, ACL).

The same model is asked about the same rows with a change made to all of them.  Nothing here knows the right answer;
the test is about two answers of the model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from mlops_gitops.canonical import JSON
from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.manifests.metrics import Threshold
from mlops_gitops.manifests.model_tests import Metamorphic
from mlops_gitops.testing import statistics, wording
from mlops_gitops.testing.data.columns import Place
from mlops_gitops.testing.models.limits import CONFIDENCE, threshold, unmeasured
from mlops_gitops.testing.models.metrics import DECISION
from mlops_gitops.testing.models.metrics.sample import Codes
from mlops_gitops.testing.models.predictions import Failed, Predictions
from mlops_gitops.testing.statistics import Bools, Estimate, Floats, Unmeasurable

ROWS = 20_000
"""At most so many rows are asked about again."""
HEAD: Mapping[str, JSON] = {"op": "head", "rows": ROWS}
STILL = 1e-9
"""A prediction that moves by less has not moved."""
SEED = 20261
_ID = "model.metamorphic"


def edits(test: Metamorphic) -> tuple[Mapping[str, JSON], ...]:
    """The change of the table that the test asks for."""
    columns: list[JSON] = [*test.columns]
    changes: Mapping[str, Mapping[str, JSON]] = {
        "direction": {"op": "add", "by": test.by},
        "noise": {"op": "noise", "scale": test.scale, "seed": SEED},
        "missing": {"op": "missing"},
        "unseen": {"op": "set", "value": test.value},
        "invariance": {"op": "replace", "values": dict(test.values)}
        if test.values
        else {"op": "set", "value": test.value},
    }
    return HEAD, {**changes[test.kind], "columns": columns}


def checks(test: Metamorphic, before: Predictions, after: Predictions | Failed, place: Place) -> Iterator[Check]:
    """One check for each limit; one alone where the model gives no usable answer."""
    what = f"{test.name}: with {_words(test)}"
    rows = min(ROWS, len(before.values))
    if isinstance(after, Failed):
        message, fix = f"{what}, the model gives no answer: {after.reason}", "make the model answer for such rows"
        yield Check(_ID, test.name, Verdict.FAIL, message, location=place("kind"), fix=fix)
        return
    broken = _broken(after.values)
    if len(after.values) != rows or broken:
        wrong = f"{len(after.values):,} answers" if len(after.values) != rows else "answers that are NaN or infinite"
        message = f"{what}, the model gives {wrong} in {wording.share(broken or rows, rows)}"
        fix = "make the model answer with a finite number for such rows"
        yield Check(_ID, test.name, Verdict.FAIL, message, observed=broken, location=place("kind"), fix=fix)
        return
    if after.changed == 0:
        message = f"{what}, no row is another than before, so nothing was tested"
        yield unmeasured(_ID, test.name, message, place("columns"))
        return
    old = before.values[:rows]
    for field, limit, measure, words in (
        ("maxChange", test.max_change, _change, "the mean change of the prediction"),
        ("maxFlips", test.max_flips, _against(test) if test.kind == "direction" else _flips, _share_words(test)),
    ):
        if limit is None:
            continue
        on = f"{what}, {words} in {wording.rows(rows)}"
        try:
            found = measure(old, after.values, before.kind)
        except Unmeasurable as reason:
            yield unmeasured(_ID, test.name, f"{on} cannot be measured: {reason}", place(field))
            continue
        yield threshold(_ID, test.name, on, found, Threshold(None, limit), place=lambda *_, field=field: place(field))


def _broken(values: Floats) -> int:
    return int((~np.isfinite(values)).reshape(len(values), -1).any(axis=1).sum()) if len(values) else 0


def _change(old: Floats, new: Floats, _kind: str) -> Estimate:
    """The mean over rows of the largest absolute change of a row's numbers."""
    if len(old) == 0:
        raise Unmeasurable("there is no row")
    moved = np.abs(new - old).reshape(len(old), -1).max(axis=1)
    return statistics.mean(moved, confidence=CONFIDENCE)


def _flips(old: Floats, new: Floats, kind: str) -> Estimate:
    """The share of rows whose decision is another."""
    before, after = decisions(old, kind), decisions(new, kind)
    return statistics.wilson(int((before != after).sum()), len(before), confidence=CONFIDENCE)


def _against(test: Metamorphic) -> Callable[[Floats, Floats, str], Estimate]:
    """The share of rows whose prediction moves the other way."""
    sign = 1.0 if test.expect == "up" else -1.0

    def share(old: Floats, new: Floats, _kind: str) -> Estimate:
        if old.ndim > 1:
            raise Unmeasurable("the model gives several numbers for each row, which have no direction")
        wrong: Bools = sign * (new - old) < -STILL
        return statistics.wilson(int(wrong.sum()), len(wrong), confidence=CONFIDENCE)

    return share


def decisions(values: Floats, kind: str) -> Codes:
    """What is decided for each row.  Raises ``Unmeasurable`` where a number decides nothing."""
    if kind == "value":
        raise Unmeasurable("the model predicts a number, and there is no decision that could flip; use maxChange")
    if values.ndim > 1:
        return np.asarray(values.argmax(axis=1), dtype=np.int64)
    return np.asarray(values >= (0.0 if kind == "score" else DECISION), dtype=np.int64)


def _share_words(test: Metamorphic) -> str:
    if test.kind == "direction":
        return f"the share of predictions that do not go {test.expect}"
    return "the share of decisions that change"


def _words(test: Metamorphic) -> str:
    columns = " and ".join(test.columns)
    match test.kind:
        case "direction":
            return f"{wording.signed(test.by or 0.0)} in {columns}"
        case "noise":
            return f"noise of {wording.percent(test.scale or 0.0)} in {columns}"
        case "missing":
            return f"{columns} missing"
        case _ if test.values:
            return f"other values of {columns}"
        case _:
            return f"{columns} = {test.value}"
