"""Data tests: what the manifest demands of the data, held against what one pass over each file found.

Pure functions of a ``Scan``.  A file is what it is, so these checks pass or fail and carry no interval; inconclusive is
only what was not looked at.  Nothing raises on what the data hold: a missing column, a wrong type, a column of nulls or
a table without rows is a check that failed, at the line of the manifest that wanted otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.findings import Location
from mlops_gitops.manifests.data_tests import ColumnTest, DataTests
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing import wording
from mlops_gitops.testing.data import discretion
from mlops_gitops.testing.data.profile import NUMERIC, Column, edges_of_range
from mlops_gitops.testing.data.scans import Scan, Source, Wanted, watched_text

Locate: TypeAlias = Callable[[tuple[str | int, ...]], Location]
"""From the path of a value in the manifest to its place in the file."""

Place: TypeAlias = Callable[..., Location]
"""From some last steps of such a path, the first ones being known."""

COLUMNS = ("spec", "tests", "data", "columns")
INPUTS = ("spec", "interface", "inputs")
DATA = ("spec", "tests", "data")

_WIDER = {"long": {"integer"}, "double": {"float", "integer"}}
"""What may stand for a type without loss, as MLflow converts it."""
_PLAIN = frozenset({"boolean", "integer", "long", "string", "binary", "datetime"})
"""Types whose values cannot be NaN or infinite."""
_SHOWN = 3


def wanted(tests: DataTests) -> Wanted:
    """What one pass has to count so that every demand can be judged."""
    edges = {
        column.name: edges_of_range(column.range.min, column.range.max, bins=1)
        for column in tests.columns
        if column.range is not None
    }
    watched = {column.name: column.domain for column in tests.columns if column.domain is not None}
    return Wanted(edges, watched, tests.unique, distinct_rows=tests.max_duplicate_rate is not None)


def looked_at(model: Model) -> frozenset[str]:
    """The columns whose values the tests look at; of the others, a file's footer says enough.

    Of an input without demands that is no real number, only its type and whether it holds anything are tested.
    """
    demands = {
        one.name
        for one in model.tests.data.columns
        if one.range is not None or one.domain is not None or one.type not in _PLAIN
    }
    if model.tests.data.freshness is not None or model.tests.data.split is not None:
        demands |= {one.time_column for one in model.data if one.time_column is not None}
    labels, target = model.tests.data.labels, model.interface.target
    if labels is not None and labels.max_missing_rate is not None and target is not None:
        demands.add(target.column)  # a label that is NaN is missing too
    return frozenset(demands | {one.name for one in model.interface.inputs if one.type not in _PLAIN})


def checks(model: Model, *, dataset: str, source: Source, scan: Scan, locate: Locate) -> Iterator[Check]:
    """All checks of one data file, in the order of the manifest."""
    tests = model.tests.data
    yield from of_tests(tests, dataset=dataset, source=source, scan=scan, locate=locate)
    if scan.profile.rows == 0:
        return
    demanded = {column.name for column in tests.columns}
    for index, feature in enumerate(model.interface.inputs):
        if feature.name not in demanded:
            test = ColumnTest(feature.name, feature.type, feature.required)
            yield from _column(test, dataset, source, scan, lambda *path, i=index: locate((*INPUTS, i, *path)))


def of_tests(tests: DataTests, *, dataset: str, source: Source, scan: Scan, locate: Locate) -> Iterator[Check]:
    """The checks that ``tests.data`` itself demands of one data file."""
    yield _rows(tests, dataset, scan, locate)
    if scan.profile.rows == 0:
        return
    for index, column in enumerate(tests.columns):
        yield from _column(column, dataset, source, scan, lambda *path, i=index: locate((*COLUMNS, i, *path)))
    for index, key in enumerate(tests.unique):
        yield _unique(key, dataset, scan, locate((*DATA, "unique", index)))
    if tests.max_duplicate_rate is not None:
        yield _duplicates(tests.max_duplicate_rate, dataset, scan, locate((*DATA, "maxDuplicateRate")))


def _rows(tests: DataTests, dataset: str, scan: Scan, locate: Locate) -> Check:
    rows = scan.profile.rows
    limits = tests.rows
    location = locate((*DATA, "rows")) if limits is not None else locate(("spec", "data"))
    if rows == 0:
        return _failed(
            "data.rows", dataset, f"{dataset} holds no row", location, observed=0, fix="write the data again"
        )
    if limits is not None and not limits.allows(rows):
        least = limits.min is not None and rows < limits.min
        limit = limits.min if least else limits.max
        words = f"at least {wording.rows(int(limit or 0))}" if least else f"at most {wording.rows(int(limit or 0))}"
        message = f"{dataset} holds {wording.rows(rows)}; {words} are demanded"
        return _failed("data.rows", dataset, message, location, observed=rows, limit=limit, fix="provide the rows")
    return _passed("data.rows", dataset, f"{dataset} holds {wording.rows(rows)}", location, observed=rows)


def _column(test: ColumnTest, dataset: str, source: Source, scan: Scan, place: Place) -> Iterator[Check]:
    subject, column = f"{dataset}.{test.name}", scan.profile.column(test.name)
    if column is None:
        if test.required:
            yield _missing(subject, test, scan, place("name"))
        return
    rows, absent = scan.profile.rows, column.nulls + column.nans
    if absent == rows:
        if test.required or (test.max_null_rate is not None and test.max_null_rate < 1):
            message = f"{subject} holds no value in {wording.rows(rows)}"
            fix = "fill the column, or take it out of the manifest"
            yield _failed("data.null", subject, message, place("name"), observed=1.0, fix=fix)
        return
    if test.type is not None:
        stored = scan.stored[column.name]
        yield _type(subject, test.type, column, stored, typed=source.typed, location=place("type"))
    if test.max_null_rate is not None:
        yield _nulls(subject, test.max_null_rate, absent, rows, place("maxNullRate"))
    if test.range is not None:
        yield from _range(subject, test, column, scan.stored[column.name], place)
    if column.infinities:
        message = f"{subject} is infinite in {wording.share(column.infinities, rows)}"
        yield _failed("data.finite", subject, message, place("name"), observed=column.infinities, fix="remove them")
    if test.domain is not None:
        yield _domain(subject, test, column, rows, place("domain"))


def _missing(subject: str, test: ColumnTest, scan: Scan, location: Location) -> Check:
    import difflib

    near = difflib.get_close_matches(test.name, [column.name for column in scan.profile.columns], n=1)
    fix = f"did the data mean {near[0]!r}?  " if near else ""
    fix += f"add the column {test.name!r} to the data, or take it out of the manifest"
    return _failed("data.column", subject, f"{subject} is demanded and is not in the data", location, fix=fix)


def _type(subject: str, wanted_type: str, column: Column, stored: str, *, typed: bool, location: Location) -> Check:
    if fits(wanted_type, column, typed=typed):
        return _passed("data.type", subject, f"{subject} is of type {wanted_type}", location, observed=column.type)
    found = column.type if column.type != "other" else stored
    return Check(
        "data.type",
        subject,
        Verdict.FAIL,
        f"{subject} is of type {found} ({stored} in the file); {wanted_type} is demanded",
        observed=found,
        limit=wanted_type,
        location=location,
        fix=f"write the column as {wanted_type}, or change `type` to {found}"
        if column.type != "other"
        else f"write the column as {wanted_type}",
    )


def fits(wanted_type: str, column: Column, *, typed: bool) -> bool:
    """Whether a column can be used where ``wanted_type`` is demanded, without loss.

    Text formats have no types of their own: there any column is text, and whole numbers may be real ones or short.
    """
    if column.type == wanted_type or column.type in _WIDER.get(wanted_type, ()):
        return True
    if typed:
        return False
    if wanted_type == "string":
        return True
    if wanted_type == "integer" and column.type == "long":
        low, high = column.minimum or 0, column.maximum or 0
        return low >= -(2**31) and high < 2**31
    return wanted_type in {"float", "double"} and column.type in NUMERIC


def _nulls(subject: str, limit: float, absent: int, rows: int, location: Location) -> Check:
    rate = absent / rows
    message = f"{subject} is missing in {wording.share(absent, rows)}; at most {wording.percent(limit)} may be"
    if rate > limit:
        fix = f"fill or drop those rows, or raise `maxNullRate` to {rate:.3g} if that is normal"
        return _failed("data.null", subject, message, location, observed=rate, limit=limit, fix=fix)
    return _passed("data.null", subject, message, location, observed=rate, limit=limit)


def _range(subject: str, test: ColumnTest, column: Column, stored: str, place: Place) -> Iterator[Check]:
    if column.histogram is None:
        found = stored if column.type == "other" else column.type
        message = f"{subject} has a range, and {found} is not counted as a number"
        fix = "take the range out, or write the column as a number of at most 64 bits, with its sign"
        yield _failed("data.range", subject, message, place("range"), fix=fix)
        return
    low, high = (None, None) if test.range is None else (test.range.min, test.range.max)
    budget, values = test.max_violation_rate, sum(column.histogram.counts)
    secret = discretion.by_name(test.name) is not None  # the number of a telephone or an account is somebody's
    for name, limit, outside, extreme, word in (
        ("min", low, 0 if low is None else column.histogram.below(low), column.minimum, "below"),
        ("max", high, 0 if high is None else column.histogram.above(high), column.maximum, "above"),
    ):
        if limit is None:
            continue
        worst = "none" if extreme is None else "not shown" if secret else wording.number(extreme)
        observed = None if secret else extreme
        place_ = place("range", name)
        if budget and outside:
            message = f"{subject} is {word} {wording.number(limit)} in {wording.share(outside, values)}"
            message += f"; at most {wording.percent(budget)} may be (the extreme is {worst})"
        elif outside:
            message = f"{subject} is {word} {wording.number(limit)} in {wording.rows(outside)} (the extreme is {worst})"
        else:
            message = f"{subject} is never {word} {wording.number(limit)} (the extreme is {worst})"
        if outside and outside / values > budget:
            fix = f"correct or drop those rows, or move `range.{name}` if such values are right"
            yield _failed("data.range", subject, message, place_, observed=observed, limit=limit, fix=fix)
        else:
            yield _passed("data.range", subject, message, place_, observed=observed, limit=limit)


def _domain(subject: str, test: ColumnTest, column: Column, rows: int, location: Location) -> Check:
    allowed, budget = {watched_text(value) for value in test.domain or ()}, test.max_violation_rate
    present = rows - column.nulls - column.nans
    strays = present - sum(count for _, count in column.watched)
    if not strays:
        return _passed("data.domain", subject, f"{subject} takes only the {len(allowed)} values allowed", location)
    others = [category.value for category in column.categories if category.value not in allowed]
    shown = ", ".join(discretion.shown(test.name, value) for value in sorted(others)[:_SHOWN])
    examples = f", such as {shown}" if shown else ""
    message = f"{subject} is none of the {len(allowed)} values allowed in {wording.share(strays, rows)}{examples}"
    if strays / present <= budget:
        message += f"; at most {wording.percent(budget)} may be"
        return _passed("data.domain", subject, message, location, observed=strays, limit=0)
    fix = "correct those rows, or add the value to `domain`"
    return _failed("data.domain", subject, message, location, observed=strays, limit=0, fix=fix)


def _unique(key: tuple[str, ...], dataset: str, scan: Scan, location: Location) -> Check:
    subject, rows, distinct = f"{dataset}.{'+'.join(key)}", scan.profile.rows, scan.distinct.get(key)
    if distinct is None:
        absent = ", ".join(name for name in key if scan.profile.column(name) is None)
        message = f"{subject} cannot be unique: {absent} is not in the data"
        return _failed("data.unique", subject, message, location, fix="name columns that the data have")
    if distinct < rows:
        message = f"{subject} repeats in {wording.share(rows - distinct, rows)}; each row must have its own"
        fix = "drop the repeated rows, or add the column that tells them apart to the key"
        return _failed("data.unique", subject, message, location, observed=rows - distinct, limit=0, fix=fix)
    return _passed("data.unique", subject, f"{subject} is different in each of {wording.rows(rows)}", location)


def _duplicates(limit: float, dataset: str, scan: Scan, location: Location) -> Check:
    rows = scan.profile.rows
    extra = rows - scan.distinct[()]
    message = f"{dataset} repeats earlier rows in {wording.share(extra, rows)}; at most {wording.percent(limit)} may be"
    if extra / rows > limit:
        fix = "drop the repeated rows"
        return _failed("data.duplicates", dataset, message, location, observed=extra / rows, limit=limit, fix=fix)
    return _passed("data.duplicates", dataset, message, location, observed=extra / rows, limit=limit)


def overlap(shared: int, rows: int, *, subject: str, key: Sequence[str], limit: float, location: Location) -> Check:
    """Whether too large a share of the test rows is in the training data too."""
    rate = shared / rows if rows else 0.0
    message = (
        f"{subject} shares its {' + '.join(key)} with a training row in {wording.share(shared, rows)}; "
        f"at most {wording.percent(limit)} may"
    )
    if rate > limit:
        fix = "take those rows out of one of the two: a model is not tested on what it was shown"
        return _failed("data.overlap", subject, message, location, observed=rate, limit=limit, fix=fix)
    return _passed("data.overlap", subject, message, location, observed=rate, limit=limit)


def _passed(
    id_: str,
    subject: str,
    message: str,
    location: Location,
    *,
    observed: float | str | None = None,
    limit: float | str | None = None,
) -> Check:
    return Check(id_, subject, Verdict.PASS, message, observed=_exact(observed), limit=limit, location=location)


def _failed(
    id_: str,
    subject: str,
    message: str,
    location: Location,
    *,
    fix: str,
    observed: float | str | None = None,
    limit: float | str | None = None,
) -> Check:
    return Check(
        id_, subject, Verdict.FAIL, message, observed=_exact(observed), limit=limit, location=location, fix=fix
    )


def _exact(observed: float | str | None) -> float | str | None:
    """Evidence is JSON: an integer that a double cannot hold is written as text."""
    return str(observed) if isinstance(observed, int) and abs(observed) > 2**53 - 1 else observed
