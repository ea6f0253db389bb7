"""How answers must and must not change when inputs do (Chen et al. 1998; Ribeiro et al. 2020, ACL).

The same model is asked about the same rows with a change made to all of them.  Nothing here knows the right answer;
the test is about two answers of the model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from mlops_gitops.canonical import JSON
from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.manifests.metrics import Threshold
from mlops_gitops.manifests.model_tests import Metamorphic
from mlops_gitops.testing import clusters, estimates, statistics, wording
from mlops_gitops.testing.data.columns import Place
from mlops_gitops.testing.estimates import Estimate, Unmeasurable
from mlops_gitops.testing.models.limits import CONFIDENCE, threshold, unmeasured
from mlops_gitops.testing.models.metrics import DECISION
from mlops_gitops.testing.models.metrics.sample import Codes, Kind, Sample, point
from mlops_gitops.testing.models.predictions import Failed, Predictions, aligned
from mlops_gitops.testing.statistics import Bools, Floats

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


def checks(
    test: Metamorphic,
    before: Predictions,
    after: Predictions | Failed,
    place: Place,
    *,
    blocks: Codes | None = None,
    assumed: str = wording.INDEPENDENT,
    quantiles: tuple[float | None, ...] = (),
) -> Iterator[Check]:
    """One check for each limit; one alone where the model gives no usable answer.

    ``blocks`` are those of all rows, and ``assumed`` says what they are.  Only rows that the change changed are judged.
    ``quantiles`` name the columns of predictions, where they are some.
    """
    what = f"{test.name}: with {_words(test)}"
    rows = min(ROWS, len(before.values))
    if isinstance(after, Failed):
        message, fix = f"{what}, the model gives no answer: {after.reason}", "make the model answer for such rows"
        yield Check(_ID, test.name, Verdict.FAIL, message, location=place("kind"), fix=fix)
        return
    old, new = aligned(before, after)
    if new.shape[1:] != old.shape[1:]:
        message, fix = f"{what}, the model gives answers of another shape", "make the model answer alike for such rows"
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
    moved = _Moved(old[:rows], new, before.kind, None if blocks is None else blocks[:rows], quantiles)
    moved = moved.of_changed(after.changed)
    for field, limit, measure, words in (
        ("maxChange", test.max_change, _change, "the mean change of the prediction"),
        ("maxFlips", test.max_flips, _against(test) if test.kind == "direction" else _flips, _share_words(test)),
    ):
        if limit is None:
            continue
        on = f"{what}, {words} in the {wording.rows(after.changed)} that it changes"
        try:
            found = measure(moved)
        except Unmeasurable as reason:
            yield unmeasured(_ID, test.name, f"{on} cannot be measured: {reason}", place(field))
            continue
        at = lambda *_, field=field: place(field)  # noqa: E731 - as long as its use
        yield threshold(_ID, test.name, on, found, Threshold(None, limit), place=at, assumed=assumed)


def _broken(values: Floats) -> int:
    return int((~np.isfinite(values)).reshape(len(values), -1).any(axis=1).sum()) if len(values) else 0


@dataclass(frozen=True, slots=True)
class _Moved:
    """What was said of the same rows before and after, and the blocks in which they come."""

    old: Floats
    new: Floats
    kind: Kind
    blocks: Codes | None
    quantiles: tuple[float | None, ...] = ()

    def points(self) -> tuple[Floats, Floats]:
        """The one number of each row that has a direction.  Raises ``Unmeasurable``."""
        before, after = (Sample(one, one, self.kind, quantiles=self.quantiles) for one in (self.old, self.new))
        return point(before), point(after)

    def distances(self) -> Floats:
        """The largest absolute change of each row's numbers."""
        moved = np.abs(self.new - self.old)
        return moved if moved.ndim == 1 else np.asarray(moved.max(axis=1), dtype=np.float64)

    def of_changed(self, count: int) -> _Moved:
        """Only so many rows, those that moved before those that did not: a row that was not changed cannot have moved.

        Otherwise a change that is possible in few rows could do what it likes to them.
        """
        order = np.sort(np.argsort(-self.distances(), kind="stable")[:count])
        blocks = None if self.blocks is None else self.blocks[order]
        return replace(self, old=self.old[order], new=self.new[order], blocks=blocks)

    def share(self, mask: Bools) -> Estimate:
        """Of the rows, with its interval."""
        if self.blocks is None:
            return estimates.wilson(int(mask.sum()), len(mask), confidence=CONFIDENCE)
        return clusters.share(mask.astype(np.float64), np.ones(len(mask)), self.blocks, confidence=CONFIDENCE)


def _change(moved: _Moved) -> Estimate:
    """The mean over rows of the largest absolute change of a row's numbers."""
    distances = moved.distances()
    if moved.blocks is not None:
        return clusters.mean(distances, moved.blocks, confidence=CONFIDENCE)
    return statistics.mean(distances, confidence=CONFIDENCE)


def _flips(moved: _Moved) -> Estimate:
    """The share of rows whose decision is another."""
    return moved.share(decisions(moved.old, moved.kind) != decisions(moved.new, moved.kind))


def _against(test: Metamorphic) -> Callable[[_Moved], Estimate]:
    """The share of rows whose prediction moves the other way."""
    sign = 1.0 if test.expect == "up" else -1.0

    def share(moved: _Moved) -> Estimate:
        old, new = moved.points()
        return moved.share(sign * (new - old) < -STILL)

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
        return f"the share of predictions that go {'down' if test.expect == 'up' else 'up'}"
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
