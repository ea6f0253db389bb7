"""The checks that files of other tools come to, for one data set.

A result counts only for the data that it was made on.  It says so by a digest (``sha256:…`` in a name of the result)
or, less surely, by its number of rows; one that says neither stays inconclusive, and one that says otherwise fails:
it is stale.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlops_gitops.errors import Refused
from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.findings import Location
from mlops_gitops.manifests.data_tests import Imported
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing import wording
from mlops_gitops.testing.data import columns, shards
from mlops_gitops.testing.data.columns import DATA, Locate
from mlops_gitops.testing.data.files import DataFile
from mlops_gitops.testing.data.imported import deepchecks, evidently, great_expectations, pandera, pointblank
from mlops_gitops.testing.data.imported.outcomes import LARGEST, MOST, Results, Unknown, parsed
from mlops_gitops.testing.data.relations import HERE, Relations
from mlops_gitops.testing.engines import duckdb as engine
from mlops_gitops.testing.estimates import Unmeasurable

PANDERA = "pandera"
TOOLS: Mapping[str, Callable[[Any], Results]] = {
    "great-expectations": great_expectations.results,
    "evidently": evidently.results,
    "pointblank": pointblank.results,
    "deepchecks": deepchecks.results,
}
AT = (*DATA, "imported")
_FIX = "make the result again on these data, and commit it"


def checks(
    model: Model,
    files: Sequence[DataFile],
    rows: Mapping[str, int],
    relations: Relations,
    *,
    folder: Path,
    root: Path,
    locate: Locate,
) -> Iterator[Check]:
    """The checks of every file that the manifest names, for the data sets that could be read, by their ``rows``."""
    known = {one.dataset.name: one for one in files}
    for index, one in enumerate(model.tests.data.imported):
        if one.dataset not in rows:
            continue  # a check of the data says why
        location = locate((*AT, index, "file"))
        try:
            data = _read(one, folder=folder, root=root)
            if one.format == PANDERA:
                yield from _schema(model, known[one.dataset], one, data, location, relations=relations)
            else:
                yield from _results(known[one.dataset], rows[one.dataset], one, data, location)
        except Unknown as reason:
            fix = f"write it with a release of {one.format} that is known, or take it out of the manifest"
            message = f"{one.file} cannot be taken: {reason}"
            yield Check("data.imported", one.dataset, Verdict.FAIL, message, location=location, fix=fix)


def materials(model: Model, *, folder: Path, root: Path) -> Iterator[tuple[str, str]]:
    """The name and SHA-256 of every file that was taken."""
    for one in model.tests.data.imported:
        try:
            yield f"imported/{one.file}", hashlib.sha256(_read(one, folder=folder, root=root)).hexdigest()
        except Unknown:
            continue  # a check says so


def _read(one: Imported, *, folder: Path, root: Path) -> bytes:
    try:
        return shards.content(one.file, folder=folder, root=root, most=LARGEST)
    except OSError as error:
        raise Unknown(f"it cannot be read: {error.strerror or error}") from error
    except ValueError as reason:
        raise Unknown(str(reason)) from reason


def _results(file: DataFile, rows: int, one: Imported, data: bytes, location: Location) -> Iterator[Check]:
    found, name = TOOLS[one.format](parsed(data)), file.dataset.name
    if len(found.outcomes) > MOST:
        raise Unknown(f"it holds {len(found.outcomes):,} tests, and {MOST:,} are the most that are taken")
    origin = _origin(file, rows, found, one, location)
    yield origin
    if not found.outcomes:
        message = f"{one.file} holds no test of {found.tool} that judges anything"
        fix = "let the tool test with conditions"
        yield Check("data.imported", name, Verdict.INCONCLUSIVE, message, location=location, fix=fix)
    if origin.verdict is Verdict.FAIL:
        return
    for outcome in found.outcomes:
        fix = "" if outcome.verdict is Verdict.PASS else "correct the data, or what is expected of them"
        yield Check(
            "data.imported",
            f"{name}.{outcome.subject}",
            outcome.verdict,
            f"{found.tool}: {outcome.message}",
            rows=found.rows,
            location=location,
            fix=fix,
        )


def _origin(file: DataFile, rows: int, found: Results, one: Imported, location: Location) -> Check:
    """Whether the result is about the data that are there."""
    name = file.dataset.name
    base = Check("data.imported-origin", name, Verdict.PASS, "", observed=found.rows, rows=rows, location=location)
    if found.digests:
        if file.digest in found.digests:
            return replace(base, message=f"{one.file} names the digest of {name}")
        message = f"{one.file} names the digest {found.digests[0]}, and {name} has {file.digest}: it is stale"
        return replace(base, verdict=Verdict.FAIL, message=message, fix=_FIX)
    if found.rows is None:
        message = f"{one.file} does not say on which data it was made"
        fix = f"let a name in the result hold sha256:{file.digest}"
        return replace(base, verdict=Verdict.INCONCLUSIVE, message=message, fix=fix)
    if found.rows != rows:
        message = f"{one.file} was made on {wording.rows(found.rows)}, and {name} has {rows:,}: it is stale"
        return replace(base, verdict=Verdict.FAIL, message=message, fix=_FIX)
    return replace(
        base, message=f"{one.file} was made on {wording.rows(rows)}, as many as {name} has; it names no digest"
    )


def _schema(
    model: Model, file: DataFile, one: Imported, data: bytes, location: Location, *, relations: Relations
) -> Iterator[Check]:
    read, name = pandera.schema(one.file, data), file.dataset.name
    for left in read.left_out:
        message, fix = f"{one.file}: {left} is not run here", "declare it under `tests.data`, or run Pandera beside"
        yield Check("data.imported", name, Verdict.INCONCLUSIVE, message, location=location, fix=fix)
    interface = replace(model.interface, inputs=())
    other = replace(model, tests=replace(model.tests, data=read.tests), interface=interface)
    try:
        scan = engine.scan(relations.source(file), columns.wanted(read.tests))
    except Unmeasurable as reason:
        message = f"{one.file} cannot be held against {name}: {reason}"
        yield Check("data.imported", name, Verdict.INCONCLUSIVE, message, location=location, fix=HERE)
        return
    except Refused as refusal:
        raise Unknown(refusal.message) from refusal
    yield from columns.checks(other, dataset=name, source=file.opened, scan=scan, locate=lambda _: location)
