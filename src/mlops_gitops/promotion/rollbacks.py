"""Going back without being asked: which environments have to, because evidence made after the promotion says so.

Pure.  A rollback is due only where everything is settled: what moved last came by a promotion and not by a rollback,
there is a release to go back to that nobody forbids, and evidence of a kind that the policy names, made after the
receipt and in time, fails, while nothing disagrees with it, replaces it or leaves it open.  While a rollout is on, what
goes back is every target that it moved.  What is due is decided like any other rollback, and its receipt names the
evidence, so that ``verify`` can ask again whether it demanded it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from mlops_gitops.errors import Refused
from mlops_gitops.evidence.gates import Answer, Judgement
from mlops_gitops.promotion import plan, rollouts
from mlops_gitops.promotion.observations import observed
from mlops_gitops.promotion.plan import Action, Decision
from mlops_gitops.promotion.receipts import Receipt
from mlops_gitops.promotion.slots import Slot
from mlops_gitops.promotion.snapshot import Snapshot

GATE = "automatic"
"""What the judgement is called that says which evidence demanded a rollback."""


@dataclass(frozen=True, slots=True)
class Due:
    """A rollback that evidence demands: of which release, to which, and the judgement that says why."""

    slot: Slot
    failing: str
    target: str
    why: Judgement


def due(snapshot: Snapshot, *, environment: str, model: str, now: datetime) -> Due | Judgement | None:
    """What automatic rollback says of a slot: a rollback, why there is none, or nothing where nobody asked for it."""
    slot = snapshot.slot(environment, model)
    automatic = slot.environment.automatic_rollback
    if automatic is None or not slot.receipts:
        return None
    last = slot.receipts[-1].receipt
    if last.action == Action.ROLLBACK.value:
        return Judgement(GATE, Answer.PENDING, "what runs there came by a rollback, which is never rolled back")
    if slot.unsealed:
        return Judgement(GATE, Answer.PENDING, "what runs there waits for its seal: when it came is not settled yet")
    since = rollouts.began(slot, last.release) or slot.receipts[-1].since
    dossier = snapshot.dossier(model, last.release)
    said = [
        observed(
            kind,
            dossier=dossier,
            environment=slot.environment,
            trust=snapshot.trust,
            since=since,
            until=None if automatic.within is None else since + automatic.within,
            now=now,
        )
        for kind in automatic.evidence
    ]
    failed = [one for one in said if one.answer is Answer.FAIL]
    if not failed:
        return Judgement(GATE, Answer.PENDING, "; ".join(f"{one.gate}: {one.reason}" for one in said))
    digests = tuple(dict.fromkeys(digest for one in failed for digest in one.evidence))
    words = "; ".join(f"{one.gate} failed since: {one.reason}" for one in failed)
    try:
        target = plan.last_good(slot, now=now)
    except Refused as refused:
        return Judgement(GATE, Answer.FAIL, f"{words}; but {refused.message}", digests)
    return Due(slot, last.release, target, Judgement(GATE, Answer.PASS, words, digests))


def decide(snapshot: Snapshot, found: Due, *, now: datetime) -> Decision:
    """Whether what is due may be done: like any rollback, and with the evidence that demands it among its reasons."""
    slot = found.slot
    case = plan.situation(snapshot, model=slot.model, environment=slot.environment.name, release=found.target)
    decision = plan.decide_rollback(case, now=now)
    return replace(decision, judgements=(found.why, *decision.judgements))


def again(snapshot: Snapshot, receipt: Receipt) -> Decision | None:
    """The decision of an automatic rollback, made again at its own time; ``None`` where nothing demanded it."""
    found = due(snapshot, environment=receipt.environment, model=receipt.model, now=receipt.time)
    if not isinstance(found, Due) or found.target != receipt.release:
        return None
    return decide(snapshot, found, now=receipt.time)


def reason(decision: Decision) -> str:
    """Why, for the receipt and the hold: the evidence by digest, never in words that somebody else wrote."""
    digests = [digest for one in decision.judgements if one.gate == GATE for digest in one.evidence]
    return f"demanded by evidence {', '.join(digests)}"


def is_automatic(receipt: Receipt) -> bool:
    """Whether a receipt says that evidence demanded it."""
    return receipt.action == Action.ROLLBACK.value and any(one.gate == GATE for one in receipt.judgements)
