"""The data tests of one model, put together: every file is read once, and whatever was found is judged.

Never raises for what is in a file or in the manifest: that is a check that failed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from mlops_gitops.errors import Refused
from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing.data import columns, drift, keys, labels, personal, references, row_rules, times
from mlops_gitops.testing.data.columns import Locate
from mlops_gitops.testing.data.files import TESTED, DataFile, identity, unreadable
from mlops_gitops.testing.data.rows import leaks, overlaps
from mlops_gitops.testing.data.scans import Scan, Wanted
from mlops_gitops.testing.engines import duckdb as engine


def named(model: Model) -> set[str]:
    """The data sets that some test names, whatever their role."""
    tests = model.tests.data
    found = {name for one in (tests.drift, tests.skew) if one is not None for name in one.datasets}
    found |= {name for rule in tests.rules for name in rule.datasets}
    found |= {key.dataset for key in tests.references}
    return found | set(tests.freshness.datasets if tests.freshness else ())


def checks(
    model: Model, files: Sequence[DataFile], locate: Locate, *, now: datetime, folder: Path, root: Path
) -> Iterator[Check]:
    """All checks of all data files."""
    yield from _declared(model, locate)
    comparisons: list[references.Comparison] = []
    for kind, tests in ((drift.DRIFT, model.tests.data.drift), (drift.SKEW, model.tests.data.skew)):
        if tests is not None:
            compared = references.found(model, kind, tests, folder=folder, root=root, locate=locate)
            if isinstance(compared, Check):
                yield compared
            else:
                yield from references.outdated(compared, model, files, locate=locate)
                comparisons.append(compared)
    scans: dict[str, Scan] = {}
    for file in files:
        yield from identity(file, locate)
        if file.source is None:
            continue
        held = [one for one in comparisons if one.concerns(file)]
        try:
            scan = engine.scan(file.source, _wanted(model, file, held, now))
            if file.dataset.role in TESTED:
                scans[file.dataset.name] = scan
            yield from _of_file(model, file, scan, held, locate, now=now)
        except Refused as refusal:
            yield unreadable(file, refusal, locate)
    readable = [file for file in files if file.dataset.name in scans and scans[file.dataset.name].profile.rows]
    yield from keys.references(model, readable, files, locate)
    yield from keys.split(model, readable, scans, locate)
    rows = {name: scan.profile.rows for name, scan in scans.items()}
    if model.tests.data.overlap is not None:
        yield from overlaps(model, readable, rows, locate)
    yield from leaks(model, readable, locate)


def _declared(model: Model, locate: Locate) -> Iterator[Check]:
    if "data" not in model.value["spec"].get("tests", {}):
        message = "the manifest demands nothing of the data, so only their presence and types were looked at"
        fix = f"add `tests.data`; `mlops-gitops test data {model.name} --infer` writes one from the training data"
        place = locate(("spec",))
        yield Check("data.declared", model.name, Verdict.INCONCLUSIVE, message, location=place, fix=fix)


def _wanted(model: Model, file: DataFile, held: Sequence[references.Comparison], now: datetime) -> Wanted:
    """Everything that the one pass over a file has to count."""
    tests, name = model.tests.data, file.dataset.name
    found = Wanted()
    if file.dataset.role in TESTED:
        found = columns.wanted(tests)
        if tests.pii is not None:
            found |= personal.wanted()
    if _looked_at(file, [one for rule in tests.rules for one in rule.datasets]):
        found |= row_rules.wanted(tests.rules, name)
    found |= times.wanted(tests.freshness, file, now)
    for one in held:
        found |= one.reference.wanted()
    return found


def _of_file(
    model: Model,
    file: DataFile,
    scan: Scan,
    held: Sequence[references.Comparison],
    locate: Locate,
    *,
    now: datetime,
) -> Iterator[Check]:
    tests, name = model.tests.data, file.dataset.name
    tested = file.dataset.role in TESTED
    if tested:
        yield from columns.checks(model, dataset=name, source=file.opened, scan=scan, locate=locate)
    if scan.profile.rows:
        if _looked_at(file, [one for rule in tests.rules for one in rule.datasets]):
            yield from row_rules.checks(tests.rules, dataset=name, scan=scan, locate=locate, everywhere=tested)
        if tested or (tests.freshness is not None and name in tests.freshness.datasets):
            yield from times.checks(tests.freshness, file, scan, now=now, locate=locate)
        if tested:
            yield from personal.checks(model, dataset=name, scan=scan, locate=locate)
            yield from labels.checks(model, file, scan, locate)
    for one in held:
        yield from one.checks(model, file, scan, locate=locate)


def _looked_at(file: DataFile, names: Sequence[str]) -> bool:
    return file.dataset.role in TESTED or file.dataset.name in names
