"""The data tests of one model, put together: every file is read once, and whatever was found is judged.

Never raises for what is in a file or in the manifest: that is a check that failed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from mlops_gitops.errors import Refused
from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing.data import columns, keys, labels, personal, references, row_rules, times
from mlops_gitops.testing.data.columns import Locate
from mlops_gitops.testing.data.files import TESTED, DataFile, identity, unreadable
from mlops_gitops.testing.data.imported import checks as imports
from mlops_gitops.testing.data.rows import leaks, overlaps
from mlops_gitops.testing.data.scans import Scan, Wanted
from mlops_gitops.testing.data.spending import Count, nobody
from mlops_gitops.testing.sharding import Counting, asked


def checks(
    model: Model,
    files: Sequence[DataFile],
    locate: Locate,
    counting: Counting,
    *,
    now: datetime,
    folder: Path,
    root: Path,
    count: Count = nobody,
) -> Iterator[Check]:
    """All checks of all data files, as ``counting`` counts their rows and ``count`` the looks at references."""
    yield from _declared(model, locate)
    comparisons: list[references.Comparison] = []
    for compared in references.wanted_by(model, folder=folder, root=root, locate=locate):
        if isinstance(compared, Check):
            yield compared
        else:
            yield from references.outdated(compared, model, files, locate=locate)
            weighed, told = compared.weighed(model, folder=folder, root=root, locate=locate)
            yield from told
            comparisons.append(weighed.counted(files, count))
    scans: dict[str, Scan] = {}
    for file in files:
        yield from identity(file, locate)
        if file.source is not None:
            try:
                scan = counting.scan(file, _wanted(model, file, comparisons, now))
                scans[file.dataset.name] = scan
                yield from _of_file(model, file, scan, comparisons, locate, now=now, here=counting.merged is None)
            except Refused as refusal:
                yield unreadable(file, refusal, locate)
    if counting.merged is not None:
        yield from _unseen(model, locate)
    else:
        counted = {name: scan.profile.rows for name, scan in scans.items()}
        yield from imports.checks(model, files, counted, folder=folder, root=root, locate=locate)
        yield from _across(model, files, scans, locate)


def _of_file(
    model: Model,
    file: DataFile,
    scan: Scan,
    comparisons: Sequence[references.Comparison],
    locate: Locate,
    *,
    now: datetime,
    here: bool,
) -> Iterator[Check]:
    """What one file shows by itself; ``here`` says whether its rows are at hand."""
    name = file.dataset.name
    if file.dataset.role in TESTED:
        yield from columns.checks(model, dataset=name, source=file.opened, scan=scan, locate=locate)
    if here and scan.profile.rows:
        yield from _of_rows(model, file, scan, locate, now=now)
    for one in comparisons:
        if one.concerns(file):
            yield from one.checks(model, file, scan, locate=locate, here=here)


def _across(model: Model, files: Sequence[DataFile], scans: Mapping[str, Scan], locate: Locate) -> Iterator[Check]:
    """What takes several files, or looks at rows again."""
    rows = {name: scan.profile.rows for name, scan in scans.items()}
    readable = [file for file in files if file.dataset.role in TESTED and rows.get(file.dataset.name)]
    yield from keys.references(model, readable, files, locate)
    yield from keys.split(model, readable, scans, locate)
    if model.tests.data.overlap is not None:
        yield from overlaps(model, readable, rows, locate)
    yield from leaks(model, readable, locate)


def _declared(model: Model, locate: Locate) -> Iterator[Check]:
    if "data" not in model.value["spec"].get("tests", {}):
        message = "the manifest demands nothing of the data, so only their presence and types were looked at"
        fix = f"add `tests.data`; `mlops-gitops test data {model.name} --infer` writes one from the training data"
        place = locate(("spec",))
        yield Check("data.declared", model.name, Verdict.INCONCLUSIVE, message, location=place, fix=fix)


def _wanted(model: Model, file: DataFile, comparisons: Sequence[references.Comparison], now: datetime) -> Wanted:
    """Everything that the one pass over a file has to count."""
    tests, found = model.tests.data, asked(model, file, comparisons)
    asks = [times.wanted(tests.freshness, file, now)]
    if _ruled(model, file):
        asks.append(row_rules.wanted(tests.rules, file.dataset.name))
    if tests.pii is not None and file.dataset.role in TESTED:
        asks.append(personal.wanted())
    return replace(found, asks=tuple(ask for one in asks for ask in one.asks))


def _of_rows(model: Model, file: DataFile, scan: Scan, locate: Locate, *, now: datetime) -> Iterator[Check]:
    """What was counted row by row, and what looks at rows again."""
    tests, name = model.tests.data, file.dataset.name
    tested = file.dataset.role in TESTED
    if _ruled(model, file):
        yield from row_rules.checks(tests.rules, dataset=name, scan=scan, locate=locate, everywhere=tested)
    if tested or (tests.freshness is not None and name in tests.freshness.datasets):
        yield from times.checks(tests.freshness, file, scan, now=now, locate=locate)
    if tested:
        yield from personal.checks(model, dataset=name, scan=scan, locate=locate)
        yield from labels.checks(model, file, scan, locate)


def _ruled(model: Model, file: DataFile) -> bool:
    named = {one for rule in model.tests.data.rules for one in rule.datasets}
    return file.dataset.role in TESTED or file.dataset.name in named


def _unseen(model: Model, locate: Locate) -> Iterator[Check]:
    """What needs rows, where only counts are at hand."""
    place, fix = locate(("spec", "tests")), "run `test data` where the data lie, for this test"
    tests = model.tests.data
    needs = {
        "data.overlap": (tests.overlap is not None, "the overlap of training and test data cannot be counted from"),
        "data.rule": (bool(tests.rules), "rules across columns cannot be held against"),
        "data.reference-key": (bool(tests.references), "keys across tables cannot be looked up in"),
        "data.freshness": (tests.freshness is not None, "times cannot be looked at in"),
        "data.split": (tests.split is not None, "whether training and test data are apart cannot be told from"),
        "data.pii": (tests.pii is not None, "personal data cannot be looked for in"),
        "data.labels": (tests.labels is not None, "labels cannot be looked at in"),
        "data.imported": (bool(tests.imported), "tests of other tools cannot be held to the data themselves on"),
        "leakage.power": (
            model.tests.leakage.max_single_feature_power is not None or bool(model.tests.leakage.known_at),
            "leakage cannot be measured on",
        ),
    }
    for id_, (demanded, words) in needs.items():
        if demanded:
            message = f"{words} partial profiles"
            yield Check(id_, model.name, Verdict.INCONCLUSIVE, message, location=place, fix=fix)
