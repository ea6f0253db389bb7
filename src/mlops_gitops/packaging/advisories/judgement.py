"""What the weaknesses of an image mean: findings at the place in the manifest that brought them.  Pure.

An accepted weakness is no finding until its day is over.  A package has one finding for each rule, with the version
that mends all of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from mlops_gitops.manifests.rules import vulnerabilities as rules
from mlops_gitops.manifests.rules.rule import Pointer, Problem, Rule
from mlops_gitops.manifests.serving import Accepted
from mlops_gitops.packaging.advisories import matching
from mlops_gitops.packaging.advisories.matching import Compared, Weakness

OLD = timedelta(days=7)
"""A database whose last record is older than this is told to be old."""
_SHOWN = 5
_WORST = ("low", "medium", None, "high", "critical")


class Source(Protocol):
    """A database as it is told of: its name, and when its last record was changed."""

    @property
    def name(self) -> str:
        """What the user calls it."""

    @property
    def newest(self) -> datetime | None:
        """When its last record was changed."""

    @property
    def broken(self) -> int:
        """How many of its files are no records."""

    @property
    def said(self) -> str:
        """Which is the first of them, and why."""


@dataclass(frozen=True, slots=True)
class Told:
    """A weakness, and the acceptance that covers it, if there is one."""

    weakness: Weakness
    accepted: Accepted | None


def told(compared: Compared, accepted: Sequence[Accepted]) -> tuple[Told, ...]:
    """Every weakness with the acceptance that lasts longest, over or not."""
    found = []
    for one in compared.found:
        fitting = [each for each in accepted if _fits(each, one)]
        found.append(Told(one, max(fitting, key=lambda each: each.until, default=None)))
    return tuple(found)


def holds(one: Accepted, now: datetime) -> bool:
    """Whether an acceptance still counts: its last day is included, in UTC."""
    last = rules.day(one.until)
    return last is not None and now.date() <= last


def problems(
    found: Sequence[Told], accepted: Sequence[Accepted], *, locked: str, below: str, now: datetime
) -> Iterator[Problem]:
    """The findings.

    ``locked`` is where the lock's packages lie in the image; what lies elsewhere came from ``below``, the key of the
    manifest that names the base or the Dockerfile.
    """
    groups: dict[tuple[Rule, str, str, Pointer], list[Told]] = {}
    for one in found:
        if one.accepted is not None and holds(one.accepted, now):
            continue
        weak = one.weakness
        rule = rules.ENDED if one.accepted is not None else rules.VULNERABLE if weak.pressing else rules.LESSER
        at = _place(one, accepted, locked=locked, below=below)
        groups.setdefault((rule, weak.name, weak.version, at), []).append(one)
    for (rule, name, version, at), ones in groups.items():
        yield rule.on(at, _message(name, version, ones), _fix(name, ones, of_lock=at == _LOCK))
    for index, each in enumerate(accepted):
        if not any(_fits(each, one.weakness) for one in found):
            at = (*rules.PLACE, "accepted", index, "advisory")
            yield rules.UNUSED.on(at, f"nothing in the image has {each.advisory}")


def shortcomings(
    compared: Compared, sources: Sequence[Source], *, lacking: Sequence[str], unread: Sequence[str], now: datetime
) -> Iterator[Problem]:
    """What was not compared, and why: ``lacking`` are ecosystems of the image that no database knows."""
    at = (*rules.PLACE,)
    for one in sources:
        if one.newest is None or now - one.newest > OLD:
            since = "with a date" if one.newest is None else f"of the last {(now - one.newest).days} days"
            yield rules.NOT_COMPARED.on(at, f"the vulnerability database {one.name} has no record {since}")
        if one.broken:
            yield rules.NOT_COMPARED.on(
                at, f"{one.broken} files of {one.name} are no records of OSV; the first is {one.said}"
            )
    for ecosystem in lacking:
        yield rules.NOT_COMPARED.on(at, f"no vulnerability database that was given knows {ecosystem}")
    for why in unread:
        yield rules.NOT_COMPARED.on(at, why)
    if compared.unclear:
        yield rules.NOT_COMPARED.on(
            at, f"{len(compared.unclear)} advisories name versions that cannot be compared: {compared.unclear[0]}"
        )


_LOCK = (*rules.PLACE, "lock")


def _place(one: Told, accepted: Sequence[Accepted], *, locked: str, below: str) -> Pointer:
    if one.accepted is not None:
        return (*rules.PLACE, "accepted", next(n for n, each in enumerate(accepted) if each is one.accepted), "until")
    of_lock = any(each.place == locked for each in one.weakness.packages)
    return _LOCK if of_lock else (*rules.PLACE, below)


def _message(name: str, version: str, ones: Sequence[Told]) -> str:
    packages = ones[0].weakness.packages
    names = sorted({one.name for one in packages} - {name})
    made = f" ({', '.join(names[:3])}{', …' if len(names) > 3 else ''})" if names else ""  # noqa: PLR2004
    shown = sorted(ones, key=lambda one: (-_rank(one.weakness), one.weakness.id))
    words = [_words(one) for one in shown[:_SHOWN]]
    more = [f"and {len(shown) - _SHOWN} more"] if len(shown) > _SHOWN else []
    return f"{name} {version}{made} in {packages[0].place} has {', '.join([*words, *more])}"


def _words(one: Told) -> str:
    weak = one.weakness
    if weak.malicious:
        return f"{weak.id} (made to do harm)"
    ended = f", accepted until {one.accepted.until}" if one.accepted is not None else ""
    return f"{weak.id} ({weak.severity or 'severity not given'}, {_mended(weak)}{ended})"


def _mended(weak: Weakness) -> str:
    return f"fixed in {weak.fixed}" if weak.fixed is not None else "not fixed yet"


def _rank(weak: Weakness) -> int:
    """Worst first; one whose severity is not given stands between high and medium."""
    return len(_WORST) if weak.malicious else _WORST.index(weak.severity)


def _fix(name: str, ones: Sequence[Told], *, of_lock: bool) -> str:
    weak = ones[0].weakness
    if any(one.weakness.malicious for one in ones):
        return f"take {name} out, and look at what it did wherever it was installed"
    fixes = [one.weakness.fixed for one in ones if one.weakness.fixed is not None]
    mended = matching.latest(fixes, weak.packages[0].ecosystem)
    or_accept = "or accept it under `serving.image.accepted` with a reason and a last day"
    if mended is None:
        return f"nothing mends it yet: take {name} out, {or_accept}"
    if of_lock:
        return f"lock {name} {mended} or newer, {or_accept}"
    return f"build on a base that has {name} {mended} or newer, {or_accept}"


def _fits(one: Accepted, weak: Weakness) -> bool:
    named = one.advisory.upper() in {name.upper() for name in weak.names}
    return named and (one.package is None or one.package in {weak.name, *(each.name for each in weak.packages)})
