"""The tests of the features of one model: what ``test features`` judges, and what ``release`` turns into evidence.

Only what the manifest demands is judged (``spec.tests.features``); what else is known of features is told and judges
nothing.  Pure but for the files that the manifest names, which are read below ``root`` and nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mlops_gitops import canonical
from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.manifests.feature_tests import Coverage, FeatureTests
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing import wording
from mlops_gitops.testing.data import shards
from mlops_gitops.testing.data.columns import Locate
from mlops_gitops.testing.data.files import DataFile
from mlops_gitops.testing.engines import duckdb as engine
from mlops_gitops.testing.estimates import Estimate, Unmeasurable
from mlops_gitops.testing.features import correlations, coverage
from mlops_gitops.testing.features.coding import Feature
from mlops_gitops.testing.features.correlations import Correlations
from mlops_gitops.testing.features.subsets import MOST_ROWS
from mlops_gitops.testing.models.samples import Truth
from mlops_gitops.testing.statistics import Floats

SUFFIX = ".correlations.json"
MOST_CLASSES = 20
_PLACE = ("spec", "tests", "features")


@dataclass(frozen=True, slots=True)
class Before:
    """What there was before the change: what people call it, the inputs then, and how they went together."""

    words: str
    inputs: tuple[str, ...]
    correlations: Correlations | None = None


@dataclass(frozen=True)
class Table:
    """The features of a data set and the target beside them, rows thinned evenly where there are very many."""

    dataset: str
    digest: str
    features: tuple[Feature, ...]
    target: Floats | None

    @cached_property
    def correlations(self) -> Correlations:
        """How they go together."""
        rows = len(self.features[0].values) if self.features else 0
        return Correlations(self.dataset, self.digest, rows, correlations.pairs(self.features))


def table(model: Model, file: DataFile) -> Table:
    """Read once.  Raises ``Refused`` for a file that cannot be read, ``Unmeasurable`` where an input is missing."""
    target, present = model.interface.target, engine.columns(file.opened)
    inputs = [one.name for one in model.interface.inputs]
    missing = [one for one in inputs if one not in present]
    if missing:
        raise Unmeasurable(f"{file.dataset.name} has no column {missing[0]}")
    wanted = [*inputs, *([target.column] if target is not None and target.column in present else [])]
    raw = engine.arrays(file.opened, {name: engine.quoted(name) for name in dict.fromkeys(wanted)})
    truth = Truth.of_column(raw[target.column], target, model.task) if target and target.column in raw else None
    rows = truth.present if truth is not None else np.ones(len(next(iter(raw.values()))), bool)
    keep = np.flatnonzero(rows)
    keep = keep[np.linspace(0, len(keep) - 1, min(len(keep), MOST_ROWS)).astype(np.int64)]
    features = tuple(Feature.of_column(name, raw[name][keep]) for name in inputs)
    answers = None if truth is None else _answers(truth, model.task)
    if answers is not None:
        answers = answers[np.searchsorted(np.flatnonzero(rows), keep)]
    return Table(file.dataset.name, file.digest, features, answers)


def _answers(truth: Truth, task: str) -> Floats | None:
    """The target as numbers, or an indicator of each class; ``None`` where it is neither."""
    if task == "binary-classification":
        return truth.positive().astype(np.float64)
    if task == "multiclass":
        names, codes = np.unique(truth.names(), return_inverse=True)
        return np.eye(len(names))[codes] if len(names) <= MOST_CLASSES else None
    return truth.numbers()


def judged(
    model: Model,
    *,
    folder: Path,
    root: Path,
    locate: Locate,
    read: Table | str,
    before: Before | None,
    powers: Mapping[str, Estimate] | None,
) -> Iterator[Check]:
    """Every check that the manifest demands.

    ``read`` are the features, or why there are none; ``before`` is ``None`` where nothing is known of a time before;
    ``powers`` what each input brings, ``None`` where nobody measured it.
    """
    tests = model.tests.features
    if tests is None:
        return
    if before is not None:
        yield from _removed(model, tests, before, locate)
    if tests.max_correlation is not None or tests.max_change is not None:
        yield from _together(tests, read, before, folder, locate)
    if tests.min_importance is not None:
        yield from _unused(model, tests.min_importance, powers, locate)
    if tests.coverage is not None:
        yield _covered(tests.coverage, folder, root, locate)


def _removed(model: Model, tests: FeatureTests, before: Before, locate: Locate) -> Iterator[Check]:
    here, noted = {one.name for one in model.interface.inputs}, {one.name: one for one in tests.removed}
    gone = [one for one in before.inputs if one not in here]
    for name in gone:
        note = noted.get(name)
        if note is None:
            message = f"{name} was an input of {before.words} and is none now, without a note"
            fix = f"add {{name: {name}, reason: …}} to `tests.features.removed`"
            place = locate(("spec", "interface", "inputs"))
            yield Check("feature.removed", name, Verdict.FAIL, message, location=place, fix=fix)
        else:
            place = locate((*_PLACE, "removed", tests.removed.index(note), "name"))
            yield Check("feature.removed", name, Verdict.PASS, f"{name} is gone: {note.reason}", location=place)
    if not gone:
        message = f"every input of {before.words} is there"
        yield Check("feature.removed", model.name, Verdict.PASS, message, location=locate(("spec", "interface")))


def _together(
    tests: FeatureTests, read: Table | str, before: Before | None, folder: Path, locate: Locate
) -> Iterator[Check]:
    place = locate((*_PLACE, "correlation"))
    if isinstance(read, str):
        message = f"correlations cannot be measured: {read}"
        fix = "correct `tests.features.of`, or the data"
        yield Check("feature.correlation", tests.of or "training", Verdict.FAIL, message, location=place, fix=fix)
        return
    now = read.correlations
    if tests.max_correlation is not None:
        yield from correlations.too_close(now, tests.max_correlation, locate((*_PLACE, "correlation", "max")))
    if tests.max_change is None:
        return
    then: Correlations | str | None = before.correlations if before is not None else None
    if then is None:
        then = committed(folder, read.dataset)
    if isinstance(then, str):
        fix = "write it with `mlops-gitops test features MODEL --write-reference`, and commit it"
        yield Check("feature.change", read.dataset, Verdict.INCONCLUSIVE, then, location=place, fix=fix)
        return
    yield from correlations.changed(then, now, tests.max_change, locate((*_PLACE, "correlation", "maxChange")))


def committed(folder: Path, dataset: str) -> Correlations | str:
    """The reference beside the manifest, or why there is none."""
    path = folder / f"{dataset}{SUFFIX}"
    if path.is_symlink() or not path.is_file():
        return f"there is no reference {path.name} to compare correlations with"
    return parsed(path.read_bytes(), path.name)


def parsed(data: bytes, name: str) -> Correlations | str:
    """The reference in a file, or why it is none."""
    try:
        document: Any = json.loads(data)
        return correlations.parse(document)
    except (ValueError, RecursionError) as error:
        return f"{name} is no reference of correlations: {error}"


def text(found: Correlations) -> bytes:
    """The reference as a file: the same columns give the same bytes."""
    return canonical.encode(found.document()) + b"\n"


def _unused(model: Model, least: float, powers: Mapping[str, Estimate] | None, locate: Locate) -> Iterator[Check]:
    metric = model.primary.name
    for index, one in enumerate(model.interface.inputs):
        found = (powers or {}).get(one.name)
        place = locate(("spec", "interface", "inputs", index))
        if found is None:
            message = f"what {one.name} brings to {metric} cannot be measured"
            fix = f"`mlops-gitops test model {model.name}` says whether the model answers, and what may be asked of it"
            yield Check("feature.unused", one.name, Verdict.INCONCLUSIVE, message, location=place, fix=fix)
            continue
        interval = f"90 % interval {wording.signed(found.lower)} to {wording.signed(found.upper)}"
        message = f"{metric} loses {wording.score(found.value)} when {one.name} is shuffled ({interval})"
        verdict, fix = Verdict.PASS, ""
        if found.lower == found.upper == 0:
            verdict = Verdict.FAIL
            message = f"no prediction changes when {one.name} is shuffled: the model does not use it"
        elif found.upper < least:
            verdict, message = Verdict.FAIL, f"{message}; at least {least:g} is demanded"
        if verdict is Verdict.FAIL:
            fix = "leave it out, and train again; features that tell the same hide each other's importance"
        yield Check(
            "feature.unused",
            one.name,
            verdict,
            message,
            observed=found.value,
            limit=least,
            interval=found.interval,
            rows=found.rows,
            location=place,
            fix=fix,
        )


def _covered(wanted: Coverage, folder: Path, root: Path, locate: Locate) -> Check:
    place = locate((*_PLACE, "coverage"))
    fix = "run the tests of the features with a coverage tool that writes Cobertura XML or coverage.py's JSON"
    try:
        data = shards.content(wanted.file, folder=folder, root=root, most=coverage.LARGEST)
        if len(data) > coverage.LARGEST:
            raise ValueError(f"it has more than {coverage.LARGEST:,} bytes")  # noqa: TRY301 - one place says it
        found = coverage.of_bytes(data, wanted.paths)
    except (OSError, ValueError) as error:
        why = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
        message = f"{wanted.file} says nothing of coverage: {why}"
        return Check("feature.coverage", wanted.file, Verdict.FAIL, message, location=place, fix=fix)
    share = found.share
    message = (
        f"the tests ran {wording.number(found.run)} of {wording.number(found.lines)} lines in {found.files:,} files "
        f"({wording.percent(share)}); at least {wording.percent(wanted.min)} is demanded"
    )
    verdict = Verdict.PASS if found.lines and share >= wanted.min else Verdict.FAIL
    return Check(
        "feature.coverage",
        wanted.file,
        verdict,
        message,
        observed=share,
        limit=wanted.min,
        location=place,
        fix="" if verdict is Verdict.PASS else "test the lines that never ran",
    )
