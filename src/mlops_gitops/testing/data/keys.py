"""Keys across tables, and what keeps training and test data apart: rows, entities and time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mlops_gitops.errors import Refused
from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.findings import Location
from mlops_gitops.manifests.model import Model
from mlops_gitops.manifests.row_tests import ForeignKey
from mlops_gitops.testing import wording
from mlops_gitops.testing.data.columns import DATA, Locate
from mlops_gitops.testing.data.files import DataFile
from mlops_gitops.testing.data.profile import Column
from mlops_gitops.testing.data.scans import Scan
from mlops_gitops.testing.engines import duckdb as engine
from mlops_gitops.testing.engines import joins

SPLIT = (*DATA, "split")


def references(model: Model, files: Sequence[DataFile], others: Sequence[DataFile], locate: Locate) -> Iterator[Check]:
    """Whether the values of each key stand in the data set that it refers to; ``others`` are those referred to."""
    for index, key in enumerate(model.tests.data.references):
        place = (*DATA, "references", index)
        other = next((one for one in others if one.dataset.name == key.dataset), None)
        if other is None or other.source is None:
            problem = "it is no data set of the manifest" if other is None else other.problem
            message = f"{'+'.join(key.columns)} cannot be looked up in {key.dataset}: {problem}"
            fix = "correct `dataset`, or produce its file"
            location = locate((*place, "dataset"))
            yield Check("data.reference-key", key.dataset, Verdict.FAIL, message, location=location, fix=fix)
            continue
        for file in files:
            if file.dataset.name != key.dataset:
                yield from _reference(key, file, other, locate, place)


def _reference(
    key: ForeignKey, file: DataFile, other: DataFile, locate: Locate, at: tuple[str | int, ...]
) -> Iterator[Check]:
    """A data set without the columns has nothing to look up, unless it has some of them."""
    subject, location = f"{file.dataset.name}.{'+'.join(key.columns)}", locate((*at, "columns"))
    try:
        missing = [name for name in key.columns if name not in engine.columns(file.opened)]
        lacking = [name for name in key.key if name not in engine.columns(other.opened)]
        if missing or lacking:
            where, names = (file.dataset.name, missing) if missing else (key.dataset, lacking)
            message = f"{subject} cannot be looked up in {key.dataset}: {', '.join(names)} is not in {where}"
            fix = "name columns that the data have"
            yield Check("data.reference-key", subject, Verdict.FAIL, message, location=location, fix=fix)
            return
        orphans, rows = joins.orphans(file.opened, key.columns, other.opened, key.key)
    except Refused as refusal:
        message, fix = f"{subject} cannot be looked up in {key.dataset}: {refusal.message}", "give both the same type"
        yield Check("data.reference-key", subject, Verdict.FAIL, message, location=location, fix=fix)
        return
    limit = key.max_violation_rate
    message = f"{subject} is not in {key.dataset} in {wording.share(orphans, rows)}"
    message += f"; at most {wording.percent(limit)} may be missing"
    failed = rows > 0 and orphans / rows > limit
    yield Check(
        "data.reference-key",
        subject,
        Verdict.FAIL if failed else Verdict.PASS,
        message,
        observed=orphans / rows if rows else 0.0,
        limit=limit,
        rows=rows,
        location=location,
        fix=f"add the missing keys to {key.dataset}, or drop those rows" if failed else "",
    )


def split(model: Model, files: Sequence[DataFile], scans: Mapping[str, Scan], locate: Locate) -> Iterator[Check]:
    """Whether training and test data are as far apart as the manifest demands."""
    tests = model.tests.data.split
    if tests is None:
        return
    training = [file for file in files if file.dataset.role == "training"]
    unseen = [file for file in files if file.dataset.role in {"test", "validation"}]
    if not training or not unseen:
        message = "whether training and test data are apart cannot be told without rows of both"
        fix = "add a data set of each role"
        yield Check("data.split", model.name, Verdict.INCONCLUSIVE, message, location=locate(SPLIT), fix=fix)
    for one in training:
        for other in unseen:
            if tests.max_same_rows is not None:
                yield _same_rows(model, one, other, scans, tests.max_same_rows, locate)
            if tests.max_same_entities is not None:
                yield _same_entities(one, other, scans, tests.max_same_entities, locate)
            if tests.in_time_order and other.dataset.role == "test":
                yield _in_order(one, other, scans, locate)


def _same_rows(
    model: Model, train: DataFile, test: DataFile, scans: Mapping[str, Scan], limit: float, locate: Locate
) -> Check:
    """Alike in every column that both have; a column that is unique by itself tells every row apart and is left out."""
    numbers = {key[0] for key in model.tests.data.unique if len(key) == 1}
    left, right = scans[train.dataset.name].stored, scans[test.dataset.name].stored
    columns = [(name, name) for name in left if name in right and name not in numbers]
    subject = f"{test.dataset.name} ∩ {train.dataset.name}"
    place = locate((*SPLIT, "maxSameRows"))
    if not columns:
        message, fix = f"{subject}: they have no column in common", "write both with the same columns"
        return Check("data.same-rows", subject, Verdict.FAIL, message, location=place, fix=fix)
    what = f"alike in all {len(columns)} columns"
    return _shared(
        "data.same-rows", train, test, columns, scans, limit, what=what, fix="drop them from one side", place=place
    )


def _same_entities(
    train: DataFile, test: DataFile, scans: Mapping[str, Scan], limit: float, locate: Locate
) -> Check:
    place = locate((*SPLIT, "maxSameEntities"))
    subject = f"{test.dataset.name} ∩ {train.dataset.name}"
    left, right = train.dataset.entity_column, test.dataset.entity_column
    if left is None or right is None:
        message = f"{subject}: whose rows they are is not said"
        fix = "name the `entityColumn` of both data sets"
        return Check("data.same-entities", subject, Verdict.FAIL, message, location=place, fix=fix)
    fix = "split by entity, so that all rows of one are on one side"
    pairs = [(left, right)]
    return _shared("data.same-entities", train, test, pairs, scans, limit, what=f"by {right}", fix=fix, place=place)


def _shared(  # noqa: PLR0913 - what both checks differ in
    id_: str,
    train: DataFile,
    test: DataFile,
    columns: list[tuple[str, str]],
    scans: Mapping[str, Scan],
    limit: float,
    *,
    what: str,
    fix: str,
    place: Location,
) -> Check:
    subject, rows = f"{test.dataset.name} ∩ {train.dataset.name}", scans[test.dataset.name].profile.rows
    try:
        found = joins.shared(train.opened, test.opened, columns)
    except Refused as refusal:
        message, fix = f"{subject} cannot be counted: {refusal.message}", "write both with the same columns and types"
        return Check(id_, subject, Verdict.FAIL, message, location=place, fix=fix)
    failed = rows > 0 and found / rows > limit
    message = f"{wording.share(found, rows)} of {test.dataset.name} are in {train.dataset.name} too, {what}"
    message += f"; at most {wording.percent(limit)} may be"
    verdict = Verdict.FAIL if failed else Verdict.PASS
    observed = found / rows if rows else 0.0
    fix = fix if failed else ""
    return Check(id_, subject, verdict, message, observed=observed, limit=limit, location=place, fix=fix)


def _in_order(train: DataFile, test: DataFile, scans: Mapping[str, Scan], locate: Locate) -> Check:
    subject, place = f"{test.dataset.name} after {train.dataset.name}", locate((*SPLIT, "inTimeOrder"))
    last, first = (_times(scans[one.dataset.name], one) for one in (train, test))
    if last is None or first is None:
        message = f"{subject}: when their rows are from is not said"
        fix = "name the `timeColumn` of both data sets, a column that holds times"
        return Check("data.time-order", subject, Verdict.FAIL, message, location=place, fix=fix)
    ends, begins = last.maximum or 0, first.minimum or 0
    passes = ends < begins
    days = abs(begins - ends) / 86_400e6
    message = (
        f"{train.dataset.name} ends {days:,.1f} days {'before' if passes else 'after'} {test.dataset.name} begins"
    )
    verdict, fix = (Verdict.PASS, "") if passes else (Verdict.FAIL, "train on rows that are older than those of the test")
    return Check("data.time-order", subject, verdict, message, location=place, fix=fix)


def _times(scan: Scan, file: DataFile) -> Column | None:
    column = scan.profile.column(file.dataset.time_column or "")
    return column if column is not None and column.type == "datetime" and column.maximum is not None else None
