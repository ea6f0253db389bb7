"""Recurrences against an oracle that walks every minute, and against the examples of RFC 5545.

The oracle knows neither rules as dateutil does nor how a local time becomes an instant: it looks at what the zone's
wall clock shows at every minute of real time, and asks of each whether a rule begins there.
"""

from __future__ import annotations

import contextlib
import itertools
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlops_gitops.manifests import recurrence_rule
from mlops_gitops.manifests.recurrence import Recurrence, Span

DAYS = recurrence_rule.WEEKDAYS
MINUTE = timedelta(minutes=1)


def of(rule: str, start: str, duration: str = "PT1H", zone: str = "UTC") -> Recurrence:
    return Recurrence.from_value({"recurrence": rule, "start": start, "duration": duration, "timeZone": zone})


def first(recurrence: Recurrence, count: int, since: datetime | None = None) -> list[Span]:
    begun = since or recurrence.instant(recurrence.start)
    return list(itertools.islice(recurrence.spans(begun), count))


def starts(rule: str, start: str, count: int, zone: str = "America/New_York") -> list[str]:
    found = of(rule, start, zone=zone)
    return [f"{found.local(one.start):%Y-%m-%d %H:%M}" for one in first(found, count)]


CHANGES = [
    pytest.param("Europe/Zurich", datetime(2026, 3, 29, 1, tzinfo=UTC), id="Zurich in spring"),
    pytest.param("Europe/Zurich", datetime(2026, 10, 25, 1, tzinfo=UTC), id="Zurich in autumn"),
    pytest.param("America/New_York", datetime(2026, 3, 8, 7, tzinfo=UTC), id="New York in spring"),
    pytest.param("America/New_York", datetime(2026, 11, 1, 6, tzinfo=UTC), id="New York in autumn"),
    pytest.param("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC), id="Lord Howe back half an hour"),
    pytest.param("Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30, tzinfo=UTC), id="Lord Howe on half an hour"),
    pytest.param("America/Sao_Paulo", datetime(2018, 11, 4, 3, tzinfo=UTC), id="Brazil skips midnight"),
    pytest.param("America/Sao_Paulo", datetime(2019, 11, 3, 3, tzinfo=UTC), id="Brazil gave summer time up"),
    pytest.param("Europe/Istanbul", datetime(2016, 10, 30, 1, tzinfo=UTC), id="Turkey stayed on summer time"),
    pytest.param("Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC), id="Samoa left out a day"),
    pytest.param("Asia/Pyongyang", datetime(2018, 5, 4, 15, tzinfo=UTC), id="Pyongyang went back to its hour"),
    pytest.param("Africa/Casablanca", datetime(2026, 2, 15, 2, tzinfo=UTC), id="Morocco in Ramadan"),
    pytest.param("Asia/Kathmandu", datetime(2026, 3, 29, 1, tzinfo=UTC), id="Kathmandu never changes"),
]


@cache
def walls(zone: str, around: datetime) -> dict[datetime, datetime]:
    """What the wall clock shows, minute by minute, three days to each side → the first moment at which it shows it.

    A wall time that is skipped is shown as if the clock had not been changed: with the offset of the minute before.
    """
    clock = ZoneInfo(zone)
    shown: dict[datetime, datetime] = {}
    moment, before = around - timedelta(days=3), None
    while moment < around + timedelta(days=3):
        wall = moment.astimezone(clock).replace(tzinfo=None)
        if before is not None:
            skipped, later = before + MINUTE, moment
            while skipped < wall:  # the gap, as the old clock would have gone on
                shown.setdefault(skipped, later)
                skipped, later = skipped + MINUTE, later + MINUTE
        shown.setdefault(wall, moment)
        before, moment = wall, moment + MINUTE
    return shown


@pytest.mark.parametrize(("zone", "around"), CHANGES)
@settings(max_examples=40, deadline=None)
@given(
    times=st.tuples(st.integers(0, 23), st.sampled_from([0, 15, 30, 45])),
    days=st.sets(st.sampled_from(range(7)), min_size=1),
    lasts=st.tuples(st.integers(0, 2), st.integers(0, 30)),
)
def test_every_opening_around_a_change_of_clocks_is_the_oracles(
    zone: str, around: datetime, times: tuple[int, int], days: set[int], lasts: tuple[int, int]
) -> None:
    (hour, minute), (nominal, hours) = times, lasts
    if not nominal and not hours:
        hours = 1
    local = (around - timedelta(days=30)).replace(hour=hour, minute=minute, tzinfo=None)
    rule = f"FREQ=WEEKLY;BYDAY={','.join(DAYS[day] for day in sorted(days))}"
    duration = f"P{nominal}DT{hours}H"
    found = of(rule, f"{local:%Y-%m-%dT%H:%M:%S}", duration, zone)
    shown = walls(zone, around)
    since, until = around - timedelta(days=2), around + timedelta(days=1)
    expected = set()
    for wall, moment in shown.items():
        begins = wall.time() == local.time() and wall.weekday() in days
        if begins and since <= moment < until:
            nominally = wall + timedelta(days=nominal)
            if nominally in shown:
                end = max(shown[nominally], moment) + timedelta(hours=hours)
                expected.add((moment, end))
    said = {
        (one.start, one.end)
        for one in itertools.takewhile(lambda one: one.start < until + timedelta(days=3), found.spans(since))
        if since <= one.start < until and one.start + timedelta(days=nominal + 1) < around + timedelta(days=3)
    }
    assert said <= expected
    assert {one for one in expected if one[0] + timedelta(days=nominal + 1) < around + timedelta(days=3)} <= said


WEEKLY_AND_OTHERS = st.one_of(
    st.builds(
        lambda days, interval: ("WEEKLY", interval, tuple(sorted(days))),
        st.sets(st.integers(0, 6), min_size=1),
        st.integers(1, 5),
    ),
    st.builds(lambda interval: ("DAILY", interval, ()), st.integers(1, 40)),
    st.builds(
        lambda interval, day: ("MONTHLY", interval, (day,)),
        st.integers(1, 14),
        st.integers(1, 31) | st.integers(-31, -1),
    ),
)


@settings(max_examples=150, deadline=None)
@given(
    rule=WEEKLY_AND_OTHERS,
    start=st.dates(date(1990, 1, 1), date(2030, 1, 1)),
    ahead=st.integers(0, 9000),
    count=st.none() | st.integers(1, 40),
)
@example(rule=("MONTHLY", 1, (29,)), start=date(2027, 12, 1), ahead=0, count=None)
@example(rule=("MONTHLY", 12, (29,)), start=date(2028, 2, 29), ahead=300, count=None)
def test_days_are_those_of_an_oracle_that_walks_every_day(
    rule: tuple[str, int, tuple[int, ...]], start: date, ahead: int, count: int | None
) -> None:
    frequency, interval, numbers = rule
    by = {
        "DAILY": "",
        "WEEKLY": ";BYDAY=" + ",".join(DAYS[one % 7] for one in numbers),
        "MONTHLY": ";BYMONTHDAY=" + ",".join(map(str, numbers)),
    }
    text = f"FREQ={frequency};INTERVAL={interval}{by[frequency]}"
    text += f";COUNT={count}" if count else ""
    found = of(text, f"{start}T10:00:00")
    since = datetime(start.year, start.month, start.day, 10, tzinfo=UTC) + timedelta(days=ahead)

    def begins(day: date) -> bool:
        match frequency:
            case "DAILY":
                return (day - start).days % interval == 0
            case "WEEKLY":
                monday = start - timedelta(days=start.weekday())
                return day.weekday() in numbers and (day - monday).days // 7 % interval == 0
            case _:
                (wanted,) = numbers
                last = ((day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)).day
                months = (day.year - start.year) * 12 + day.month - start.month
                return months % interval == 0 and day.day == (wanted if wanted > 0 else last + 1 + wanted)

    days = [start + timedelta(days=one) for one in range(ahead + 1200)]
    every = [day for day in days if begins(day)]
    expected = [day for day in (every[:count] if count else every) if day >= since.date()][:5]
    said = [one.start.date() for one in itertools.islice(found.spans(since), 5)]
    assert said[: len(expected)] == expected
    if count is not None:
        assert len(list(itertools.islice(found.spans(found.instant(found.start)), 50))) <= count


@pytest.mark.parametrize(
    ("rule", "start", "expected"),
    [
        ("FREQ=DAILY;COUNT=3", "1997-09-02T09:00:00", ["1997-09-02 09:00", "1997-09-03 09:00", "1997-09-04 09:00"]),
        ("FREQ=MONTHLY;BYDAY=1FR", "1997-09-05T09:00:00", ["1997-09-05 09:00", "1997-10-03 09:00", "1997-11-07 09:00"]),
        ("FREQ=MONTHLY;BYDAY=-2MO", "1997-09-22T09:00:00", ["1997-09-22 09:00", "1997-10-20 09:00"]),
        ("FREQ=MONTHLY;BYMONTHDAY=-3", "1997-09-28T09:00:00", ["1997-09-28 09:00", "1997-10-29 09:00"]),
        ("FREQ=YEARLY;BYDAY=20MO", "1997-05-19T09:00:00", ["1997-05-19 09:00", "1998-05-18 09:00", "1999-05-17 09:00"]),
        (
            "FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO",
            "1997-05-12T09:00:00",
            ["1997-05-12 09:00", "1998-05-11 09:00", "1999-05-17 09:00"],
        ),
        ("FREQ=YEARLY;BYWEEKNO=20", "1997-05-12T09:00:00", ["1997-05-12 09:00", "1998-05-11 09:00"]),
        ("FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", "1998-02-13T09:00:00", ["1998-02-13 09:00", "1998-03-13 09:00"]),
        (
            "FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8",
            "1996-11-05T09:00:00",
            ["1996-11-05 09:00", "2000-11-07 09:00", "2004-11-02 09:00"],
        ),
        (
            "FREQ=MONTHLY;BYDAY=TU,WE,TH;BYSETPOS=3",
            "1997-09-04T09:00:00",
            ["1997-09-04 09:00", "1997-10-07 09:00", "1997-11-06 09:00"],
        ),
        (
            "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2",
            "1997-09-29T09:00:00",
            ["1997-09-29 09:00", "1997-10-30 09:00", "1997-11-27 09:00"],
        ),
        (
            "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO",
            "1997-08-05T09:00:00",
            ["1997-08-05 09:00", "1997-08-10 09:00", "1997-08-19 09:00", "1997-08-24 09:00"],
        ),
        (
            "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU",
            "1997-08-05T09:00:00",
            ["1997-08-05 09:00", "1997-08-17 09:00", "1997-08-19 09:00", "1997-08-31 09:00"],
        ),
        ("FREQ=HOURLY;INTERVAL=3;UNTIL=19970902T210000Z", "1997-09-02T09:00:00", [
            "1997-09-02 09:00", "1997-09-02 12:00", "1997-09-02 15:00",
        ]),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "2096-02-29T09:00:00", ["2096-02-29 09:00", "2104-02-29 09:00"]),
        ("FREQ=MONTHLY;BYMONTHDAY=31", "2026-01-31T09:00:00", ["2026-01-31 09:00", "2026-03-31 09:00"]),
    ],
)  # fmt: skip
def test_the_examples_of_rfc_5545(rule: str, start: str, expected: list[str]) -> None:
    assert starts(rule, start, len(expected)) == expected


def test_until_is_an_instant_and_is_included() -> None:
    assert starts("FREQ=DAILY;UNTIL=20260106T080000Z", "2026-01-05T09:00:00", 9, "Europe/Zurich") == [
        "2026-01-05 09:00", "2026-01-06 09:00",
    ]  # fmt: skip
    assert len(starts("FREQ=DAILY;UNTIL=20260106T075959Z", "2026-01-05T09:00:00", 9, "Europe/Zurich")) == 1


def test_a_day_is_as_long_as_the_calendar_says_and_twenty_four_hours_are_exact() -> None:
    (day,) = first(of("FREQ=DAILY;COUNT=1", "2026-10-24T12:00:00", "P1D", "Europe/Zurich"), 1)
    (hours,) = first(of("FREQ=DAILY;COUNT=1", "2026-10-24T12:00:00", "PT24H", "Europe/Zurich"), 1)
    assert day.end - day.start == timedelta(hours=25)
    assert hours.end - hours.start == timedelta(hours=24)


def test_a_start_that_the_spring_skips_is_read_with_the_old_offset() -> None:
    """RFC 5545, 3.3.5: 02:30 in New York on that day means 03:30 EDT."""
    (one,) = first(of("FREQ=DAILY;COUNT=1", "2007-03-11T02:30:00", zone="America/New_York"), 1)
    assert one.start == datetime(2007, 3, 11, 7, 30, tzinfo=UTC)


def test_a_start_that_autumn_has_twice_means_the_first() -> None:
    """RFC 5545, 3.3.5: 01:30 in New York on that day means 01:30 EDT."""
    (one,) = first(of("FREQ=DAILY;COUNT=1", "2007-11-04T01:30:00", zone="America/New_York"), 1)
    assert one.start == datetime(2007, 11, 4, 5, 30, tzinfo=UTC)


def test_periods_come_in_the_order_of_time_where_clocks_put_the_hours_out_of_order() -> None:
    found = first(of("FREQ=DAILY;BYHOUR=2,3;BYMINUTE=15,45", "2026-03-28T02:15:00", zone="Europe/Zurich"), 12)
    assert [one.start for one in found] == sorted(one.start for one in found)


def test_a_long_period_holds_to_its_end() -> None:
    found = of("FREQ=MONTHLY;BYMONTHDAY=1", "2026-01-01T00:00:00", "P20DT5H")
    (one,) = first(found, 1, datetime(2026, 6, 21, 4, 59, 59, tzinfo=UTC))
    assert one == Span(datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 6, 21, 5, tzinfo=UTC))
    (following,) = first(found, 1, datetime(2026, 6, 21, 5, tzinfo=UTC))
    assert following.start == datetime(2026, 7, 1, tzinfo=UTC)


def test_what_is_asked_long_after_the_start_is_the_same_as_what_is_walked_to() -> None:
    found = of("FREQ=HOURLY;INTERVAL=5", "1990-01-01T00:30:00", "PT20M", "Europe/Zurich")
    since = datetime(1994, 6, 1, tzinfo=UTC)
    walked = list(
        itertools.takewhile(lambda one: one.start < since + timedelta(days=2), found.spans(found.instant(found.start)))
    )
    assert [one for one in walked if one.end > since] == list(
        itertools.takewhile(lambda one: one.start < since + timedelta(days=2), found.spans(since))
    )


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYMONTH=4;BYMONTHDAY=31",
        "FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=HOURLY;INTERVAL=48;BYHOUR=3",
        "FREQ=WEEKLY;BYDAY=MO;BYSETPOS=2",
        "FREQ=DAILY;UNTIL=20250101T000000Z",
    ],
)
def test_a_rule_that_never_matches_ends_the_search(rule: str) -> None:
    found = of(rule, "2026-01-05T09:00:00")
    assert found.first() is None
    assert list(found.spans(datetime(2026, 1, 1, tzinfo=UTC))) == []


