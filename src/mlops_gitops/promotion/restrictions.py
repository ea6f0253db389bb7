"""What comes before the gates: who forbade it, what must wait, and where the release must have run.

Pure functions of a situation and of the time; ``plan`` puts their judgements together.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mlops_gitops import times
from mlops_gitops.evidence.gates import Answer, Judgement
from mlops_gitops.evidence.relevance import SKEW
from mlops_gitops.promotion import calendar
from mlops_gitops.promotion.receipts import PROMOTE

if TYPE_CHECKING:
    from mlops_gitops.manifests.control import Control
    from mlops_gitops.promotion.plan import Situation
    from mlops_gitops.promotion.slots import Slot


def stranded(slot: Slot) -> bool:
    """Whether what runs there was not allowed, and nothing that was allowed ever ran there to go back to."""
    return slot.unsealed and slot.lawful is None


def in_force(control: Control, release: str, *, now: datetime) -> bool:
    """Whether a control applies to ``release`` at ``now``.

    What forbids is in force as soon as it is in the commit: the runner that reads a hold may have a clock that is
    behind the one that dated it.
    """
    begun = control.since <= now + (timedelta() if control.type == "waiver" else SKEW)
    return control.release in {None, release} and begun and (control.until is None or now < control.until)


def controls(case: Situation, *, now: datetime, frozen: bool) -> Iterator[Judgement]:
    """Vetoes and holds, and freezes and change windows where ``frozen`` says that they bind."""
    release = case.dossier.release.id
    for control in case.slot.controls:
        if not in_force(control, release, now=now):
            continue
        until = f" until {times.format_instant(control.until)}" if control.until else ""
        said = f"{control.type} by {control.by}{until}: {control.reason} ({control.id})"
        if control.type in {"hold", "veto"}:
            yield Judgement(control.type, Answer.FAIL, said)
        elif control.type == "freeze" and frozen:
            yield Judgement("freeze", Answer.PENDING, said)
    if frozen:
        yield from calendar.judgements(case.slot.environment, now=now)


def upstream(case: Situation, *, now: datetime) -> Iterator[Judgement]:
    """Whether the release runs in every environment before this one, and has run there long enough.

    A release that runs in the environment and is to reach a target that is new has been asked that before.  So has one
    whose rollout is on: an environment before this one may move on meanwhile, but it must not have gone back.
    """
    release = case.dossier.release.id
    if case.slot.current == release:
        return
    soak = case.slot.environment.soak
    for upstream in case.upstream:
        name = upstream.environment.name
        if upstream.current != release and case.slot.in_flight == release and _moved_on(upstream, release):
            yield Judgement("after", Answer.PASS, f"it ran in {name} when the rollout began, and {name} moved on since")
            continue
        if upstream.current != release:
            runs = f"release {upstream.current[:12]}" if upstream.current else "nothing"
            yield Judgement("after", Answer.PENDING, f"it must run in {name} first, and {runs} runs there")
            continue
        arrival = upstream.arrival
        if arrival is not None and not arrival.stands:
            yield Judgement("after", Answer.PENDING, f"it came to {name} by a pull request that is not sealed")
            continue
        yield Judgement("after", Answer.PASS, f"it runs in {name}")
        remaining = soak - (now - arrival.since) if arrival else soak
        if soak and remaining > timedelta():  # without one there is no wait, however two clocks differ
            words = f"it must run in {name} for {times.describe(soak)}; {times.describe(remaining)} remain"
            yield Judgement("soak", Answer.PENDING, words)


def _moved_on(slot: Slot, release: str) -> bool:
    """Whether a release ran in a slot and another one was promoted over it, and not because that slot went back."""
    whole = [one for one in slot.receipts if one.receipt.whole]
    ran = [place for place, one in enumerate(whole) if one.receipt.release == release and one.stands]
    following = whole[ran[-1] + 1 :] if ran else []
    return bool(following) and following[0].receipt.action == PROMOTE


def seal(case: Situation) -> Iterator[Judgement]:
    """Nothing is promoted over what nobody showed to be allowed, unless there is no way back.

    Then the next promotion, also one of the same release, is judged as the first.
    """
    slot = case.slot
    if not slot.unsealed:
        return
    came = f"release {slot.receipts[-1].receipt.release[:12]} came by a pull request that is not sealed"
    if stranded(slot):
        yield Judgement("seal", Answer.PASS, f"{came}; nothing ran here before, so this is judged as the first")
    else:
        yield Judgement("seal", Answer.PENDING, f"{came}; it has to be sealed or rolled back first")


def admitted_before(case: Situation) -> Judgement:
    """The receipt by which the release was once let into this environment."""
    release = case.dossier.release.id
    for filed in reversed(case.slot.receipts):
        if filed.receipt.release == release and filed.receipt.whole and filed.stands:
            when = times.format_instant(filed.since)
            return Judgement(
                "receipt", Answer.PASS, f"it was let in by receipt {filed.receipt.id[:12]} on {when}", (filed.digest,)
            )
    return Judgement(
        "receipt", Answer.FAIL, f"it never ran in {case.slot.environment.name}, so there is nothing to go back to"
    )
