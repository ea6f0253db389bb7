"""From a data file and what a model said about it to labels and predictions side by side.

What is asked of a model (``job``), about which data (``judged``), and what is read beside its answer: the target, the
columns that rows are grouped by, and for rankings and forecasts which rows belong together.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_gitops.errors import Refused
from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.manifests.metric_names import parted
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing import blocks
from mlops_gitops.testing.data.columns import Locate
from mlops_gitops.testing.data.files import DataFile, data_files, unreadable
from mlops_gitops.testing.data.scans import watched_text
from mlops_gitops.testing.engines import duckdb as engine
from mlops_gitops.testing.estimates import Unmeasurable
from mlops_gitops.testing.models import health
from mlops_gitops.testing.models.metrics import Sample
from mlops_gitops.testing.models.predictions import Artifact, Failed, Job, Predictions
from mlops_gitops.testing.models.samples import Evaluation, Truth
from mlops_gitops.testing.statistics import Bools, Floats
from mlops_gitops.testing.texts import as_texts

_TIME = "time of the row"
_ENTITY = "entity of the row"
_BLOCK = "block of the row"
"""Names of expressions; no column of a file can hide them, since those are asked under names of their own."""


def judged(model: Model) -> set[str]:
    """The data sets that a model has to answer on."""
    names = {one.dataset for one in model.metrics}
    tests = model.tests.model
    if tests.max_overfit_gap is not None or tests.baseline is not None:
        names |= {one.name for one in model.of_role("training")[:1]}
    return names


def inputs(model: Model) -> tuple[str, ...]:
    """The columns that the model takes, in order."""
    return tuple(one.name for one in model.interface.inputs)


def job(model: Model, file: DataFile, artifact: Artifact, columns: tuple[str, ...]) -> Job:
    """What to ask an artifact about one file."""
    target, found = model.interface.target, file.opened
    positive = "true" if target is None or target.positive is None else watched_text(target.positive)
    several = len(model.interface.outputs) if _quantiles(model) else 1
    return Job(artifact, found.path, found.format, file.digest, columns, model.task, positive, outputs=several)


def history(model: Model, *, folder: Path, root: Path) -> DataFile | None:
    """The training data, where errors are measured in steps of them: for forecasts."""
    if not _lags(model):
        return None
    names = {one.name for one in model.of_role("training")[:1]}
    files = data_files(model, folder=folder, root=root, hashed=False)
    return next((one for one in files if one.dataset.name in names and one.source is not None), None)


def evaluate(
    model: Model, file: DataFile, answer: Predictions | Failed, locate: Locate, *, training: DataFile | None = None
) -> tuple[list[Check], Evaluation | None]:
    """The health of the answer, and what the tests judge if it is healthy enough."""
    name, target, place = file.dataset.name, model.interface.target, locate(("spec", "artifact"))
    if target is None:
        message, fix = "the manifest names no target, so nothing can be judged", "add `interface.target`"
        place = locate(("spec", "interface"))
        return [Check("model.target", name, Verdict.FAIL, message, location=place, fix=fix)], None
    try:
        present = engine.columns(file.opened)
        columns = [column for column in _beside(model, name) if column in present]
        if target.column not in present:
            raise Unmeasurable(f"{name} has no column {target.column}")  # noqa: TRY301 - one place says it
        wanted = {column: engine.quoted(column) for column in dict.fromkeys([target.column, *columns])}
        by = blocks.grouping(file.dataset, task=model.task)
        block = _BLOCK + "_" * max(map(len, present), default=0)  # longer than any column's name
        if by is not None and by.column in present:
            wanted[block] = blocks.expression(by)
        raw = engine.arrays(file.opened, wanted)
        truth = Truth.of_column(raw[target.column], target, model.task)
        checks = list(health.checks(answer, rows=len(truth.present), dataset=name, location=place))
        if isinstance(answer, Failed) or not health.usable(answer, rows=len(truth.present)):
            return checks, None
        odd = health.shape(answer, task=model.task, outputs=len(_quantiles(model)) or 1)
        if odd:
            message, fix = f"predictions on {name} have another shape than the task wants: {odd}", "see the interface"
            return [*checks, Check("model.shape", name, Verdict.FAIL, message, location=place, fix=fix)], None
        sample = _together(model, file, truth, truth.sample(answer), training=training)
        sliced = {column: raw[column][truth.present] for column in columns}
        evaluation = Evaluation(name, answer, truth, sample, sliced)
        found = None if by is None else _blocks(by, raw.get(block), file, locate)
        if isinstance(found, Check):
            return [*checks, found], evaluation
        return checks, evaluation if by is None or found is None else evaluation.in_blocks(found, by.words)
    except Refused as refusal:
        return [unreadable(file, refusal, locate)], None
    except Unmeasurable as reason:
        message, fix = f"{name} cannot be judged: {reason}", "correct `interface.target`, or the data"
        place = locate(("spec", "interface", "target"))
        return [Check("model.labels", name, Verdict.FAIL, message, location=place, fix=fix)], None


def _blocks(by: blocks.Grouping, raw: Any, file: DataFile, locate: Locate) -> npt.NDArray[np.int64] | Check:
    """The block of each row, or why nobody can say what it is: then no interval is right, and nothing may pass."""
    name = file.dataset.name
    try:
        if raw is None:
            raise Unmeasurable(f"{name} has no column {by.column}, by which its rows belong together")  # noqa: TRY301
        return blocks.codes(by, raw, dataset=name)
    except Unmeasurable as reason:
        place, fix = locate(("spec", "data", file.index)), "correct `entityColumn` or `timeColumn`, or the data"
        return Check("model.blocks", name, Verdict.FAIL, str(reason), location=place, fix=fix)


def _beside(model: Model, dataset: str) -> list[str]:
    """The columns whose values the tests look at: of declared slices, of groups, and of the search for segments."""
    found = [one.column for metric in model.metrics for one in metric.slices if metric.dataset == dataset]
    tests = model.tests.model
    if dataset == model.primary.dataset:
        found += [column for one in tests.fairness for column in one.columns]
        if tests.search is not None:
            found += list(tests.search.columns or inputs(model))
    return list(dict.fromkeys(found))


def _quantiles(model: Model) -> tuple[float | None, ...]:
    declared = tuple(one.quantile for one in model.interface.outputs)
    return declared if any(one is not None for one in declared) else ()


def _lags(model: Model) -> set[int]:
    """How far back the steps are in which errors are measured."""
    found = {parted(one.name) for one in model.metrics}
    return {int(parameter or 1) for key, parameter in found if key in {"mase", "mase@m"}}


def _together(model: Model, file: DataFile, truth: Truth, sample: Sample, *, training: DataFile | None) -> Sample:
    """What a task needs beside: which rows are ranked together, and in what steps the errors of forecasts are."""
    if _quantiles(model):
        sample = sample._replace(quantiles=_quantiles(model))
    if model.task not in {"ranking", "forecasting"}:
        return sample
    asked = _asked(file)
    raw = {name: values[truth.present] for name, values in engine.arrays(file.opened, asked).items()} if asked else {}
    if model.task == "ranking":
        return sample._replace(groups=_codes(raw[_ENTITY])) if _ENTITY in raw else sample
    if training is not None:
        names = raw.get(_ENTITY, np.zeros(len(sample.labels), dtype=np.int64))
        sample = sample._replace(scales=_scales(model, training, names))
    return sample


def _asked(file: DataFile) -> dict[str, str]:
    """Entity and time of each row, as far as the manifest names columns that the file has."""
    present, asked = engine.columns(file.opened), {}
    entity, time = file.dataset.entity_column, file.dataset.time_column
    if entity is not None and entity in present:
        asked[_ENTITY] = f"CAST({engine.quoted(entity)} AS VARCHAR)"
    if time is not None and time in present:
        asked[_TIME] = f"epoch_us(TRY_CAST({engine.quoted(time)} AS TIMESTAMP))"
    return asked


def _codes(raw: Any) -> npt.NDArray[np.int64]:
    """A number for each different value, in their order; missing ones are the last."""
    values, missing = np.ma.getdata(raw), np.ma.getmaskarray(raw)
    codes = np.zeros(len(values), dtype=np.int64)
    given = values[~missing]
    known, found = np.unique(as_texts(given) if given.dtype.kind == "O" else given, return_inverse=True)
    codes[~missing] = found
    codes[missing] = len(known)
    return codes


def _scales(model: Model, training: DataFile, names: Any) -> dict[int, Floats]:
    """For each lag the mean absolute step of each row's series in the training data; NaN where it has none."""
    target = model.interface.target
    asked = _asked(training)
    if target is None or _TIME not in asked:
        return {}
    raw = engine.arrays(training.opened, {target.column: engine.quoted(target.column), **asked})
    values, times = _floats(raw[target.column]), _codes(raw[_TIME])
    series = np.ma.getdata(raw.get(_ENTITY, np.zeros(len(values), dtype=np.int64)))
    known, codes = np.unique(as_texts(series), return_inverse=True)
    order = np.lexsort((times, codes))
    values, codes = values[order], codes[order]
    place = {name: at for at, name in enumerate(known.tolist())}
    mine = np.array([place.get(name, -1) for name in as_texts(np.ma.getdata(names)).tolist()], dtype=np.int64)
    found = {}
    for lag in _lags(model):
        scale = _steps(values, codes, lag, len(known))
        found[lag] = np.where(mine >= 0, scale[mine], np.nan)
    return found


def _steps(values: Floats, codes: npt.NDArray[np.int64], lag: int, count: int) -> Floats:
    if len(values) <= lag:
        return np.full(count, np.nan)
    steps = np.abs(values[lag:] - values[:-lag])
    usable: Bools = (codes[lag:] == codes[:-lag]) & np.isfinite(steps)
    rows = np.bincount(codes[lag:][usable], minlength=count)
    sums = np.bincount(codes[lag:][usable], weights=steps[usable], minlength=count)
    scale: Floats = np.divide(sums, rows, out=np.full(count, np.nan), where=rows > 0)
    return scale


def _floats(raw: Any) -> Floats:
    values: Floats = np.ma.filled(np.ma.asarray(raw).astype(np.float64), np.nan)
    return values
