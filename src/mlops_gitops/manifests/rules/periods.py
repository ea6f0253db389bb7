"""MG82x: do change windows and recurring freezes mean what they seem to mean."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from mlops_gitops.manifests.rules.rule import ERROR, WARNING, Pointer, Problem, Rule
from mlops_gitops.manifests.rules.subject import Subject, entries, mapping, repeated, text

if TYPE_CHECKING:
    from mlops_gitops.manifests.environment import Freeze, RecurringFreeze
    from mlops_gitops.manifests.recurrence import Recurrence, Span

_LOOKED_AT = 60
"""How many openings of a window are looked at: two months of days, more than a year of weeks."""


def _window(rule: str, *, zone: str = "Europe/Zurich", start: str = "2026-01-05T09:00:00", lasts: str = "PT8H") -> str:
    return (
        f'spec:\n  windows:\n    - {{name: office hours, recurrence: "{rule}", start: "{start}", duration: {lasts}, '
        f"timeZone: {zone}}}\n"
    )


_WEEKLY = "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH"
_GOOD = _window(_WEEKLY)
_FREEZE = (
    '{{recurrence: "{rule}", start: "2026-01-05T00:00:00", duration: P1D, timeZone: Europe/Zurich, reason: Sales}}'
)

RECURRENCE = Rule(
    "MG821",
    "recurrence",
    ERROR,
    "The recurrence is not a rule of RFC 5545 that can be used here.",
    "write it such as FREQ=WEEKLY;BYDAY=MO,TU",
    "A policy with a rule that cannot be read stops every promotion into its environment. Rules that begin more often "
    "than once an hour are refused, because nobody means them.",
    _window("WEEKLY;BYDAY=MO"),
    _GOOD,
    "Environment",
)
TIME_ZONE = Rule(
    "MG822",
    "unknown-time-zone",
    ERROR,
    "There is no such time zone.",
    "write its IANA name, such as Europe/Zurich",
    "The wall clock of the zone says when the period begins, also when clocks change.",
    _window(_WEEKLY, zone="Europe/Zuerich"),
    _GOOD,
    "Environment",
)
NEVER = Rule(
    "MG823",
    "period-never-begins",
    ERROR,
    "The rule matches no day.",
    "correct the rule",
    "A window that never opens lets nothing in, ever; a freeze that never begins stops nothing.",
    _window("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"),
    _window("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=28", start="2026-02-28T09:00:00"),
    "Environment",
)
FROZEN = Rule(
    "MG824",
    "window-always-frozen",
    ERROR,
    "Whenever the window opens, a freeze is in force.",
    "move the window or the freeze",
    "Nothing is ever promoted in such a window.",
    _window(_WEEKLY) + f"  freezes:\n    - {_FREEZE.format(rule='FREQ=DAILY')}\n",
    _window(_WEEKLY) + f"  freezes:\n    - {_FREEZE.format(rule='FREQ=WEEKLY;BYDAY=MO')}\n",
    "Environment",
)
BOTH_FORMS = Rule(
    "MG825",
    "freeze-in-two-forms",
    ERROR,
    "A freeze has dates and a recurrence.",
    "write two freezes, or remove one form",
    "It would be unclear which counts, so the policy cannot be used.",
    "spec:\n  freezes:\n    - "
    + _FREEZE.format(rule="FREQ=DAILY").replace("reason:", 'from: "2026-12-20T00:00:00Z", reason:')
    + "\n",
    f"spec:\n  freezes:\n    - {_FREEZE.format(rule='FREQ=DAILY')}\n",
    "Environment",
)
START = Rule(
    "MG826",
    "start-not-in-recurrence",
    WARNING,
    "The rule does not begin at its start.",
    "write a start that the rule names",
    "RFC 5545 leaves open what a start outside its own rule means. Here it is no beginning; calendars differ.",
    _window(_WEEKLY, start="2026-01-04T09:00:00"),
    _GOOD,
    "Environment",
)
NO_TIME = Rule(
    "MG827",
    "period-of-no-time",
    ERROR,
    "The period lasts no time.",
    "write how long it lasts, such as PT8H",
    "It would end when it begins.",
    _window(_WEEKLY, lasts="PT0S"),
    _GOOD,
    "Environment",
)
REPEATED_WINDOW = Rule(
    "MG828",
    "repeated-window",
    ERROR,
    "Two windows have the same name.",
    "give each a name of its own",
    "Decisions name the window that was open.",
    _GOOD + _GOOD.splitlines()[-1] + "\n",
    _GOOD,
    "Environment",
)

RULES = (RECURRENCE, TIME_ZONE, NEVER, FROZEN, BOTH_FORMS, START, NO_TIME, REPEATED_WINDOW)
_FIELDS = ("recurrence", "start", "duration", "timeZone")
_FIXED = ("from", "until")


def check(subject: Subject) -> Iterator[Problem]:
    """The family's problems in one environment's policy."""
    spec = mapping(subject.value, "spec")
    windows, freezes = list(entries(spec, "windows")), list(entries(spec, "freezes"))
    if not windows and not any("recurrence" in one for _, one in freezes):
        return
    for index, name in repeated([(index, text(one, "name")) for index, one in windows]):
        yield REPEATED_WINDOW.on(("spec", "windows", index, "name"), f"there is already a window {name!r}")
    opened: list[tuple[int, Recurrence]] = []
    for index, one in windows:
        read = yield from _read(one, ("spec", "windows", index))
        opened += [(index, read)] if read else []
    frozen: list[Freeze | RecurringFreeze] = []
    for index, one in freezes:
        frozen += yield from _freeze(one, ("spec", "freezes", index))
    for index, window in opened:
        if frozen and _always(window, frozen):
            yield FROZEN.on(("spec", "windows", index), "a freeze is in force whenever this window opens")


def _freeze(one: dict[str, Any], at: Pointer) -> Generator[Problem, None, list[Freeze | RecurringFreeze]]:
    from mlops_gitops.manifests.environment import Freeze, RecurringFreeze
    from mlops_gitops.times import parse_instant

    both = [key for key in _FIXED if key in one]
    if "recurrence" in one:
        if both:
            yield BOTH_FORMS.on((*at, both[0]), f"`{both[0]}` stands beside `recurrence`")
            return []
        read = yield from _read(one, at)
        return [RecurringFreeze(read, "")] if read else []
    try:
        return [Freeze(parse_instant(text(one, "from") or ""), parse_instant(text(one, "until") or ""), "")]
    except ValueError:
        return []


def _read(one: dict[str, Any], at: Pointer) -> Generator[Problem, None, Recurrence | None]:
    """The recurrence of a window or a freeze; ``None`` after a problem that leaves none."""
    from mlops_gitops.manifests import recurrence_rule
    from mlops_gitops.manifests.recurrence import Recurrence, named
    from mlops_gitops.times import parse_nominal

    rule, zone, lasts = text(one, "recurrence"), text(one, "timeZone"), text(one, "duration")
    asked = (
        (RECURRENCE, "recurrence", rule, recurrence_rule.parse),
        (TIME_ZONE, "timeZone", zone, named),
        (NO_TIME, "duration", lasts, _some_time),
    )
    whole = True
    for broken, key, value, ask in asked:
        try:
            if value is not None:
                ask(value)
        except ValueError as error:
            whole = False
            yield broken.on((*at, key), str(error))
    if not whole or any(text(one, key) is None for key in _FIELDS):
        return None
    try:
        parse_nominal(lasts or "")
        read = Recurrence.from_value(one)
    except ValueError:  # of another shape than the schema wants, which has said so
        return None
    first = read.first()
    if first is None:
        yield NEVER.on((*at, "recurrence"), f"{rule} never matches")
        return None
    if first.start != read.instant(read.start):
        yield START.on((*at, "start"), f"{rule} does not begin at {text(one, 'start')}")
    return read


def _some_time(duration: str) -> None:
    if not any(digit in duration for digit in "123456789"):
        raise ValueError(f"{duration} is no time at all")


def _always(window: Recurrence, freezes: Sequence[Freeze | RecurringFreeze]) -> bool:
    """Whether every opening that is looked at lies inside freezes."""
    spans = islice(window.spans(window.instant(window.start)), _LOOKED_AT)
    return all(_covered(span, freezes) for span in spans)


def _covered(span: Span, freezes: Sequence[Freeze | RecurringFreeze]) -> bool:
    moment = span.start
    while moment < span.end:
        ends = [end for one in freezes if (end := one.ends(moment)) is not None]
        if not ends:
            return False
        moment = max(ends)
    return True
