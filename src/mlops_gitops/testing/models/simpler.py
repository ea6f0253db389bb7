"""Whether the model is worth its trouble: it must beat a constant, a line, a shallow tree.

They are made here from the training data by numpy alone, of the model's own inputs: numbers as they are, text as one
column for each frequent value, a missing value as the mean and a column that says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from mlops_gitops.errors import Refused
from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.findings import Location
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing import logistic, wording
from mlops_gitops.testing.data.columns import Locate
from mlops_gitops.testing.data.files import DataFile
from mlops_gitops.testing.engines import duckdb as engine
from mlops_gitops.testing.estimates import Unmeasurable
from mlops_gitops.testing.models import trees
from mlops_gitops.testing.models.features import Features
from mlops_gitops.testing.models.limits import CONFIDENCE, mirrored, more, unmeasured
from mlops_gitops.testing.models.metrics import METRICS, Metric, Sample
from mlops_gitops.testing.models.samples import Evaluation, Truth
from mlops_gitops.testing.statistics import Floats

ROWS = 100_000
"""At most so many training rows make a simpler model."""
RIDGE = 1.0
_ID = "model.simpler"
_WORDS = {"constant": "a constant", "linear": "a linear model", "tree": "a shallow tree"}


def checks(
    model: Model, evaluations: Mapping[str, Evaluation], files: Sequence[DataFile], *, locate: Locate
) -> Iterator[Check]:
    """One check for each simpler model that the manifest names."""
    demanded, name = model.tests.model.simpler, model.primary.name
    if demanded is None:
        return
    by_name = {file.dataset.name: file for file in files if file.source is not None}
    training = next((by_name[one.name] for one in model.of_role("training") if one.name in by_name), None)
    test, evaluation = by_name.get(model.primary.dataset), evaluations.get(model.primary.dataset)
    metric = METRICS.get(name)
    for index, kind in enumerate(demanded.models):
        place = locate(("spec", "tests", "model", "simpler", "models", index))
        subject = f"{name} against {_WORDS[kind]}"
        try:
            if training is None or test is None or evaluation is None or metric is None:
                raise Unmeasurable("it needs the training data, and usable predictions on the data of the metric")  # noqa: TRY301
            simple = _answers(kind, model, training, test, evaluation)
            yield _judged(metric, (simple, evaluation.sample), kind, demanded.min_gain, place)
        except (Unmeasurable, Refused) as reason:
            yield unmeasured(_ID, subject, f"{name} cannot be held against {_WORDS[kind]}: {reason}", place)


def _judged(metric: Metric, pair: tuple[Sample, Sample], kind: str, least: float, place: Location) -> Check:
    """The simple model first in the pair."""
    simple, mine = pair
    found = metric.difference(simple, mine, confidence=CONFIDENCE)
    gain = found if metric.higher_is_better else mirrored(found)
    theirs = metric.value(simple)
    message = (
        f"{metric.name} is {wording.signed(gain.value)} better than that of {_WORDS[kind]}, {wording.score(theirs)} "
        f"(lower 95 % bound {wording.signed(gain.lower)}); more than {wording.score(least)} is demanded; {mine.assumed}"
    )
    base = Check(
        _ID,
        f"{metric.name} against {_WORDS[kind]}",
        Verdict.PASS,
        message,
        observed=gain.value,
        limit=least,
        interval=gain.interval,
        rows=gain.rows,
        location=place,
    )
    if gain.value <= least:
        return replace(base, verdict=Verdict.FAIL, fix="use the simpler model, or find what this one should know")
    if gain.lower <= least:
        told = f"{message}; {more(gain, gain.value - least)}"
        return replace(base, verdict=Verdict.INCONCLUSIVE, message=told, fix="test on more rows")
    return base


def _answers(kind: str, model: Model, training: DataFile, test: DataFile, evaluation: Evaluation) -> Sample:
    """What the simpler model says about the labelled rows of the test data."""
    columns = [one.name for one in model.interface.inputs]
    target = model.interface.target
    if target is None:
        raise Unmeasurable("the manifest names no target")
    learned, asked = _columns(training, [*columns, target.column]), _columns(test, columns)
    truth = Truth.of_column(learned[target.column], target, model.task)
    labelled = np.flatnonzero(truth.present)
    # evenly over the file, for its first rows may be of one time or one class
    some = np.linspace(0, len(labelled) - 1, min(ROWS, len(labelled))).astype(np.int64)
    chosen = {name: learned[name][labelled[some]] for name in columns}
    features = Features.of(chosen)
    here = features.matrix(chosen)
    there = features.matrix({name: asked[name][evaluation.truth.present] for name in columns})
    labels = truth.labels(evaluation.predictions)[some]
    sample = evaluation.sample._replace(quantiles=())
    if model.task == "multiclass":
        each = [_one(kind, here, labels == at, there, model) for at in range(len(evaluation.predictions.classes))]
        chances = np.clip(np.column_stack(each), 1e-12, None)  # a row may lie in leaves that know no class at all
        return sample._replace(predictions=chances / chances.sum(axis=1, keepdims=True), kind="probability")
    said = _one(kind, here, labels, there, model)
    return sample._replace(predictions=said, kind="probability" if model.task == "binary-classification" else "value")


def _one(kind: str, here: Floats, labels: Floats, there: Floats, model: Model) -> Floats:
    """One column of answers: a chance where the task is of classes, a number otherwise."""
    wanted = labels.astype(np.float64)
    if len(wanted) == 0:
        raise Unmeasurable("the training data have no labelled row")
    classes = model.task in {"binary-classification", "multiclass"}
    if kind == "constant":
        return np.full(len(there), float(wanted.mean()))
    if kind == "tree":
        depth = 3 if model.tests.model.simpler is None else model.tests.model.simpler.depth
        return trees.grown(here, wanted, depth=depth).answers(there)
    if classes:
        fitted = logistic.fit(_with_one(here), wanted, ridge=RIDGE)
        return logistic.chances(_with_one(there) @ fitted.weights)
    matrix = _with_one(here)
    penalty = np.diag([0.0, *[RIDGE] * here.shape[1]])
    weights = np.linalg.solve(matrix.T @ matrix + penalty, matrix.T @ wanted)
    found: Floats = _with_one(there) @ weights
    return found


def _with_one(matrix: Floats) -> Floats:
    return np.column_stack([np.ones(len(matrix)), matrix])


def _columns(
    file: DataFile, names: Sequence[str]
) -> dict[str, np.ma.MaskedArray[tuple[int, ...], np.dtype[np.generic]]]:
    present = engine.columns(file.opened)
    absent = [name for name in names if name not in present]
    if absent:
        raise Unmeasurable(f"{file.dataset.name} has no column {', '.join(absent)}")
    raw = engine.arrays(file.opened, {name: engine.quoted(name) for name in dict.fromkeys(names)})
    return {name: np.ma.asarray(values) for name, values in raw.items()}
