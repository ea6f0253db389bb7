"""When an environment is open: its change windows and its freezes, asked at one moment.

Pure: the moment is an argument, and so is every time that is asked for.  A decision asks when it is made and again at
every write, so a window that closes between the two is closed.  The answers are bounded: who asks when a window that is
always open closes is told that it does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice

from mlops_gitops import times
from mlops_gitops.evidence.gates import Answer, Judgement
from mlops_gitops.manifests.environment import Environment, RecurringFreeze, Window
from mlops_gitops.records import record

_LOOKED_AT = 400
"""How many periods are looked at for an end: a year of days, one after the other, has none worth telling."""


@record
class Opening:
    """A window, and a moment at which it opens or closes."""

    window: Window
    at: datetime

    @property
    def words(self) -> str:
        """The moment as people in the window's own zone read it."""
        return shown(self.at, self.window.recurrence.zone)


def open_at(windows: Sequence[Window], now: datetime) -> Window | None:
    """A window that is open at ``now``."""
    for window in windows:
        span = next(window.recurrence.spans(now), None)
        if span is not None and span.holds(now):
            return window
    return None


def closes_at(windows: Sequence[Window], now: datetime) -> Opening | None:
    """When the last of the windows that follow each other without a gap closes; ``None`` where none is open or ends."""
    found: Opening | None = None
    for _ in range(_LOOKED_AT):
        since = found.at if found else now
        ends = [
            Opening(window, span.end)
            for window in windows
            for span in islice(window.recurrence.spans(since), 1)
            if span.holds(since)
        ]
        if not ends:
            return found
        found = max(ends, key=lambda one: one.at)
    return None


def next_opening(windows: Sequence[Window], now: datetime) -> Opening | None:
    """The next moment after ``now`` at which a window opens; ``None`` where none ever does again."""
    found = [
        Opening(window, span.start)
        for window in windows
        for span in islice((one for one in window.recurrence.spans(now) if one.start > now), 1)
    ]
    return min(found, key=lambda one: one.at, default=None)


def judgements(environment: Environment, *, now: datetime) -> Iterator[Judgement]:
    """What the windows and freezes of a policy say at ``now``; nothing where it has none."""
    name = environment.name
    if environment.windows:
        opened = open_at(environment.windows, now)
        if opened is not None:
            yield Judgement("window", Answer.PASS, f"the change window {opened.name!r} of {name} is open")
        else:
            following = next_opening(environment.windows, now)
            opens = f"it opens {following.words}" if following else "it never opens again"
            yield Judgement("window", Answer.PENDING, f"the change window of {name} is closed; {opens}")
    for freeze in environment.freezes:
        until = freeze.ends(now)
        if until is not None:
            zone = freeze.recurrence.zone if isinstance(freeze, RecurringFreeze) else None
            end = shown(until, zone) if zone else times.format_instant(until)
            yield Judgement("freeze", Answer.PENDING, f"{name} is frozen until {end}: {freeze.reason}")


def shown(moment: datetime, zone: str) -> str:
    """``Thu 2026-11-26 09:00 Europe/Zurich``: English day names, whatever the language of the machine."""
    from zoneinfo import ZoneInfo

    local = moment.astimezone(ZoneInfo(zone))
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[local.weekday()]
    return f"{day} {local:%Y-%m-%d %H:%M} {zone}"
