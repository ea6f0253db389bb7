"""The tests of one model, put together: what ``test`` runs, and what ``release`` turns into evidence.

``run_data_tests``, ``run_model_tests`` and ``compare`` read the files that a manifest names, below ``root`` and nowhere
else, and answer with a ``Report``.  They never raise for what is in a file or for what a model does: that is a check
that failed.  Models are asked through ``predict``, and only by it; its artifacts must have been scanned.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mlops_gitops.errors import Refused
from mlops_gitops.evidence.verdicts import Check, Report, Verdict
from mlops_gitops.manifests.model import Dataset, Metric, Model
from mlops_gitops.testing import comparison, data, health, leakage, wording
from mlops_gitops.testing import model as model_tests
from mlops_gitops.testing.data import Locate
from mlops_gitops.testing.engines import duckdb as engine
from mlops_gitops.testing.predictions import Artifact, Failed, Job, Predict, Predictions
from mlops_gitops.testing.samples import Evaluation, Truth
from mlops_gitops.testing.scans import Source, source, watched_text
from mlops_gitops.testing.statistics import Bools, Unmeasurable

TESTED = frozenset({"training", "validation", "test"})
"""The roles whose data are tested."""
_FEWEST_OF_A_CLASS = 30
_MOST_CLASSES = 20


@dataclass(frozen=True, slots=True)
class Champion:
    """The release that runs where the challenger wants to go.

    ``inputs`` are the columns its interface takes; ``metrics`` those of its manifest, when it is at hand: their margins
    bind the challenger too.
    """

    release: str
    artifact: Artifact
    inputs: tuple[str, ...]
    metrics: tuple[Metric, ...] = ()


@dataclass(frozen=True, slots=True)
class _File:
    """One data set of the manifest with its file; ``problem`` says why there is none to read."""

    dataset: Dataset
    index: int
    source: Source | None
    digest: str
    problem: str = ""
    hint: str = ""


def run_data_tests(model: Model, *, folder: Path, locate: Locate, root: Path | None = None) -> Report:
    """Test the data of ``model``, whose manifest lies in ``folder``; ``uri``s may not leave ``root`` (the folder)."""
    files = _files(model, folder=folder, root=root or folder)
    found = list(_data_checks(model, files, locate))
    return _report("data-tests", model, found, _materials(files))


def run_model_tests(
    model: Model, *, folder: Path, locate: Locate, artifact: Artifact, predict: Predict, root: Path | None = None
) -> Report:
    """Test what ``artifact`` predicts on the data that the manifest's metrics, baseline and overfit gap name."""
    files = [file for file in _files(model, folder=folder, root=root or folder) if file.dataset.name in _judged(model)]
    found: list[Check] = [check for file in files for check in _digest(file, locate)]
    usable = [file for file in files if file.source is not None]
    answers = predict([_job(model, file, artifact, _inputs(model)) for file in usable])
    evaluations: dict[str, Evaluation] = {}
    for file, answer in zip(usable, answers, strict=True):
        checks, evaluation = _evaluate(model, file, answer, locate)
        found.extend(checks)
        if evaluation is not None:
            evaluations[file.dataset.name] = evaluation
    found.extend(model_tests.checks(model, evaluations, locate=locate))
    return _report("model-tests", model, found, _materials(files, artifact=artifact, answers=(usable, answers)))


def compare(
    model: Model,
    *,
    folder: Path,
    locate: Locate,
    artifact: Artifact,
    champion: Champion,
    predict: Predict,
    root: Path | None = None,
) -> Report:
    """Hold ``artifact`` against ``champion`` on the rows that the manifest's metrics name."""
    names = {one.dataset for one in (*model.metrics, *champion.metrics) if one.max_regression is not None}
    files = [file for file in _files(model, folder=folder, root=root or folder) if file.dataset.name in names]
    usable = [file for file in files if file.source is not None]
    jobs = [_job(model, file, champion.artifact, champion.inputs) for file in usable]
    jobs += [_job(model, file, artifact, _inputs(model)) for file in usable]
    answers = predict(jobs)
    found: list[Check] = [check for file in files for check in _digest(file, locate)]
    pairs: dict[str, comparison.Pair] = {}
    for file, old, new in zip(usable, answers[: len(usable)], answers[len(usable) :], strict=True):
        before, after = (_evaluate(model, file, answer, locate) for answer in (old, new))
        found.extend(check for check in after[0] if check.verdict is not Verdict.PASS)
        found.extend(_of_champion(check) for check in before[0] if check.verdict is not Verdict.PASS)
        if before[1] is not None and after[1] is not None:
            pairs[file.dataset.name] = comparison.Pair(before[1], after[1])
    found.extend(comparison.checks(model, pairs, demanded=champion.metrics, locate=locate))
    if not names:
        message = "no metric declares `maxRegression`, so nothing says what may replace the champion"
        fix = "add `maxRegression` to the primary metric: the largest loss that still passes"
        place = locate(("spec", "metrics"))
        found.append(Check("comparison.metric", model.name, Verdict.INCONCLUSIVE, message, location=place, fix=fix))
    materials = _materials(files, artifact=artifact, answers=(usable, answers[len(usable) :]))
    materials += (("champion", champion.artifact.digest),)
    return _report("comparison", model, found, materials, champion=champion.release)


