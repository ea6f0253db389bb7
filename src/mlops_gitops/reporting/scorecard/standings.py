"""Candidates on open pull requests, compared with one another: by signed evidence, and only where that can be done.

A candidate is a release that was made from the head of an open pull request.  Its value is that of its primary metric
in evidence of kind ``model-tests`` that counts now.  Two candidates are compared only where they were measured on the
same rows, which is to say on a file of the same digest.  The best of many looks better than it is, so each interval is
widened until all of them hold at once (Bonferroni 1936, at 95 %), and a leader is named only where its interval lies
apart from every other.  That is careful: two models on the same rows could be told apart with fewer, by a paired
comparison, for which evidence holds too little.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from statistics import NormalDist
from typing import Any

from mlops_gitops.evidence.admission import Evidence, may_sign
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.manifests.release import Release
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.reporting.scorecard.records import Better, Interval, better

_DIGEST = re.compile(r"[0-9a-f]{64}")
_TOGETHER = 0.05
_ALONE = NormalDist().inv_cdf(0.95)
"""The interval in evidence is a 90 % one, with 5 % beyond each end."""


@dataclass(frozen=True, slots=True)
class Entrant:
    """One candidate.  ``wide`` holds together with those of all others in its group, at 95 %."""

    pull_request: int
    commit: str
    release: str
    version: str
    verdict: Verdict
    value: float
    interval: Interval
    wide: Interval
    change: float | None = None
    change_interval: Interval | None = None
    champion: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Those measured on the same rows by the same metric, the best first; ``leader`` is a pull request."""

    metric: str
    better: Better
    data: str
    entrants: tuple[Entrant, ...]
    leader: int | None


@dataclass(frozen=True, slots=True)
class Absent:
    """An open pull request that is on no board, and why."""

    pull_request: int
    reason: str


@dataclass(frozen=True, slots=True)
class Standings:
    """The board of one model."""

    model: str
    groups: tuple[Group, ...]
    absent: tuple[Absent, ...]


class _Unplaced(Exception):
    """Why a candidate is on no board."""


def standings(snapshot: Snapshot, model: str, heads: Mapping[int, str], *, now: datetime) -> Standings:
    """The board of ``model``; ``heads`` is every open pull request with its head commit.

    Pull requests from whose head no release of this model was made are named where others are on the board.
    Raises ``Refused`` where the environment repository does not hold together.
    """
    made: dict[str, list[Release]] = defaultdict(list)
    for one in snapshot.release_ids(model):
        release = snapshot.release(model, one)
        made[release.source.revision].append(release)
    groups: dict[tuple[str, Better, str], list[Entrant]] = defaultdict(list)
    absent: list[Absent] = []
    for number, head in sorted(heads.items()):
        try:
            key, entrant = _entrant(snapshot, number, head, made.get(head, []), now)
            groups[key].append(entrant)
        except _Unplaced as reason:
            absent.append(Absent(number, str(reason)))
    ranked = [_group(*key, entrants) for key, entrants in groups.items()]
    return Standings(model, tuple(sorted(ranked, key=lambda one: (-len(one.entrants), one.data))), tuple(absent))


def _entrant(
    snapshot: Snapshot, number: int, head: str, made: list[Release], now: datetime
) -> tuple[tuple[str, Better, str], Entrant]:
    replaced = {one.supersedes for one in made}
    newest = sorted((one for one in made if one.id not in replaced), key=lambda one: one.id)
    if not newest:
        raise _Unplaced("no release was made from its head, so nothing about it is signed")
    release = newest[-1]
    metric = next((one for one in release.metrics if one.primary), release.metrics[0])
    way = better(metric.name)
    if way is None:
        raise _Unplaced(f"nobody knows which way {metric.name} is better")
    evidence = snapshot.dossier(release.name, release.id).evidence
    tested = _standing(evidence, "model-tests", now)
    if len({_told(one, "model.metric", metric.name) for one in tested}) != 1:
        raise _Unplaced("its evidence of model tests disagrees" if tested else "no evidence of its model tests counts")
    value, interval = _told(tested[0], "model.metric", metric.name) or (None, None)
    rows = _materials(tested[0]).get(f"data/{metric.dataset}")
    if value is None or interval is None or rows is None:
        raise _Unplaced(f"its evidence does not say what {metric.name} is, or on which rows")
    compared = [(one.claim.champion, _told(one, "comparison.metric", metric.name))
                for one in _standing(evidence, "comparison", now)]  # fmt: skip
    champion, (change, between) = (
        (compared[0][0], compared[0][1] or (None, None)) if len(compared) == 1 else (None, (None, None))
    )
    return (metric.name, way, rows), Entrant(
        number, head, release.id, release.version, tested[0].claim.verdict, value, interval, interval, change, between,
        champion,
    )  # fmt: skip


