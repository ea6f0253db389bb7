"""When the rows are from: how old the newest is, whether any lies in the future, and which days have none.

The clock is passed in.  A time without a zone is taken as UTC.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, datetime, timedelta

from mlops_gitops.canonical import JSON
from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.manifests.row_tests import Freshness
from mlops_gitops.testing import wording
from mlops_gitops.testing.data.columns import DATA, Locate
from mlops_gitops.testing.data.files import DataFile
from mlops_gitops.testing.data.relations import Relations
from mlops_gitops.testing.data.scans import Scan, Wanted
from mlops_gitops.testing.engines.connections import quoted

AT = (*DATA, "freshness")
ZONES = timedelta(hours=14)
"""The furthest that a clock on the wall is ahead of UTC: a time without a zone may be so far ahead and be of today."""
_FUTURE = "in the future"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)


def wanted(tests: Freshness | None, file: DataFile, now: datetime) -> Wanted:
    """The rows that lie in the future."""
    column = file.dataset.time_column
    if tests is None or column is None or not _concerns(tests, file):
        return Wanted()
    latest = (now + ZONES).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return Wanted(asks=(_Future(column, latest),))


@dataclass(frozen=True, slots=True)
class _Future:
    """The rows whose time lies after the latest that a clock on any wall shows."""

    column: str
    latest: str

    def __call__(self, stored: Mapping[str, str], /) -> Mapping[str, str]:
        if not is_time(stored.get(self.column, "")):
            return {}
        column = quoted(self.column)
        later = f"(year({column}) > {MAXYEAR} OR TRY_CAST({column} AS TIMESTAMP) > TIMESTAMP '{self.latest}')"
        return {_FUTURE: later}

    @property
    def told(self) -> JSON:
        return ["future", self.column]


def checks(
    tests: Freshness | None, file: DataFile, scan: Scan, relations: Relations, *, now: datetime, locate: Locate
) -> Iterator[Check]:
    """The checks of one data set."""
    if tests is None or not _concerns(tests, file):
        return
    name, column, place = file.dataset.name, file.dataset.time_column, locate(AT)
    if column is None:
        if tests.datasets:
            message, fix = f"how old {name} is cannot be told", f"name the `timeColumn` of {name}"
            yield Check("data.freshness", name, Verdict.FAIL, message, location=place, fix=fix)
        return
    subject, found = f"{name}.{column}", scan.profile.column(column)
    if found is None or found.type != "datetime" or found.maximum is None:
        why = "is not in the data" if found is None else "holds no time" if found.type == "datetime" else "is no time"
        message, fix = f"how old {name} is cannot be told: {subject} {why}", "write the column as a time, and fill it"
        yield Check("data.freshness", subject, Verdict.FAIL, message, location=place, fix=fix)
        return
    newest = _EPOCH + timedelta(microseconds=int(found.maximum)) if _sane(found.maximum) else None
    if tests.max_age is not None:
        yield _age(tests.max_age, subject, newest, now, locate)
    yield _future(subject, scan.counts.get(_FUTURE, 0), scan.profile.rows, now, locate)
    if tests.max_empty_days is not None:
        yield _gaps(tests.max_empty_days, file, subject, column, locate, relations=relations)


def _age(limit: timedelta, subject: str, newest: datetime | None, now: datetime, locate: Locate) -> Check:
    place = locate((*AT, "maxAge"))
    if newest is None:
        message, fix = f"the newest row by {subject} is of no year that exists", "correct the times"
        return Check("data.freshness", subject, Verdict.FAIL, message, location=place, fix=fix)
    age = max(timedelta(0), now - newest)
    message = (
        f"the newest row by {subject} is of {newest:%Y-%m-%d %H:%M} UTC, {_days(age)} ago; "
        f"at most {_days(limit)} are allowed"
    )
    verdict, fix = (Verdict.PASS, "") if age <= limit else (Verdict.FAIL, "provide newer data, or raise `maxAge`")
    return Check(
        "data.freshness",
        subject,
        verdict,
        message,
        observed=round(age / _DAY, 3),
        limit=limit / _DAY,
        location=place,
        fix=fix,
    )


def _future(subject: str, late: int, rows: int, now: datetime, locate: Locate) -> Check:
    place = locate(AT)
    if not late:
        message = f"no row by {subject} lies after {now:%Y-%m-%d}"
        return Check("data.future", subject, Verdict.PASS, message, observed=0, limit=0, location=place)
    message = f"{wording.share(late, rows)} by {subject} lie in the future"
    fix = "correct the clock, the time zone or the unit that wrote those times"
    return Check("data.future", subject, Verdict.FAIL, message, observed=late, limit=0, location=place, fix=fix)


def _gaps(limit: int, file: DataFile, subject: str, column: str, locate: Locate, *, relations: Relations) -> Check:
    empty, days = relations.empty_days(file, column)
    message = f"{empty:,} of {days:,} days by {subject} have no row; at most {limit:,} may be"
    verdict, fix = (Verdict.PASS, "") if empty <= limit else (Verdict.FAIL, "find the rows of those days")
    place = locate((*AT, "maxEmptyDays"))
    return Check("data.gaps", subject, verdict, message, observed=empty, limit=limit, location=place, fix=fix)


def _concerns(tests: Freshness, file: DataFile) -> bool:
    return not tests.datasets or file.dataset.name in tests.datasets


def is_time(stored: str) -> bool:
    """Whether a type of the engine is one of times."""
    return stored == "DATE" or stored.startswith("TIMESTAMP")


def _sane(micros: float) -> bool:
    first, last = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
    return first.timestamp() <= micros / 1e6 < last.timestamp()


def _days(span: timedelta) -> str:
    days = span / _DAY
    return f"{days:,.0f} days" if days >= 3 else f"{span / timedelta(hours=1):,.1f} hours"  # noqa: PLR2004