def _files(model: Model, *, folder: Path, root: Path) -> list[_File]:
    return [
        _file(dataset, index, folder=folder, root=root)
        for index, dataset in enumerate(model.data)
        if dataset.role in TESTED
    ]


def _file(dataset: Dataset, index: int, *, folder: Path, root: Path) -> _File:
    if "://" in dataset.uri:
        hint = "fetch it beside the manifest before the test"
        return _File(dataset, index, None, "", f"{dataset.uri} is not a file here", hint)
    path = (folder / dataset.uri).resolve()
    if not path.is_relative_to(root.resolve()):
        return _File(dataset, index, None, "", f"{dataset.uri} leads out of the repository", "keep data inside it")
    if not path.is_file():
        return _File(dataset, index, None, "", f"{dataset.uri} does not exist", "produce the file, or correct `uri`")
    try:
        found = source(path, media_type=dataset.media_type)
    except Refused as refusal:
        return _File(dataset, index, None, "", refusal.message, refusal.hint)
    with path.open("rb") as stream:
        return _File(dataset, index, found, hashlib.file_digest(stream, "sha256").hexdigest())


def _digest(file: _File, locate: Locate) -> Iterator[Check]:
    """Whether the file is there, and the one that the manifest means."""
    dataset, place = file.dataset, ("spec", "data", file.index)
    if file.source is None:
        message = f"{dataset.name} cannot be read: {file.problem}"
        location = locate((*place, "uri"))
        yield Check("data.readable", dataset.name, Verdict.FAIL, message, location=location, fix=file.hint)
    elif dataset.digest is not None:
        same, location = dataset.digest == file.digest, locate((*place, "digest", "sha256"))
        message = (
            f"{dataset.name} is the file that the manifest names"
            if same
            else f"{dataset.name} has the digest {file.digest}; the manifest names {dataset.digest}"
        )
        verdict, fix = Verdict.PASS if same else Verdict.FAIL, "" if same else f"write `sha256: {file.digest}`"
        limit = dataset.digest
        yield Check(
            "data.digest",
            dataset.name,
            verdict,
            message,
            observed=file.digest,
            limit=limit,
            location=location,
            fix=fix,
        )


def _data_checks(model: Model, files: Sequence[_File], locate: Locate) -> Iterator[Check]:
    tests, wanted = model.tests.data, data.wanted(model.tests.data)
    if "data" not in model.value["spec"].get("tests", {}):
        message = "the manifest demands nothing of the data, so only their presence and types were looked at"
        fix = "add `tests.data` with the columns, their types and ranges"
        place = locate(("spec",))
        yield Check("data.declared", model.name, Verdict.INCONCLUSIVE, message, location=place, fix=fix)
    rows: dict[str, int] = {}
    for file in files:
        name = file.dataset.name
        yield from _digest(file, locate)
        if file.source is None:
            continue
        try:
            scan = engine.scan(file.source, wanted)
        except Refused as refusal:
            yield _unreadable(file, refusal, locate)
            continue
        rows[name] = scan.profile.rows
        yield from data.checks(model, dataset=name, source=file.source, scan=scan, locate=locate)
    readable = [file for file in files if rows.get(file.dataset.name)]
    if tests.overlap is not None:
        yield from _overlaps(model, readable, rows, locate)
    yield from _leaks(model, readable, locate)


def _unreadable(file: _File, refusal: Refused, locate: Locate) -> Check:
    place = locate(("spec", "data", file.index, "uri"))
    message = f"{file.dataset.name}: {refusal.message}"
    return Check("data.readable", file.dataset.name, Verdict.FAIL, message, location=place, fix=refusal.hint)


