"""Instants and durations as CEL reads and writes them, in UTC or at a fixed offset from it.

Names of time zones are refused: what they mean changes with the machine's database, and a decision must not.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from mlops_gitops.expressions.faults import Faulty
from mlops_gitops.expressions.values import SECOND, Duration, Timestamp, duration, timestamp

_INSTANT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:([Zz])|([-+])(\d\d):(\d\d))", re.ASCII
)
_PART = re.compile(r"(\d{1,18})(?:\.(\d{1,18}))?(h|ms|m|s|us|µs|ns)|\.(\d{1,18})(h|ms|m|s|us|µs|ns)", re.ASCII)
_OFFSET = re.compile(r"([-+]?)(\d\d):(\d\d)", re.ASCII)
_UNITS = {"h": 3600 * SECOND, "m": 60 * SECOND, "s": SECOND, "ms": 10**6, "us": 10**3, "µs": 10**3, "ns": 1}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_timestamp(text: str) -> Timestamp:
    """RFC 3339 with an offset.  Raises ``Faulty``."""
    found = _INSTANT.fullmatch(text)
    if found is None:
        raise Faulty(f"{text[:40]!r} is not a time such as '2026-11-21T12:00:00Z'")
    try:
        year, month, day, hour, minute, second = (int(found[one]) for one in range(1, 7))
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError as error:
        raise Faulty(f"{text[:40]!r} is not a time that exists") from error
    minutes = 0 if found[8] else int(found[10]) * 60 + int(found[11])
    if minutes >= 24 * 60 or (found[11] and int(found[11]) > 59):  # noqa: PLR2004 - a day, an hour
        raise Faulty(f"{text[:40]!r} is not a time that exists")
    ahead = -minutes if found[9] == "-" else minutes
    fraction = int((found[7] or "").ljust(9, "0"))
    return timestamp((_seconds(moment) - ahead * 60) * SECOND + fraction)


def _seconds(moment: datetime) -> int:
    past = moment - _EPOCH
    return past.days * 86400 + past.seconds


def of_datetime(moment: datetime) -> Timestamp:
    """An aware datetime."""
    return timestamp(_seconds(moment) * SECOND + moment.astimezone(UTC).microsecond * 1000)


def format_timestamp(moment: Timestamp) -> str:
    """RFC 3339 in UTC, with as many digits as it takes."""
    seconds, rest = divmod(moment.nanoseconds, SECOND)
    return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + f"{_fraction(rest)}Z"


def parse_duration(text: str) -> Duration:
    """``1h30m``, ``-1.5s``: hours, minutes, seconds and smaller.  Raises ``Faulty``."""
    body = text[1:] if text[:1] in {"-", "+"} else text
    total, place = 0, 0
    while (found := _PART.match(body, place)) is not None:
        whole, fraction = int(found[1] or 0), found[2] or found[4] or ""
        unit = _UNITS[found[3] or found[5]]
        total += whole * unit + int(fraction or 0) * unit // 10 ** len(fraction)
        place = found.end()
    if body == "0":
        return Duration(0)
    if not body or place < len(body):
        raise Faulty(f"{text[:40]!r} is not a duration such as '36h' or '1h30m'; days are not a unit")
    return duration(-total if text[0] == "-" else total)


def format_duration(length: Duration) -> str:
    """Seconds, as protocol buffers write them: ``5400s``."""
    seconds, rest = divmod(abs(length.nanoseconds), SECOND)
    return f"{'-' if length.nanoseconds < 0 else ''}{seconds}{_fraction(rest)}s"


def _fraction(nanoseconds: int) -> str:
    return f".{nanoseconds:09d}".rstrip("0").rstrip(".")


def _local(moment: Timestamp, zone: str) -> datetime:
    shift = 0
    if zone not in {"UTC", "Z", ""}:
        found = _OFFSET.fullmatch(zone)
        if found is None:
            raise Faulty(
                f"{zone[:40]!r} is not an offset such as '+02:00'; names of time zones are not understood here"
            )
        shift = (int(found[2]) * 60 + int(found[3])) * (-60 if found[1] == "-" else 60)
    try:
        return _EPOCH + timedelta(seconds=moment.nanoseconds // SECOND + shift)
    except OverflowError as error:
        raise Faulty("the result is not a time between the years 1 and 9999") from error


_OF_MOMENT: dict[str, Callable[[datetime], int]] = {
    "getFullYear": lambda one: one.year,
    "getMonth": lambda one: one.month - 1,
    "getDate": lambda one: one.day,
    "getDayOfMonth": lambda one: one.day - 1,
    "getDayOfWeek": lambda one: (one.weekday() + 1) % 7,
    "getDayOfYear": lambda one: one.timetuple().tm_yday - 1,
    "getHours": lambda one: one.hour,
    "getMinutes": lambda one: one.minute,
    "getSeconds": lambda one: one.second,
}
_OF_LENGTH = {"getHours": 3600 * SECOND, "getMinutes": 60 * SECOND, "getSeconds": SECOND, "getMilliseconds": 10**6}
GETTERS = frozenset({*_OF_MOMENT, *_OF_LENGTH})


def part(name: str, value: Timestamp | Duration, zone: str = "") -> int:
    """A part of an instant, or the whole hours, minutes and so on of a duration.  Raises ``Faulty``."""
    if isinstance(value, Timestamp):
        if name == "getMilliseconds":
            return value.nanoseconds % SECOND // 10**6
        return _OF_MOMENT[name](_local(value, zone))
    unit = _OF_LENGTH.get(name)
    if unit is None:
        raise Faulty(f"a duration has no {name}")
    if name == "getMilliseconds":
        return int(value.nanoseconds / abs(value.nanoseconds or 1)) * (abs(value.nanoseconds) % SECOND // unit)
    return -(-value.nanoseconds // unit) if value.nanoseconds < 0 else value.nanoseconds // unit
