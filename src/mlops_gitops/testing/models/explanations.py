"""Why the model says this of one row: how much each input moved it away from what it says on average.

Shapley values (Shapley 1953; Štrumbelj and Kononenko 2014, KAIS 41:647) of the model as a black box: an input that is
not given is that of another row of the same data.  Their sum is the prediction less the mean prediction for those other
rows, exactly, because every path from one to the other is walked from end to end.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mlops_gitops.canonical import JSON
from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.findings import Location
from mlops_gitops.testing import wording
from mlops_gitops.testing.estimates import Unmeasurable
from mlops_gitops.testing.models.predictions import Failed, Job, Predict, Predictions
from mlops_gitops.testing.statistics import Floats

PATHS = 200
"""Orders in which inputs are given, one after the other: half of them drawn, the others the same backwards."""
SEED = 20262
CLOSE = 1e-9
"""How far rounding may take the sum, as a share of the largest number in it."""


@dataclass(frozen=True, slots=True)
class Part:
    """One input: how much it moved the prediction, and the standard error of that over the paths."""

    column: str
    value: float
    error: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """A row (from 0), what the model says of it and on average of others, and what each input does to that.

    ``rest`` is what the parts do not add up to: rounding, or a model that answers otherwise each time.
    """

    row: int
    prediction: float
    average: float
    parts: tuple[Part, ...]
    others: int
    rest: float

    @property
    def exact(self) -> bool:
        """Whether the parts add up to the prediction."""
        scale = max(abs(self.prediction), abs(self.average), *(abs(one.value) for one in self.parts))
        return abs(self.rest) <= CLOSE * max(scale, 1e-300)


def question(job: Job, row: int, rows: int) -> Job:
    """The one job that asks all about ``row`` of ``rows``.  Raises ``Unmeasurable`` for one that is not there."""
    if not 0 <= row < rows:
        raise Unmeasurable(f"there is no row {row + 1:,}: the data have {wording.rows(rows)}")
    if rows < 2:  # noqa: PLR2004 - it and another
        raise Unmeasurable("there is no other row to compare with")
    asked: list[JSON] = []
    for other, order in _paths(row, rows, len(job.columns)):
        mask = 0
        asked.append([other, f"{mask:x}"])
        for column in order:
            mask |= 1 << column
            asked.append([other, f"{mask:x}"])
    return replace(job, edits=({"op": "mosaic", "row": row, "rows": asked},))


def explained(job: Job, row: int, rows: int, answer: Predictions, *, column: int = 0) -> Explanation:
    """What the answer to ``question`` says; ``column`` is the class where the model gives several numbers."""
    numbers = answer.values if answer.values.ndim == 1 else answer.values[:, column]
    width = len(job.columns)
    walked: Floats = numbers.reshape(-1, width + 1)
    moves = np.zeros((len(walked), width))
    paths = list(_paths(row, rows, width))
    for at, (_, order) in enumerate(paths):
        moves[at, order] = np.diff(walked[at])
    values = [math.fsum(moves[:, one]) / len(moves) for one in range(width)]
    pairs = moves.reshape(-1, 2, width).mean(axis=1)
    errors = pairs.std(axis=0, ddof=1) / math.sqrt(len(pairs))
    parts = [Part(name, values[at], float(errors[at])) for at, name in enumerate(job.columns)]
    ordered = tuple(sorted(parts, key=lambda one: (-abs(one.value), one.column)))
    prediction, average = math.fsum(walked[:, -1]) / len(walked), math.fsum(walked[:, 0]) / len(walked)
    steady = float(np.ptp(walked[:, -1]))
    rest = prediction - average - math.fsum(values) + steady
    return Explanation(row, prediction, average, ordered, len({other for other, _ in paths}), rest)


def _paths(row: int, rows: int, width: int) -> Iterator[tuple[int, Sequence[int]]]:
    """Pairs of another row and an order of columns; each order is followed by the same backwards (antithetic)."""
    rng = np.random.default_rng([SEED, row])
    for _ in range(PATHS // 2):
        other = int(rng.integers(0, rows - 1))
        other += other >= row
        order = rng.permutation(width).tolist()
        yield other, order
        yield other, order[::-1]


def declared(
    row: int, asked: tuple[Job, Predictions | Failed] | None, predict: Predict, location: Location
) -> Iterator[Check]:
    """The explanation that the manifest demands of ``row``, from 1; ``asked`` is the plain job and its answer."""
    if asked is None or isinstance(asked[1], Failed):
        message = f"row {row:,} cannot be explained: there are no predictions"
        fix = "make the model answer on the data of the primary metric"
        yield Check("model.explanation", f"row {row:,}", Verdict.FAIL, message, location=location, fix=fix)
    else:
        yield check(asked[0], row - 1, asked[1], predict, location)


def check(job: Job, row: int, plain: Predictions, predict: Predict, location: Location) -> Check:
    """The explanation as a check: it fails where the parts do not add up, for then the model is not deterministic."""
    subject = f"row {row + 1:,}"
    column = int(plain.values[row].argmax()) if plain.values.ndim > 1 and 0 <= row < len(plain.values) else 0
    try:
        asked = question(job, row, len(plain.values))
    except Unmeasurable as reason:
        message, fix = f"nothing can be explained: {reason}", "name another row; the first is 1"
        return Check("model.explanation", subject, Verdict.INCONCLUSIVE, message, location=location, fix=fix)
    [answer] = predict([asked])
    if isinstance(answer, Failed):
        message = (
            f"{subject} cannot be explained: put together with other rows, the model gives no answer: {answer.reason}"
        )
        fix = "make the model answer for every combination of values that its inputs have"
        return Check("model.explanation", subject, Verdict.INCONCLUSIVE, message, location=location, fix=fix)
    found = explained(job, row, len(plain.values), answer, column=column)
    named = f" of {plain.classes[column]}" if plain.classes else ""
    parts = ", ".join(f"{wording.signed(one.value)} {one.column}" for one in found.parts)
    message = (
        f"the prediction{named} for {subject} is {wording.score(found.prediction)}: "
        f"{wording.score(found.average)} for {found.others} other rows on average, {parts}"
    )
    if found.exact:
        return Check("model.explanation", subject, Verdict.PASS, message, observed=found.prediction, location=location)
    message += f"; {found.rest:.2g} is left over"
    fix = "fix the seeds: the model answers otherwise when it is asked again"
    return Check("model.explanation", subject, Verdict.FAIL, message, observed=found.rest, location=location, fix=fix)