@pytest.mark.parametrize(
    "rule",
    [
        "", "FREQ", "FREQ=", "WEEKLY", "FREQ=SECONDLY", "FREQ=MINUTELY", "FREQ=Weekly", "freq=DAILY", "INTERVAL=2",
        "FREQ=DAILY;FREQ=DAILY", "FREQ=DAILY;INTERVAL=0", "FREQ=DAILY;INTERVAL=-1", "FREQ=DAILY;INTERVAL=99999",
        "FREQ=DAILY;COUNT=0", "FREQ=DAILY;COUNT=3;UNTIL=20260101T000000Z", "FREQ=DAILY;UNTIL=20260101",
        "FREQ=DAILY;UNTIL=20260101T000000", "FREQ=DAILY;UNTIL=20260231T000000Z", "FREQ=WEEKLY;BYDAY=MON",
        "FREQ=WEEKLY;BYDAY=1MO", "FREQ=WEEKLY;BYDAY=MO,MO", "FREQ=MONTHLY;BYDAY=54MO", "FREQ=MONTHLY;BYDAY=0MO",
        "FREQ=WEEKLY;BYMONTHDAY=1", "FREQ=MONTHLY;BYWEEKNO=1", "FREQ=DAILY;BYYEARDAY=1", "FREQ=YEARLY;BYMONTH=13",
        "FREQ=YEARLY;BYMONTH=-1", "FREQ=YEARLY;BYMONTHDAY=0", "FREQ=YEARLY;BYWEEKNO=20;BYDAY=1MO",
        "FREQ=DAILY;BYHOUR=24", "FREQ=DAILY;BYMINUTE=60", "FREQ=DAILY;BYSECOND=1", "FREQ=DAILY;BYEASTER=1",
        "FREQ=MONTHLY;BYSETPOS=1", "FREQ=HOURLY;BYMINUTE=0,30", "FREQ=DAILY;BYHOUR=1,2,3,4,5;BYMINUTE=1,2,3,4,5",
        "FREQ=DAILY;X-FOO=1", "FREQ=DAILY;", "RRULE:FREQ=DAILY", "FREQ=DAILY;WKST=XX", "FREQ=DAILY\n",
        "FREQ=DAILY;COUNT=\uff11",
    ],
)  # fmt: skip
def test_a_rule_that_is_none_is_refused_with_a_reason(rule: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        recurrence_rule.parse(rule)


@pytest.mark.parametrize(
    "zone", ["Europe/Zuerich", "../../etc/passwd", "/etc/localtime", "localtime", "Europe", "", "a\0b"]
)
def test_a_zone_that_is_none_or_differs_between_machines_is_refused(zone: str) -> None:
    with pytest.raises(ValueError, match="no time zone is called"):
        of("FREQ=DAILY", "2026-01-05T09:00:00", zone=zone)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="FREQDAILYWKMONTHUB=;,-0123456789ST", max_size=60) | st.text(max_size=40))
def test_no_text_is_anything_but_a_rule_or_a_refusal(text: str) -> None:
    with contextlib.suppress(ValueError):
        recurrence_rule.parse(text)
