"""Going back: to the release that a person names, or wherever evidence demands it, with a hold on what is left.

A rollback is a move like any other, in one commit with its receipt; what it leaves behind is that nothing promotes the
same release forward again before somebody lifts the hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime

from mlops_gitops.errors import Failure
from mlops_gitops.evidence import envelope
from mlops_gitops.manifests.control import Control
from mlops_gitops.promotion import apply, controls, plan, rollbacks
from mlops_gitops.promotion.apply import Answered, Wish
from mlops_gitops.promotion.plan import Decision, Outcome
from mlops_gitops.promotion.receipts import Receipt
from mlops_gitops.promotion.slots import Slot
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.store import Files, Store, Tree
from mlops_gitops.promotion.transaction import Proposal, Settled, settle

_NOTHING: Files = {}
Preflight = Callable[[Decision], None]
"""Checks, before a rollback is written, that the release it goes back to still loads.  Raises ``Refused``."""


def rollback(
    store: Store,
    wish: Wish,
    *,
    signer: envelope.Signer | None,
    by: str,
    reason: str,
    now: Callable[[], datetime],
    preflight: Preflight,
) -> Settled[Answered]:
    """Move one environment back to a release that ran there, with a hold on the one that it leaves, in one commit.

    Without a ``signer`` nothing is written: the result is the plan, and that the old release loads.
    """

    def propose(tree: Tree) -> Proposal[Answered]:
        moment = now().replace(microsecond=0)  # a receipt is dated to the second, and verify decides by its date
        snapshot = Snapshot(tree)
        slot = snapshot.slot(wish.environment, wish.model)
        target = wish.release or plan.last_good(slot, now=moment)
        case = plan.situation(snapshot, model=wish.model, environment=wish.environment, release=target)
        decision = plan.decide_rollback(case, now=moment)
        if decision.outcome is not Outcome.MOVE:
            return Proposal(Answered(wish, decision, None), {})
        if signer is not None:
            apply.refuse_unless_trusted(snapshot.trust, signer.keyid, "promotion", wish.environment)
        preflight(decision)
        if signer is None:
            return Proposal(Answered(wish, decision, None), {})
        receipt = apply.move(decision, tree=tree, now=moment, reason=reason)
        changed = _back(receipt, slot, snapshot, signer, by=by)
        return Proposal(Answered(wish, decision, receipt), changed, apply.message([receipt], snapshot))

    return settle(store, propose, now=now)


def rollback_due(
    store: Store,
    *,
    signer: envelope.Signer | None,
    now: Callable[[], datetime],
    preflight: Preflight,
) -> Settled[tuple[Answered, ...]]:
    """Roll back every slot whose evidence demands it, in one commit and one push.

    ``by`` in the holds is the name that ``trust/`` gives the signer.  Without a ``signer`` nothing is written: the
    result is the plan.  A slot that cannot be read, or whose old release does not load, does not stop the others.
    """

    def propose(tree: Tree) -> Proposal[tuple[Answered, ...]]:
        moment = now().replace(microsecond=0)
        snapshot = Snapshot(tree)
        answered: list[Answered] = []
        changed: dict[str, bytes | None] = {}
        for wanted in due(snapshot, now=moment):
            one, written = wanted, _NOTHING
            if signer is not None:
                one, written = taken_back(wanted, snapshot, signer, preflight, now=moment)
            answered.append(one)
            changed |= written
        moves = [one.receipt for one in answered if one.receipt is not None]
        return Proposal(tuple(answered), changed, apply.message(moves, snapshot))

    return settle(store, propose, now=now)


def due(snapshot: Snapshot, *, now: datetime) -> Iterator[Answered]:
    """Every slot that evidence demands to go back, with the decision about it, or why there is none."""
    for environment in snapshot.environments():
        for model in snapshot.models() if environment.automatic_rollback else ():
            wish = Wish(model, environment.name)
            try:
                found = rollbacks.due(snapshot, environment=environment.name, model=model, now=now)
                if isinstance(found, rollbacks.Due):
                    decision = rollbacks.decide(snapshot, found, now=now)
                    yield Answered(replace(wish, release=found.target), decision, None)
            except Failure as failure:
                yield Answered(wish, None, None, failure)


def taken_back(
    one: Answered, snapshot: Snapshot, signer: envelope.Signer, preflight: Preflight, *, now: datetime
) -> tuple[Answered, Files]:
    """A slot that is due taken back, if it may and its old release loads: what became of it, and the files."""
    decision = one.decision
    if decision is None or decision.outcome is not Outcome.MOVE:
        return one, {}
    try:
        who = apply.refuse_unless_trusted(snapshot.trust, signer.keyid, "promotion", one.wish.environment)
        preflight(decision)
    except Failure as failure:
        return Answered(one.wish, None, None, failure), {}
    receipt = apply.move(decision, tree=snapshot.tree, now=now, reason=rollbacks.reason(decision))
    slot = decision.situation.slot
    return Answered(one.wish, decision, receipt), _back(receipt, slot, snapshot, signer, by=who.name)


def _back(receipt: Receipt, slot: Slot, snapshot: Snapshot, signer: envelope.Signer, *, by: str) -> Files:
    """The files of a rollback: those of any move, and a hold on every release that it leaves."""
    held = slot
    changed: dict[str, bytes | None] = dict(apply.files(receipt, snapshot, signer))
    for place, release in enumerate(left_by(receipt, slot)):
        hold = Control(
            id=f"hold-{receipt.id[12 * place : 12 * place + 12]}",
            type="hold",
            release=release,
            by=by,
            reason=receipt.reason,
            since=receipt.time,
        )
        changed |= controls.adding(held, hold)
        held = replace(held, controls=(*held.controls, hold))
    return changed


def left_by(receipt: Receipt, slot: Slot) -> tuple[str, ...]:
    """The releases that a rollback leaves: the one that was coming, and the one that ran."""
    ran = slot.current if receipt.whole else None
    return tuple(dict.fromkeys(one for one in (receipt.replaced, ran) if one is not None))