def _overlaps(model: Model, files: Sequence[_File], rows: Mapping[str, int], locate: Locate) -> Iterator[Check]:
    demand, place = model.tests.data.overlap, locate(("spec", "tests", "data", "overlap"))
    training = [file for file in files if file.dataset.role == "training"]
    unseen = [file for file in files if file.dataset.role != "training"]
    if demand is None:
        return
    if not training or not unseen:
        message = "the overlap of training and test data cannot be counted without both"
        fix = "add a data set of each role"
        yield Check("data.overlap", model.name, Verdict.INCONCLUSIVE, message, location=place, fix=fix)
    for one in training:
        for other in unseen:
            subject = f"{other.dataset.name} ∩ {one.dataset.name}"
            try:
                shared = engine.overlap(_source(one), _source(other), demand.key)
            except Refused:
                message = f"{subject} cannot be counted: the key {', '.join(demand.key)} is not in both, alike"
                fix = "name columns that both files have, of the same type"
                yield Check("data.overlap", subject, Verdict.FAIL, message, location=place, fix=fix)
                continue
            count = rows[other.dataset.name]
            yield data.overlap(shared, count, subject=subject, key=demand.key, limit=demand.max, location=place)


def _leaks(model: Model, files: Sequence[_File], locate: Locate) -> Iterator[Check]:
    limit, known_at = model.tests.leakage.max_single_feature_power, model.tests.leakage.known_at
    places = {one.name: locate((*data.INPUTS, i, "name")) for i, one in enumerate(model.interface.inputs)}
    if limit is not None:
        place = locate(("spec", "tests", "leakage", "maxSingleFeaturePower"))
        try:
            yield from _power(model, files, limit, places)
        except (Refused, Unmeasurable) as reason:
            message, fix = f"the power of single features cannot be measured: {reason}", "provide labelled rows"
            yield Check("leakage.power", model.name, Verdict.INCONCLUSIVE, message, location=place, fix=fix)
    for feature, column in (known_at or {}).items():
        place = places.get(feature) or locate(("spec", "tests", "leakage", "knownAt", feature))
        yield from _known(feature, column, files, place)


def _power(model: Model, files: Sequence[_File], limit: float, places: Mapping[str, Any]) -> Iterator[Check]:
    target = model.interface.target
    order = sorted(files, key=lambda file: file.dataset.role != "training")
    if target is None or not order:
        raise Unmeasurable("there is no target, or no data that can be read")
    file = order[0]
    present = engine.columns(_source(file))
    names = [name for name in places if name in present]
    if target.column not in present:
        raise Unmeasurable(f"{file.dataset.name} has no column {target.column}")
    raw = engine.arrays(_source(file), {name: engine.quoted(name) for name in dict.fromkeys([*names, target.column])})
    truth = Truth.of_column(raw[target.column], target, model.task)
    features = {name: leakage.Feature.of_column(name, raw[name][truth.present]) for name in names}
    dataset = file.dataset.name
    yield from leakage.strength(features, _targets(truth), dataset=dataset, limit=limit, places=places)


def _targets(truth: Truth) -> dict[str, Bools]:
    """The questions that a feature alone is asked: the binary one, each class against the rest, or above the median."""
    column = truth.target.column
    if truth.task == "binary-classification":
        return {column: truth.positive()}
    if truth.task == "multiclass":
        names = truth.names()
        found, counts = np.unique(names, return_counts=True)
        frequent = [str(found[i]) for i in np.argsort(-counts) if counts[i] >= _FEWEST_OF_A_CLASS][:_MOST_CLASSES]
        return {f"{column} = {name}": names == name for name in frequent}
    values = truth.numbers()
    return {f"{column} above its median": values > np.median(values)}


def _known(feature: str, column: str, files: Sequence[_File], place: Any) -> Iterator[Check]:
    timed = [file for file in files if file.dataset.time_column is not None]
    if not timed:
        message = f"when {feature} becomes known cannot be checked: no readable data set names a `timeColumn`"
        fix = "name the column with the time of the prediction: `timeColumn` of the data set"
        yield Check("leakage.known-at", feature, Verdict.INCONCLUSIVE, message, location=place, fix=fix)
    for file in timed:
        names = (feature, column, str(file.dataset.time_column))
        present = engine.columns(_source(file))
        absent = [name for name in names if name not in present]
        kinds = {present[name] for name in names[1:] if name in present}
        if absent or kinds != {"datetime"}:
            why = (
                f"{', '.join(absent)} is not in {file.dataset.name}"
                if absent
                else f"{names[1]} or {names[2]} is no time"
            )
            message = f"when {feature} becomes known cannot be checked: {why}"
            fix = "add the column, as a time"
            yield Check("leakage.known-at", feature, Verdict.FAIL, message, location=place, fix=fix)
            continue
        raw = engine.arrays(
            _source(file),
            {
                "value": engine.quoted(feature),
                "known": f"CAST({engine.quoted(names[1])} AS TIMESTAMP)",
                "moment": f"CAST({engine.quoted(names[2])} AS TIMESTAMP)",
            },
        )
        found = leakage.Lateness.of_columns(raw["value"], raw["known"], raw["moment"])
        yield leakage.lateness(feature, column, found, dataset=file.dataset.name, place=place)


