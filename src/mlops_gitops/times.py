"""Time as documents write it: ISO 8601 durations, and instants in UTC.

Durations are weeks, days, hours, minutes and seconds.  Years and months are refused: their length depends on the
calendar, and a gate must not.  Instants are always UTC with a ``Z``; a time without a zone is refused.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

PATTERN = r"^P(?!$)(?:(\d{1,4})W)?(?:(\d{1,5})D)?(?:T(?=\d)(?:(\d{1,6})H)?(?:(\d{1,7})M)?(?:(\d{1,9})S)?)?$"
_COMPILED = re.compile(PATTERN)


def parse_duration(text: str) -> timedelta:
    """``P30D`` → thirty days.  Raises ``ValueError`` for any other form."""
    days, exact = parse_nominal(text)
    return timedelta(days=days) + exact


def parse_nominal(text: str) -> tuple[int, timedelta]:
    """``P1DT2H`` → one day of the calendar, whatever its length, and two hours.  Raises ``ValueError``."""
    match = _COMPILED.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration such as P30D, PT12H or PT0S")
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return 7 * weeks + days, timedelta(hours=hours, minutes=minutes, seconds=seconds)


def parse_instant(text: str) -> datetime:
    """``2026-11-21T12:00:00Z`` → an aware datetime in UTC.  Raises ``ValueError`` where no zone is given."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} names no time zone; write it in UTC, such as 2026-11-21T12:00:00Z")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:  # the first or the last day that there is, in another zone
        raise ValueError(f"{text!r} is not a time in UTC") from error


def format_instant(moment: datetime) -> str:
    """An aware datetime as documents write it, to the second: ``2026-11-21T12:00:00Z``."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")[: -len("+00:00")] + "Z"


def describe(length: timedelta) -> str:
    """A length of time in words, to two units: ``3 days 4 hours``."""
    seconds = max(0, int(length.total_seconds()))
    parts = []
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}{'' if count == 1 else 's'}")
    return " ".join(parts[:2]) or "no time"
