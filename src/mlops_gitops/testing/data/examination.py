"""The data tests of one model, put together: every file is read once, and whatever was found is judged.

Never raises for what is in a file or in the manifest: that is a check that failed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from mlops_gitops.errors import Refused
from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing.data import columns, keys, labels, personal, references, row_rules, times
from mlops_gitops.testing.data.columns import Locate
from mlops_gitops.testing.data.files import TESTED, DataFile, identity, unreadable
from mlops_gitops.testing.data.imported import checks as imports
from mlops_gitops.testing.data.relations import Relations
from mlops_gitops.testing.data.rows import leaks, overlaps
from mlops_gitops.testing.data.scans import Scan
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
    relations = counting.relations
    for file in files:
        scan = _scan(model, file, comparisons, counting, now)
        yield from identity(file, locate)
        if isinstance(scan, Refused):
            yield unreadable(file, scan, locate)
        elif scan is not None:
            scans[file.dataset.name] = scan
            try:
                yield from _of_file(model, file, scan, comparisons, locate, relations=relations, now=now)
            except Refused as refusal:
                yield unreadable(file, refusal, locate)
    counted = {name: scan.profile.rows for name, scan in scans.items()}
    yield from imports.checks(model, files, counted, relations, folder=folder, root=root, locate=locate)
    yield from _across(model, files, scans, relations, locate)


def _scan(
    model: Model, file: DataFile, comparisons: Sequence[references.Comparison], counting: Counting, now: datetime
) -> Scan | Refused | None:
    """What one pass over the file found, or why it cannot be read; its digest is made meanwhile."""
    if file.source is None:
        return None
    try:
        return counting.scan(file, asked(model, file, comparisons, now))
    except Refused as refusal:
        return refusal


def _of_file(
    model: Model,
    file: DataFile,
    scan: Scan,
    comparisons: Sequence[references.Comparison],
    locate: Locate,
    *,
    relations: Relations,
    now: datetime,
) -> Iterator[Check]:
    """What one file shows by itself."""
    name = file.dataset.name
    if file.dataset.role in TESTED:
        yield from columns.checks(model, dataset=name, source=file.opened, scan=scan, locate=locate)
    if scan.profile.rows:
        yield from _of_rows(model, file, scan, relations, locate, now=now)
    for one in comparisons:
        if one.concerns(file):
            yield from one.checks(model, file, scan, relations, locate=locate)


def _across(
    model: Model, files: Sequence[DataFile], scans: Mapping[str, Scan], relations: Relations, locate: Locate
) -> Iterator[Check]:
    """What takes several files, or looks at rows again."""
    rows = {name: scan.profile.rows for name, scan in scans.items()}
    readable = [file for file in files if file.dataset.role in TESTED and rows.get(file.dataset.name)]
    yield from keys.references(model, readable, files, relations, locate)
    yield from keys.split(model, readable, scans, relations, locate)
    if model.tests.data.overlap is not None:
        yield from overlaps(model, readable, rows, relations, locate)
    yield from leaks(model, readable, scans, relations, locate)


def _declared(model: Model, locate: Locate) -> Iterator[Check]:
    if "data" not in model.value["spec"].get("tests", {}):
        message = "the manifest demands nothing of the data, so only their presence and types were looked at"
        fix = f"add `tests.data`; `mlops-gitops test data {model.name} --infer` writes one from the training data"
        place = locate(("spec",))
        yield Check("data.declared", model.name, Verdict.INCONCLUSIVE, message, location=place, fix=fix)


def _of_rows(
    model: Model, file: DataFile, scan: Scan, relations: Relations, locate: Locate, *, now: datetime
) -> Iterator[Check]:
    """What was counted row by row, and what looks at rows again."""
    tests, name = model.tests.data, file.dataset.name
    tested = file.dataset.role in TESTED
    if row_rules.ruled(model, file):
        yield from row_rules.checks(tests.rules, dataset=name, scan=scan, locate=locate, everywhere=tested)
    if tested or (tests.freshness is not None and name in tests.freshness.datasets):
        yield from times.checks(tests.freshness, file, scan, relations, now=now, locate=locate)
    if tested:
        yield from personal.checks(model, dataset=name, scan=scan, locate=locate)
        yield from labels.checks(model, file, scan, relations, locate)
