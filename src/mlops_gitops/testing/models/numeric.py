"""Whether answers depend on how numbers are stored, or on which rows are asked about together.

The same rows are asked about in 32 bits, in the opposite order, and a few at a time.  A model that answers otherwise
gives another answer in production than in its test.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from mlops_gitops.canonical import JSON
from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.findings import Location
from mlops_gitops.testing import wording
from mlops_gitops.testing.models.predictions import Failed, Job, Predictions, aligned
from mlops_gitops.testing.statistics import Floats

ROWS = 2_000
BATCH = 7
"""A number of rows that divides no usual size, so that the last batch is shorter."""
_HEAD: Mapping[str, JSON] = {"op": "head", "rows": ROWS}
WAYS = {
    "float32": "with inputs of 32 bits",
    "order": "with rows in the opposite order",
    "batches": f"with {BATCH} rows at a time",
}
"""The three ways of asking, in words."""


def jobs(base: Job) -> list[Job]:
    """The three ways of asking, in the order of ``WAYS``."""
    return [
        replace(base, edits=(_HEAD, {"op": "single"})),
        replace(base, edits=(_HEAD, {"op": "reversed"})),
        replace(base, edits=(_HEAD,), batch=BATCH),
    ]


def checks(
    before: Predictions, answers: list[Predictions | Failed], most: float, location: Location
) -> Iterator[Check]:
    """One check for each way of asking: the largest change of any prediction."""
    rows = min(ROWS, len(before.values))
    for way, answer in zip(WAYS, answers, strict=True):
        if isinstance(answer, Failed):
            message = f"{WAYS[way]}, the model gives no answer: {answer.reason}"
            fix = "make the model answer however it is asked"
            yield Check("model.numeric", way, Verdict.FAIL, message, location=location, fix=fix)
            continue
        old, new = aligned(before, answer)
        yield _held(way, old[:rows], new[:: -1 if way == "order" else 1], most, location)


def _held(way: str, old: Floats, new: Floats, most: float, location: Location) -> Check:
    if new.shape != old.shape:
        message = f"{WAYS[way]}, the model gives {len(new):,} answers for {wording.rows(len(old))}"
        if len(new) == len(old):
            message = f"{WAYS[way]}, the model gives answers of another shape"
        return Check("model.numeric", way, Verdict.FAIL, message, location=location, fix="answer once for every row")
    moved = np.abs(new - old).reshape(len(old), -1).max(axis=1) if len(old) else np.zeros(0)
    moved = np.where(np.isnan(moved), np.inf, moved)
    worst = float(moved.max()) if len(moved) else 0.0
    count = int((moved > most).sum())
    message = f"{WAYS[way]}, predictions change by at most {worst:.3g}; {wording.number(most)} is allowed"
    base = Check(
        "model.numeric",
        way,
        Verdict.PASS,
        message,
        observed=min(worst, 1e308),
        limit=most,
        rows=len(old),
        location=location,
    )
    if not count:
        return base
    message += f", and {wording.share(count, len(old))} change by more, row {int(moved.argmax()) + 1:,} the most"
    fixes = {
        "float32": "train and serve in the same precision, and scale inputs before they are cut into ranges",
        "order": "make each answer depend on its own row alone",
        "batches": "make each answer depend on its own row alone: no statistics of the batch",
    }
    return replace(base, verdict=Verdict.FAIL, message=message, fix=fixes[way])
