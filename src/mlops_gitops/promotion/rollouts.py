"""How far a release has come over the targets of an environment, and what its next step is.

Pure, and made from the receipts alone, so that any runner at any time goes on where the last one stopped:

* a step moves targets of one wave, in one commit with one receipt; a wave begins when all before it have settled;
* at most ``maxUnavailable`` targets are moved and not settled;
* the environment's own pointer moves with the step that leaves no target behind, so what comes after the environment
  goes by the finished rollout;
* evidence that fails stops it; so does whatever stops a promotion, between any two steps;
* another release takes over at wave 1: what half of a rollout has shown of one release says nothing about the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

from mlops_gitops import times
from mlops_gitops.evidence.gates import Answer, Judgement
from mlops_gitops.manifests.environment import Environment
from mlops_gitops.manifests.rollout import Rollout
from mlops_gitops.manifests.trust import Trust
from mlops_gitops.promotion.observations import observed
from mlops_gitops.promotion.receipts import PROMOTE, PULL_REQUEST, Filed
from mlops_gitops.promotion.slots import Slot
from mlops_gitops.promotion.snapshot import Dossier
from mlops_gitops.promotion.targets import Place

GATE = "rollout"


@dataclass(frozen=True, slots=True)
class Step:
    """What moves now: these targets, and the environment's own pointer where ``whole``; with the reasons."""

    targets: tuple[str, ...]
    whole: bool
    judgements: tuple[Judgement, ...]


def wanted(slot: Slot) -> tuple[Place, ...]:
    """The targets that the policy names."""
    return tuple(one for one in slot.targets if one.wave is not None)


def complete(slot: Slot, release: str) -> bool:
    """Whether the environment and every target that its policy names run ``release``."""
    return slot.current == release and all(one.release == release for one in wanted(slot))


def began(slot: Slot, release: str) -> datetime | None:
    """When the release that moved last began to come, by the first of the receipts at the end of the chain.

    ``None`` where another release, or the way back, was last.
    """
    coming = _coming(slot, release)
    return coming[-1].since if coming else None


def let_in(slot: Slot, release: str) -> Filed | None:
    """The receipt by pull request under which a rollout that is on goes on: the last that it came by.

    ``None`` where it is not on, never came by one, or that one has no seal.
    """
    coming = _coming(slot, release) if slot.in_flight == release else []
    last = next((one for one in coming if one.receipt.mode == PULL_REQUEST), None)
    return last if last is not None and last.stands else None


def _coming(slot: Slot, release: str) -> list[Filed]:
    """The receipts at the end of the chain that moved a release forward, the last one first."""
    return list(
        takewhile(lambda one: (one.receipt.release, one.receipt.action) == (release, PROMOTE), reversed(slot.receipts))
    )


def back(slot: Slot, release: str) -> tuple[str, ...]:
    """The targets that a rollback to ``release`` moves, all at once: who goes back is in a hurry."""
    return tuple(one.name for one in wanted(slot) if one.release not in {None, release})


def step(slot: Slot, dossier: Dossier, trust: Trust, *, now: datetime) -> Step:
    """The next step of a release that is not there yet.  It may be taken if its judgements pass."""
    release, rollout = dossier.release.id, slot.environment.rollout
    if rollout is None:
        return Step((), whole=True, judgements=())
    look = _Look(slot, rollout, dossier, trust, now)
    left = [one for one in wanted(slot) if one.release != release or (one.filed and not one.filed.stands)]
    targets = look.next_of(left)
    arrived = slot.current == release and slot.arrival is not None and slot.arrival.stands
    whole = not arrived and len(targets) == len(left)
    return Step(targets, whole, (*look.failures(), look.progress(left, targets)))


@dataclass(frozen=True, slots=True)
class _Look:
    """One slot with a rollout, one release, one moment."""

    slot: Slot
    rollout: Rollout
    dossier: Dossier
    trust: Trust
    now: datetime

    @property
    def environment(self) -> Environment:
        return self.slot.environment

    def next_of(self, left: Sequence[Place]) -> tuple[str, ...]:
        """The targets of the first wave with something left that may move now."""
        wave = min((one.wave or 0 for one in left), default=0)
        places = wanted(self.slot)
        if any((one.wave or 0) < wave and self.unsettled(one) for one in places):
            return ()
        away = {one.name for one in places if self.unsettled(one)}
        room = self.rollout.max_unavailable - len(away)
        found = []
        for one in left:
            if one.wave == wave and (one.name in away or room > 0):
                found.append(one.name)
                room -= one.name not in away  # one that is unavailable already costs nothing more
        return tuple(found)

    def unsettled(self, place: Place) -> str | None:
        """Why a target has not settled, or ``None``.

        Evidence is asked for of the release that is being rolled out only: what a release left behind must not keep
        the one that mends it from coming.
        """
        if place.filed is None:
            return None
        receipt, since = place.filed.receipt, place.filed.since  # a pull request may have waited for days
        remaining = since + self.rollout.settle - self.now
        if remaining > timedelta():
            return f"{place.name} settles in {times.describe(remaining)}"
        arrived = self.slot.current == self.dossier.release.id
        if place.release == self.dossier.release.id and receipt.action == PROMOTE and not arrived:
            for kind in self.rollout.evidence:
                judged = self.observed(kind, since)
                if judged.answer is not Answer.PASS:
                    return f"{place.name} settles with {kind} evidence made after {times.format_instant(since)}"
        return None

    def observed(self, kind: str, since: datetime) -> Judgement:
        return observed(
            kind, dossier=self.dossier, environment=self.environment, trust=self.trust, since=since, now=self.now
        )

    def failures(self) -> Iterator[Judgement]:
        """Evidence that fails since the release began to come."""
        since = began(self.slot, self.dossier.release.id)
        if since is None:
            return
        automatic = self.environment.automatic_rollback
        for kind in dict.fromkeys((*self.rollout.evidence, *(automatic.evidence if automatic else ()))):
            judged = self.observed(kind, since)
            if judged.answer is Answer.FAIL:
                yield Judgement(GATE, Answer.FAIL, f"{kind} stopped the rollout: {judged.reason}", judged.evidence)

    def progress(self, left: Sequence[Place], targets: Sequence[str]) -> Judgement:
        """How far it is, and what comes next or what it waits for."""
        places = wanted(self.slot)
        so_far = f"{len(places) - len(left)} of {len(places)} targets"
        if not left:
            return Judgement(GATE, Answer.PASS, f"{so_far} run it; the environment follows")
        if targets:
            wave = min(one.wave or 0 for one in left)
            last = max(one.wave or 0 for one in places)
            words = f"wave {wave} of {last}: {', '.join(targets)}; {so_far} run it{self.superseded()}"
            return Judgement(GATE, Answer.PASS, words)
        waits = [why for one in places if (why := self.unsettled(one)) is not None]
        return Judgement(GATE, Answer.PENDING, f"{so_far} run it; {'; '.join(waits)}")

    def superseded(self) -> str:
        """What a release takes over from, in words."""
        other = self.slot.in_flight
        if other in {None, self.dossier.release.id}:
            return ""
        return f"; it supersedes the rollout of {(other or '')[:12]} and starts again"