def _judged(model: Model) -> set[str]:
    """The data sets that a model has to answer on."""
    names = {one.dataset for one in model.metrics}
    if model.tests.model.max_overfit_gap is not None or model.tests.model.baseline is not None:
        names |= {one.name for one in model.of_role("training")[:1]}
    return names


def _inputs(model: Model) -> tuple[str, ...]:
    return tuple(one.name for one in model.interface.inputs)


def _job(model: Model, file: _File, artifact: Artifact, inputs: tuple[str, ...]) -> Job:
    target, found = model.interface.target, _source(file)
    positive = "true" if target is None or target.positive is None else watched_text(target.positive)
    return Job(artifact, found.path, found.format, file.digest, inputs, model.task, positive)


def _evaluate(
    model: Model, file: _File, answer: Predictions | Failed, locate: Locate
) -> tuple[list[Check], Evaluation | None]:
    """The health of the answer, and what the tests judge if it is healthy enough."""
    name, target, place = file.dataset.name, model.interface.target, locate(("spec", "artifact"))
    if target is None:
        message, fix = "the manifest names no target, so nothing can be judged", "add `interface.target`"
        place = locate(("spec", "interface"))
        return [Check("model.target", name, Verdict.FAIL, message, location=place, fix=fix)], None
    try:
        present = engine.columns(_source(file))
        slices = {one.column for metric in model.metrics for one in metric.slices if metric.dataset == name}
        columns = [column for column in slices if column in present]
        if target.column not in present:
            raise Unmeasurable(f"{name} has no column {target.column}")  # noqa: TRY301 - one place says it
        wanted = {column: engine.quoted(column) for column in dict.fromkeys([target.column, *columns])}
        raw = engine.arrays(_source(file), wanted)
        truth = Truth.of_column(raw[target.column], target, model.task)
        checks = list(health.checks(answer, rows=len(truth.present), dataset=name, location=place))
        if isinstance(answer, Failed) or not health.usable(answer, rows=len(truth.present)):
            return checks, None
        sliced = {column: raw[column][truth.present] for column in columns}
        return checks, Evaluation(name, answer, truth, truth.sample(answer), sliced)
    except Refused as refusal:
        return [_unreadable(file, refusal, locate)], None
    except Unmeasurable as reason:
        message, fix = f"{name} cannot be judged: {reason}", "correct `interface.target`, or the data"
        place = locate(("spec", "interface", "target"))
        return [Check("model.labels", name, Verdict.FAIL, message, location=place, fix=fix)], None


def _of_champion(check: Check) -> Check:
    """The champion cannot be asked: nobody is shown to be better, and a person has to look."""
    message = f"the champion cannot be asked: {check.message}"
    fix = "check that the champion still runs on these data; a person may waive the comparison"
    return replace(check, id="comparison.champion", verdict=Verdict.INCONCLUSIVE, message=message, fix=fix)


def _source(file: _File) -> Source:
    if file.source is None:
        raise ValueError(f"{file.dataset.name} has no file")
    return file.source


def _materials(
    files: Sequence[_File],
    *,
    artifact: Artifact | None = None,
    answers: tuple[Sequence[_File], Sequence[Predictions | Failed]] = ((), ()),
) -> tuple[tuple[str, str], ...]:
    found = [(f"data/{file.dataset.name}", file.digest) for file in files if file.digest]
    if artifact is not None:
        found.append(("artifact", artifact.digest))
    for file, answer in zip(*answers, strict=True):
        if isinstance(answer, Predictions):
            found.append((f"predictions/{file.dataset.name}", answer.digest))
    return tuple(found)


def _report(
    kind: str,
    model: Model,
    checks: Sequence[Check],
    materials: tuple[tuple[str, str], ...],
    *,
    champion: str | None = None,
) -> Report:
    counts = {verdict: sum(check.verdict is verdict for check in checks) for verdict in Verdict}
    words = [f"{counts[Verdict.PASS]} of {wording.number(len(checks))} checks passed"]
    words += [f"{counts[verdict]} {word}" for verdict, word in _WORDS.items() if counts[verdict]]
    return Report(kind, tuple(checks), f"{model.name} {model.version}: {', '.join(words)}", materials, champion)


_WORDS = {Verdict.FAIL: "failed", Verdict.INCONCLUSIVE: "inconclusive"}
