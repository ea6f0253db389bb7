"""The text of an RFC 5545 recurrence rule, taken apart strictly.

Every part is checked against the tables of RFC 5545 section 3.3.10 before anything expands it, so that a word that is
misspelt is an error and never a part that is left out.  Refused are what cannot be a change window or would cost too
much to expand: frequencies below an hour, seconds, and more than ``MOST_TIMES`` starts a day.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from mlops_gitops.records import record

FREQUENCIES = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY")
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
MOST_TIMES = 24
"""How many starts a day a rule may name."""

Day = tuple[str, int | None]
"""A weekday, and which one of the month or year: ``("TH", 3)`` is the third Thursday."""

_DAY = re.compile(r"([+-]?[0-9]{1,2})?(MO|TU|WE|TH|FR|SA|SU)")
_UNTIL = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_NUMBERS = {
    "BYMONTH": (1, 12, False),
    "BYWEEKNO": (1, 53, True),
    "BYYEARDAY": (1, 366, True),
    "BYMONTHDAY": (1, 31, True),
    "BYHOUR": (0, 23, False),
    "BYMINUTE": (0, 59, False),
    "BYSETPOS": (1, 366, True),
}
"""The parts that are lists of numbers: least, most, and whether they may count from the end."""
_ONLY_WITH = {
    "BYWEEKNO": ("YEARLY",),
    "BYYEARDAY": ("YEARLY", "HOURLY"),
    "BYMONTHDAY": ("YEARLY", "MONTHLY", "DAILY", "HOURLY"),
}
_LIMIT = 9999


@record
class Rule:
    """A recurrence rule.  ``numbers`` holds the parts that are lists of numbers, by their RFC names."""

    frequency: str
    interval: int
    count: int | None
    until: datetime | None
    days: tuple[Day, ...]
    numbers: tuple[tuple[str, tuple[int, ...]], ...]
    week_start: str | None

    def of(self, part: str) -> tuple[int, ...]:
        """The numbers of one part; empty where the rule does not have it."""
        return dict(self.numbers).get(part, ())


def parse(text: str) -> Rule:
    """``FREQ=WEEKLY;BYDAY=MO,TU`` → a rule.  Raises ``ValueError`` with what is wrong."""
    parts: dict[str, str] = {}
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        if not equals or not value:
            raise ValueError(f"{part!r} is not a part such as FREQ=WEEKLY")
        if name not in _PARTS:
            raise ValueError(f"{name!r} is not a part of a recurrence rule; there are {', '.join(_PARTS)}")
        if name in parts:
            raise ValueError(f"{name} is there twice")
        parts[name] = value
    if "FREQ" not in parts:
        raise ValueError("it says no FREQ")
    read = {name: _PARTS[name](name, value) for name, value in parts.items()}
    rule = Rule(
        frequency=parts["FREQ"],
        interval=read.get("INTERVAL", 1),
        count=read.get("COUNT"),
        until=read.get("UNTIL"),
        days=read.get("BYDAY", ()),
        numbers=tuple((name, read[name]) for name in _NUMBERS if name in read),
        week_start=read.get("WKST"),
    )
    _refuse_what_does_not_go_together(rule, parts)
    return rule


def _refuse_what_does_not_go_together(rule: Rule, parts: Mapping[str, str]) -> None:
    if rule.count is not None and rule.until is not None:
        raise ValueError("COUNT and UNTIL may not stand together")
    for name, allowed in _ONLY_WITH.items():
        if name in parts and rule.frequency not in allowed:
            raise ValueError(f"{name} does not go with FREQ={rule.frequency}")
    if any(place is not None for _, place in rule.days):
        if rule.frequency not in {"MONTHLY", "YEARLY"}:
            raise ValueError(f"a weekday with a number does not go with FREQ={rule.frequency}")
        if "BYWEEKNO" in parts:
            raise ValueError("a weekday with a number does not go with BYWEEKNO")
    if "BYSETPOS" in parts and not any(name.startswith("BY") and name != "BYSETPOS" for name in parts):
        raise ValueError("BYSETPOS needs another BY part to choose from")
    if rule.frequency == "HOURLY" and len(rule.of("BYMINUTE")) > 1:
        raise ValueError("it begins more than once an hour")
    if len(rule.of("BYHOUR") or (0,)) * len(rule.of("BYMINUTE") or (0,)) > MOST_TIMES:
        raise ValueError(f"it begins more than {MOST_TIMES} times a day")


def _frequency(_: str, value: str) -> str:
    if value not in FREQUENCIES:
        raise ValueError(f"FREQ is one of {', '.join(FREQUENCIES)}, not {value}")
    return value


def _whole(name: str, value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", value) or not 1 <= int(value) <= _LIMIT:
        raise ValueError(f"{name} is a whole number from 1 to {_LIMIT}, not {value}")
    return int(value)


def _until(_: str, value: str) -> datetime:
    if not _UNTIL.fullmatch(value):
        raise ValueError(f"UNTIL is a time in UTC such as 20261231T230000Z, not {value}")
    return datetime.strptime(value, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def _days(name: str, value: str) -> tuple[Day, ...]:
    found: list[Day] = []
    for one in value.split(","):
        match = _DAY.fullmatch(one)
        place = int(match[1]) if match and match[1] else None
        if match is None or (place is not None and not 1 <= abs(place) <= 53):  # noqa: PLR2004 - weeks of a year
            raise ValueError(f"{name} is a list of days such as MO or -1FR, not {one}")
        found.append((match[2], place))
    return _distinct(name, found)


def _numbers(name: str, value: str) -> tuple[int, ...]:
    least, most, from_end = _NUMBERS[name]
    found: list[int] = []
    for one in value.split(","):
        if not re.fullmatch(r"[+-]?[0-9]{1,3}", one) or not least <= abs(int(one)) <= most:
            raise ValueError(f"{name} is a list of numbers from {least} to {most}, not {one}")
        if one.startswith("-") and not from_end:
            raise ValueError(f"{name} does not count from the end: {one}")
        found.append(int(one))
    return _distinct(name, found)


def _weekday(name: str, value: str) -> str:
    if value not in WEEKDAYS:
        raise ValueError(f"{name} is a day such as MO, not {value}")
    return value


def _distinct(name: str, found: list[Any]) -> tuple[Any, ...]:
    if len(set(found)) != len(found):
        raise ValueError(f"{name} names something twice")
    return tuple(found)


_PARTS: dict[str, Callable[[str, str], Any]] = {
    "FREQ": _frequency,
    "INTERVAL": _whole,
    "COUNT": _whole,
    "UNTIL": _until,
    "BYDAY": _days,
    **dict.fromkeys(_NUMBERS, _numbers),
    "WKST": _weekday,
}
