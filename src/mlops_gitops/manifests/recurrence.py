"""Periods that come again: an RFC 5545 rule, a local start, a duration and a time zone, and the times that they mean.

A rule is expanded on the wall clock of its zone and each start is then put on the line of real time, as RFC 5545 says:

* a local time that the change to summer time skips is read with the offset before the gap (section 3.3.5), so a
  freeze at 02:30 begins at 03:30 that day and is never lost; one that comes twice means the first;
* days and weeks of a duration are nominal, hours and less are exact (section 3.3.6): ``P1D`` ends at the same time of
  the next day, ``PT24H`` twenty-four hours later.  ``UNTIL`` is an instant in UTC and is included.

The expansion of rules is python-dateutil's, which has no limit of its own: a rule that never matches makes it walk to
the year 9999.  The Gregorian calendar repeats, weekdays and all, every 400 years; so rules are expanded in the last
such cycle that dates can hold, and the walk ends soon.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mlops_gitops.manifests import recurrence_rule
from mlops_gitops.manifests.recurrence_rule import WEEKDAYS, Rule
from mlops_gitops.records import record
from mlops_gitops.times import parse_nominal

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from dateutil.rrule import rrule

START = (
    r"^(19[7-9][0-9]|2[0-3][0-9]{2})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]$"
)
_ZONE = re.compile(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*")
_OF_THE_MACHINE = frozenset({"localtime", "posixrules", "Factory"})
_LATER = 19 * 400
"""Years to the last cycle; a start lies before 2400, see ``START``."""
_LONGEST_SHIFT = timedelta(days=3)
"""More than any change of a zone has ever moved a clock; Samoa once left out a day."""
_STEPS = {"HOURLY": timedelta(hours=1), "DAILY": timedelta(days=1), "WEEKLY": timedelta(weeks=1)}


@record
class Span:
    """From ``start`` (included) until ``end`` (excluded), both in UTC."""

    start: datetime
    end: datetime

    def holds(self, now: datetime) -> bool:
        """Whether ``now`` is inside."""
        return self.start <= now < self.end


@record
class Recurrence:
    """A period that comes again.  ``start`` is local and names no zone; ``days`` are nominal, ``exact`` is not."""

    text: str
    rule: Rule
    start: datetime
    days: int
    exact: timedelta
    zone: str

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Recurrence:
        """From the fields of a window or a freeze.  Raises ``ValueError`` with what is wrong."""
        days, exact = parse_nominal(value["duration"])
        if not days and not exact:
            raise ValueError("a duration of nothing")
        named(value["timeZone"])
        rule = recurrence_rule.parse(value["recurrence"])
        return cls(
            text=value["recurrence"],
            rule=rule,
            start=datetime.fromisoformat(value["start"]),
            days=days,
            exact=exact,
            zone=value["timeZone"],
        )

    def instant(self, local: datetime) -> datetime:
        """A time of the zone's wall clock, in UTC, as RFC 5545 section 3.3.5 reads it."""
        return local.replace(tzinfo=named(self.zone), fold=0).astimezone(UTC)

    def local(self, moment: datetime) -> datetime:
        """What the zone's wall clock shows at a moment."""
        return moment.astimezone(named(self.zone))

    def spans(self, since: datetime) -> Iterator[Span]:
        """Every period that ends after ``since``, by its start."""
        if not _ever(self.rule, self.start):
            return
        waiting: list[tuple[datetime, datetime]] = []
        for local in self._starts(since - timedelta(days=self.days) - self.exact):
            span = self._span(local)
            if span.end > since and (self.rule.until is None or span.start <= self.rule.until):
                heapq.heappush(waiting, (span.start, span.end))
            while waiting and waiting[0][0] < self.instant(local) - _LONGEST_SHIFT:
                yield Span(*heapq.heappop(waiting))  # the wall clock's order is not that of time where clocks change
        while waiting:
            yield Span(*heapq.heappop(waiting))

    def first(self) -> Span | None:
        """The first period of all; ``None`` where there never is one."""
        return _first(self)

    def _span(self, local: datetime) -> Span:
        start = self.instant(local)
        nominal = self.instant(local + timedelta(days=self.days)) if self.days else start
        return Span(start, max(nominal, start) + self.exact)

    def _starts(self, since: datetime) -> Iterator[datetime]:
        """The local starts from a little before ``since`` on, in the order of the wall clock."""
        target = self.local(since).replace(tzinfo=None) - _LONGEST_SHIFT
        last = self.local(self.rule.until).replace(tzinfo=None) + _LONGEST_SHIFT if self.rule.until else None
        for found in _expanded(self.rule, self.start, target):
            local = found.replace(year=found.year - _LATER)
            if last is not None and local > last:
                return
            if local >= target:
                yield local


def _expanded(rule: Rule, start: datetime, target: datetime) -> Iterator[datetime]:
    """The starts of a rule, ``_LATER`` years later; those long before ``target`` may be left out."""
    step = _STEPS.get(rule.frequency)
    if step is not None and rule.count is None:  # what repeats evenly is entered just before it matters
        step *= rule.interval
        start += max(0, (target - start) // step - 1) * step
    try:
        yield from _dateutil(rule, start.replace(year=start.year + _LATER))
    except ValueError:  # how dateutil says that interval and hours never meet
        return


@lru_cache(maxsize=256)
def _ever(rule: Rule, start: datetime) -> bool:
    """Whether the rule matches at all; to find that it does not takes a second, so it is found once."""
    return next(_expanded(rule, start, start), None) is not None


@lru_cache(maxsize=256)
def _first(recurrence: Recurrence) -> Span | None:
    return next(recurrence.spans(recurrence.instant(recurrence.start)), None)


@lru_cache(maxsize=256)
def named(zone: str) -> ZoneInfo:
    """A time zone by its IANA name.  Raises ``ValueError`` where there is none, or where machines would differ."""
    import zoneinfo

    if _ZONE.fullmatch(zone) and zone not in _OF_THE_MACHINE:
        try:
            return zoneinfo.ZoneInfo(zone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            pass
    raise ValueError(f"no time zone is called {zone!r}; IANA names are such as Europe/Zurich")


def _dateutil(rule: Rule, start: datetime) -> rrule:
    from dateutil import rrule as dateutil

    numbers: dict[str, Any] = {name.lower(): list(values) for name, values in rule.numbers}
    days = [getattr(dateutil, day)(place) if place else getattr(dateutil, day) for day, place in rule.days]
    if rule.of("BYWEEKNO") and not days:  # the weekday is that of the start, where dateutil would take all seven
        days = [getattr(dateutil, WEEKDAYS[start.weekday()])]
    return dateutil.rrule(
        getattr(dateutil, rule.frequency),
        dtstart=start,
        interval=rule.interval,
        count=rule.count,
        wkst=getattr(dateutil, rule.week_start) if rule.week_start else None,
        byweekday=days or None,
        bysecond=start.second,
        **numbers,
    )
