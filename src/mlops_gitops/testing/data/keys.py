"""Keys across tables, and what keeps training and test data apart: rows, entities and time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from mlops_gitops.errors import Refused
from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.findings import Location
from mlops_gitops.manifests.model import Model
from mlops_gitops.manifests.row_tests import ForeignKey
from mlops_gitops.testing import wording
from mlops_gitops.testing.data.columns import DATA, Locate
from mlops_gitops.testing.data.files import DataFile
from mlops_gitops.testing.data.profile import Column
from mlops_gitops.testing.data.relations import HERE, Relations, alike
from mlops_gitops.testing.data.scans import Scan
from mlops_gitops.testing.estimates import Unmeasurable

SPLIT = (*DATA, "split")


def references(
    model: Model, files: Sequence[DataFile], others: Sequence[DataFile], relations: Relations, locate: Locate
) -> Iterator[Check]:
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
                yield from _reference(key, file, other, locate, place, relations=relations)


def _reference(
    key: ForeignKey,
    file: DataFile,
    other: DataFile,
    locate: Locate,
    at: tuple[str | int, ...],
    *,
    relations: Relations,
) -> Iterator[Check]:
    """A data set without the columns has nothing to look up, unless it has some of them."""
    subject, location = f"{file.dataset.name}.{'+'.join(key.columns)}", locate((*at, "columns"))
    try:
        missing = [name for name in key.columns if name not in relations.columns(file)]
        lacking = [name for name in key.key if name not in relations.columns(other)]
        if missing or lacking:
            where, names = (file.dataset.name, missing) if missing else (key.dataset, lacking)
            message = f"{subject} cannot be looked up in {key.dataset}: {', '.join(names)} is not in {where}"
            fix = "name columns that the data have"
            yield Check("data.reference-key", subject, Verdict.FAIL, message, location=location, fix=fix)
            return
        orphans, rows = relations.orphans(file, key.columns, other, key.key)
    except Refused as refusal:
        message, fix = f"{subject} cannot be looked up in {key.dataset}: {refusal.message}", "give both the same type"
        yield Check("data.reference-key", subject, Verdict.FAIL, message, location=location, fix=fix)
        return
    except Unmeasurable as reason:
        message = f"whether {subject} is in {key.dataset} cannot be told: {reason}"
        yield Check("data.reference-key", subject, Verdict.INCONCLUSIVE, message, location=location, fix=HERE)
        return
    if not rows:
        message = f"{subject} holds nothing to look up in {key.dataset}: each row lacks a part of the key"
        fix = "fill the columns, or take the key out of the manifest"
        yield Check("data.reference-key", subject, Verdict.INCONCLUSIVE, message, location=location, fix=fix)
        return
    limit = key.max_violation_rate
    message = f"{subject} is not in {key.dataset} in {wording.share(orphans, rows)}"
    message += f"; at most {wording.percent(limit)} may be missing"
    failed = orphans / rows > limit
    yield Check(
        "data.reference-key",
        subject,
        Verdict.FAIL if failed else Verdict.PASS,
        message,
        observed=orphans / rows,
        limit=limit,
        rows=rows,
        location=location,
        fix=f"add the missing keys to {key.dataset}, or drop those rows" if failed else "",
    )


def split(
    model: Model, files: Sequence[DataFile], scans: Mapping[str, Scan], relations: Relations, locate: Locate
) -> Iterator[Check]:
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
            pair = _Pair(one, other, scans, relations)
            if tests.max_same_rows is not None:
                yield _same_rows(model, pair, tests.max_same_rows, locate((*SPLIT, "maxSameRows")))
            if tests.max_same_entities is not None:
                yield _same_entities(pair, tests.max_same_entities, locate((*SPLIT, "maxSameEntities")))
            if tests.in_time_order and other.dataset.role == "test":
                yield _in_order(one, other, scans, locate)


class _Pair(NamedTuple):
    """A training and a test data set."""

    train: DataFile
    test: DataFile
    scans: Mapping[str, Scan]
    relations: Relations

    @property
    def subject(self) -> str:
        """What a check of both is about."""
        return f"{self.test.dataset.name} ∩ {self.train.dataset.name}"

    def absent(self, left: str, right: str) -> tuple[int, int]:
        """Test rows without a value of the column ``right``, and those of them that are like one of ``left``."""
        train, test = (
            self.scans[file.dataset.name].profile.column(name)
            for file, name in ((self.train, left), (self.test, right))
        )
        if train is None or test is None:
            return 0, 0
        alike = (test.nulls if train.nulls else 0) + (test.nans if train.nans else 0)
        return test.nulls + test.nans, alike

    def shared(
        self,
        columns: list[tuple[str, str]],
        limit: float,
        *,
        id_: str,
        what: str,
        place: Location,
        absent: tuple[int, int] = (0, 0),
    ) -> Check:
        """Test rows that have a partner in the training data which is alike in the pairs of columns.

        ``absent`` are rows that are left out, and how many of them have a partner.
        """
        rows = self.scans[self.test.dataset.name].profile.rows - absent[0]
        try:
            found = self.relations.shared(self.train, self.test, columns) - absent[1] if rows else 0
        except Refused as refusal:
            message = f"{self.subject} cannot be counted: {refusal.message}"
            fix = "write both with the same columns and types"
            return Check(id_, self.subject, Verdict.FAIL, message, location=place, fix=fix)
        except Unmeasurable as reason:
            message = f"{self.subject} cannot be counted: {reason}"
            return Check(id_, self.subject, Verdict.INCONCLUSIVE, message, location=place, fix=HERE)
        if not rows:
            message, fix = f"{self.subject} cannot be counted: no row of the test says whose it is", "fill the column"
            return Check(id_, self.subject, Verdict.INCONCLUSIVE, message, location=place, fix=fix)
        names = f"of {self.test.dataset.name} are in {self.train.dataset.name} too, {what}"
        message = f"{wording.share(found, rows)} {names}; at most {wording.percent(limit)} may be"
        failed = found / rows > limit
        return Check(
            id_,
            self.subject,
            Verdict.FAIL if failed else Verdict.PASS,
            message,
            observed=found / rows,
            limit=limit,
            location=place,
            fix="split the rows again, so that all that belong together are on one side" if failed else "",
        )


def _same_rows(model: Model, pair: _Pair, limit: float, place: Location) -> Check:
    """Alike in every column that both have; a column that is unique by itself tells every row apart and is left out."""
    left, right = (tuple(pair.scans[one.dataset.name].stored) for one in (pair.train, pair.test))
    columns = [(name, name) for name in alike(model, left, right)]
    if not columns:
        message, fix = f"{pair.subject}: they have no column in common", "write both with the same columns"
        return Check("data.same-rows", pair.subject, Verdict.FAIL, message, location=place, fix=fix)
    return pair.shared(columns, limit, id_="data.same-rows", what=f"alike in all {len(columns)} columns", place=place)


def _same_entities(pair: _Pair, limit: float, place: Location) -> Check:
    left, right = pair.train.dataset.entity_column, pair.test.dataset.entity_column
    if left is None or right is None:
        message, fix = f"{pair.subject}: whose rows they are is not said", "name the `entityColumn` of both data sets"
        return Check("data.same-entities", pair.subject, Verdict.FAIL, message, location=place, fix=fix)
    absent = pair.absent(left, right)
    what = f"by {right}" + (f", of which {wording.rows(absent[0])} have none" if absent[0] else "")
    return pair.shared([(left, right)], limit, id_="data.same-entities", what=what, place=place, absent=absent)


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
    message = f"{train.dataset.name} ends {days:,.1f} days {'before' if passes else 'after'} {test.dataset.name} begins"
    verdict, fix = (
        (Verdict.PASS, "") if passes else (Verdict.FAIL, "train on rows that are older than those of the test")
    )
    return Check("data.time-order", subject, verdict, message, location=place, fix=fix)


def _times(scan: Scan, file: DataFile) -> Column | None:
    column = scan.profile.column(file.dataset.time_column or "")
    return column if column is not None and column.type == "datetime" and column.maximum is not None else None