def _standing(evidence: Iterable[Evidence], kind: str, now: datetime) -> list[Evidence]:
    """Pieces of one kind by signers who may, that have not expired and that none of these supersedes."""
    heard = [
        one
        for one in evidence
        if one.claim.kind == kind
        and may_sign(one.signer, kind, one.claim.environment)
        and (one.claim.expires_at is None or now < one.claim.expires_at)
    ]
    replaced = {digest for one in heard for digest in one.claim.supersedes}
    return [one for one in heard if one.digest not in replaced]


def _told(one: Evidence, id_: str, subject: str) -> tuple[float, Interval] | None:
    """What one check measured, with its interval; ``None`` where it is not there exactly once."""
    checks: Any = one.claim.details.get("checks")
    found = [
        check for check in (checks if isinstance(checks, list) else [])
        if isinstance(check, dict) and check.get("id") == id_ and check.get("subject") == subject
    ]  # fmt: skip
    if len(found) != 1 or not isinstance(found[0].get("interval"), list) or len(found[0]["interval"]) != 2:  # noqa: PLR2004
        return None
    numbers = [found[0].get("observed"), *found[0]["interval"]]
    if any(isinstance(number, bool) or not isinstance(number, int | float) for number in numbers):
        return None
    value, lower, upper = map(float, numbers)
    return (value, (lower, upper)) if all(map(math.isfinite, (value, lower, upper))) else None


def _materials(one: Evidence) -> Mapping[str, str]:
    materials: Any = one.claim.details.get("materials")
    return {
        str(each.get("name")): each["digest"]["sha256"]
        for each in (materials if isinstance(materials, list) else [])
        if isinstance(each, dict)
        and isinstance(each.get("digest"), dict)
        and _DIGEST.fullmatch(str(each["digest"].get("sha256")))
    }


def _group(metric: str, better: Better, data: str, entrants: list[Entrant]) -> Group:
    """The entrants in order, their intervals widened for being looked at together."""
    factor = NormalDist().inv_cdf(1 - _TOGETHER / (2 * len(entrants))) / _ALONE
    wide = [_widened(one, factor) for one in entrants]
    sign = -1 if better == "higher" else 1
    wide.sort(key=lambda one: (sign * one.value, one.pull_request))
    return Group(metric, better, data, tuple(wide), _leader(wide, better))


def _widened(one: Entrant, factor: float) -> Entrant:
    low = one.value - factor * max(0.0, one.value - one.interval[0])
    high = one.value + factor * max(0.0, one.interval[1] - one.value)
    return Entrant(
        one.pull_request, one.commit, one.release, one.version, one.verdict, one.value, one.interval, (low, high),
        one.change, one.change_interval, one.champion,
    )  # fmt: skip


def _leader(entrants: list[Entrant], better: Better) -> int | None:
    if len(entrants) < 2:  # noqa: PLR2004 - alone, nobody leads
        return None
    first, rest = entrants[0], entrants[1:]
    if better == "higher":
        apart = first.wide[0] > max(one.wide[1] for one in rest)
    else:
        apart = first.wide[1] < min(one.wide[0] for one in rest)
    return first.pull_request if apart else None
