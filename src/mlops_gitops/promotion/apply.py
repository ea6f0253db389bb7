"""From decisions to one commit: pointer, receipt, and what a rollback must leave behind.

All moves of one commit are judged on the same tree, so a release takes one environment per commit, and ``verify`` can
make every decision again from the commit's parent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from mlops_gitops import canonical
from mlops_gitops.errors import Failure, Refused
from mlops_gitops.evidence import envelope
from mlops_gitops.evidence.admission import may_sign
from mlops_gitops.manifests.control import Control
from mlops_gitops.manifests.trust import Signer, Trust
from mlops_gitops.promotion import controls, layout, overlay, plan, pointer, receipts, rollbacks, rows
from mlops_gitops.promotion.plan import Action, Decision, Outcome
from mlops_gitops.promotion.receipts import Receipt
from mlops_gitops.promotion.slots import Slot
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.store import Files, Store, Tree
from mlops_gitops.promotion.transaction import Proposal, Settled, settle

_NOTHING: Files = {}
_TOGETHER = 200
"""Wishes whose files are read ahead in one conversation."""
Preflight = Callable[[Decision], None]
"""Checks, before a rollback is written, that the release it goes back to still loads.  Raises ``Refused``."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A move that is wanted.  ``release`` of ``None``: what runs upstream, or the newest."""

    model: str
    environment: str
    release: str | None = None

    @property
    def place(self) -> tuple[str, str]:
        """Environment and model."""
        return self.environment, self.model


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of one wish: a decision, and the receipt if it moved; or why no decision could be made."""

    wish: Wish
    decision: Decision | None
    receipt: Receipt | None
    failure: Failure | None = None


def promote(
    store: Store,
    wishes: Callable[[Snapshot], Iterable[Wish]],
    *,
    signer: envelope.Signer | None,
    now: Callable[[], datetime],
    tip: Tree | None = None,
) -> Settled[tuple[Answered, ...]]:
    """Move every wish that may move, in one commit and one push.

    ``tip`` is the newest commit where the caller has just heard it from the remote.  ``wishes`` are asked for again
    whenever the repository has moved.  Without a ``signer`` nothing is written: the result is the plan.  Of several
    wishes, one that this key may not sign for does not stop the others.  Where the policy asks for pull requests
    nothing is written either: ``reconcile`` proposes it.
    """

    def propose(tree: Tree) -> Proposal[tuple[Answered, ...]]:
        moment = now().replace(microsecond=0)  # a receipt is dated to the second, and verify decides by its date
        snapshot = Snapshot(tree)
        answered = tuple(answers(snapshot, list(wishes(snapshot)), now=moment))
        if signer is None:
            return Proposal(answered, {})
        answered = tuple(signable(one, snapshot.trust, signer.keyid, alone=len(answered) == 1) for one in answered)
        moving = [one.decision for one in answered if one.decision is not None and moves_now(one.decision)]
        written = {id(decision): move(decision, tree=tree, now=moment, reason="") for decision in moving}
        changed = {
            path: data for receipt in written.values() for path, data in files(receipt, snapshot, signer).items()
        }
        done = tuple(Answered(one.wish, one.decision, written.get(id(one.decision)), one.failure) for one in answered)
        return Proposal(done, changed, message([written[id(one)] for one in moving], snapshot))

    return settle(store, propose, now=now, tip=tip)


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
            refuse_unless_trusted(snapshot.trust, signer.keyid, "promotion", wish.environment)
        preflight(decision)
        if signer is None:
            return Proposal(Answered(wish, decision, None), {})
        receipt = move(decision, tree=tree, now=moment, reason=reason)
        changed = _back(receipt, slot, snapshot, signer, by=by)
        return Proposal(Answered(wish, decision, receipt), changed, message([receipt], snapshot))

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
        return Proposal(tuple(answered), changed, message(moves, snapshot))

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
        who = refuse_unless_trusted(snapshot.trust, signer.keyid, "promotion", one.wish.environment)
        preflight(decision)
    except Failure as failure:
        return Answered(one.wish, None, None, failure), {}
    receipt = move(decision, tree=snapshot.tree, now=now, reason=rollbacks.reason(decision))
    slot = decision.situation.slot
    return Answered(one.wish, decision, receipt), _back(receipt, slot, snapshot, signer, by=who.name)


def _back(receipt: Receipt, slot: Slot, snapshot: Snapshot, signer: envelope.Signer, *, by: str) -> Files:
    """The files of a rollback: those of any move, and a hold on every release that it leaves."""
    held = slot
    changed: dict[str, bytes | None] = dict(files(receipt, snapshot, signer))
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


def move(decision: Decision, *, tree: Tree, now: datetime, reason: str, mode: str = receipts.DIRECT) -> Receipt:
    """The receipt of a decision that may move, or is proposed to.  Pure; nothing is signed yet."""
    case = decision.situation
    chain = case.slot.receipts
    return Receipt(
        action=decision.action.value,
        environment=decision.environment,
        model=decision.model,
        release=decision.release,
        replaced=replaced(decision),
        sequence=len(chain) + 1,
        previous=chain[-1].digest if chain else None,
        base=tree.commit,
        policy=case.slot.environment.policy_digest,
        pointer=canonical.sha256(pointer.render(case.dossier.release)),
        judgements=decision.judgements,
        reason=reason,
        time=now,
        mode=mode,
        targets=decision.targets,
        whole=decision.whole,
    )


def replaced(decision: Decision) -> str | None:
    """The release that a move takes over from: what runs, or for the way back what was coming."""
    slot = decision.situation.slot
    return (slot.in_flight if decision.action is Action.ROLLBACK else None) or slot.current


def refuse_unless_trusted(trust: Trust, keyid: str, kind: str, environment: str | None) -> Signer:
    """The signer behind ``keyid``.  Raises ``Refused`` where trust does not let that key sign this."""
    for signer in trust.signers:
        if any(key.keyid == keyid for key in signer.keys):
            if may_sign(signer, kind, environment):
                return signer
            raise Refused(
                f"{signer.name} may not sign {kind} for {environment or 'any environment'}",
                hint=f"use another key, or have {layout.TRUST} changed by those who own it",
                code="not-trusted",
            )
    raise Refused(
        f"the key {keyid[:12]} is not in {layout.TRUST}, so nobody would believe what it signs",
        hint=f"use a key that is listed there, or have {layout.TRUST} changed by those who own it",
        code="not-trusted",
    )


def moves_now(decision: Decision) -> bool:
    """Whether it is for us to write the move: it may be made, and needs no pull request."""
    return decision.outcome is Outcome.MOVE and decision.mode == receipts.DIRECT


def answers(snapshot: Snapshot, wishes: Sequence[Wish], *, now: datetime) -> Iterator[Answered]:
    """An answer to each wish; what many of them rest on is read in a few conversations with git."""
    for start in range(0, len(wishes), _TOGETHER):
        together = wishes[start : start + _TOGETHER]
        if len(together) > 1:
            _read_ahead(snapshot, together)
        for one in together:
            yield answer(snapshot, one, now=now)


def _read_ahead(snapshot: Snapshot, together: Sequence[Wish]) -> None:
    """Everything that the decisions about some wishes may look at, in a few conversations with git."""
    asked = []
    for one in together:
        try:
            environment = snapshot.environment(one.environment)
        except Failure:  # told by the decision about it
            continue
        asked += [path for name in (environment.name, *environment.after) for path in rows.read_first(name, one.model)]
        if plan.rests_on_evidence(environment):
            asked += map(layout.evidence, snapshot.release_ids(one.model))
    snapshot.tree.prefetch(dict.fromkeys(asked))


def answer(snapshot: Snapshot, wish: Wish, *, now: datetime) -> Answered:
    """The decision about one wish, or why there is none."""
    try:
        release = wish.release or snapshot.candidate(wish.model, snapshot.environment(wish.environment))
        case = plan.decisive(snapshot, model=wish.model, environment=wish.environment, release=release)
    except Failure as failure:
        return Answered(wish, None, None, failure)
    return Answered(wish, plan.decide(case, now=now), None)


def signable(one: Answered, trust: Trust, keyid: str, *, alone: bool) -> Answered:
    """The answer, if the key may sign for what it moves; else why not.  Raises ``Refused`` for a wish that is alone."""
    if one.decision is None or not moves_now(one.decision):
        return one
    try:
        refuse_unless_trusted(trust, keyid, "promotion", one.decision.environment)
    except Refused as refused:
        if alone:
            raise
        return Answered(one.wish, None, None, refused)
    return one


def files(receipt: Receipt, snapshot: Snapshot, signer: envelope.Signer) -> dict[str, bytes]:
    """The files of one move: what follows from it, and its receipt, signed."""
    return {**moved(receipt, snapshot), receipt.path: envelope.seal(receipts.statement(receipt), signer)}


def moved(receipt: Receipt, snapshot: Snapshot) -> dict[str, bytes]:
    """The pointer that a move writes, and the overlay where the slot is new."""
    release = snapshot.release(receipt.model, receipt.release)
    deployed: list[str | None] = list(receipt.targets)
    if snapshot.environment(receipt.environment).rollout is None:  # with targets, it is they that are deployed
        deployed.append(None)
    new = [
        one for one in deployed if snapshot.tree.read(layout.overlay(receipt.environment, receipt.model, one)) is None
    ]
    scaffold = [overlay.files(receipt.environment, release, target=one) for one in new]
    return {
        **{path: data for new_ones in scaffold for path, data in new_ones.items()},
        **dict.fromkeys(receipts.pointers(receipt), pointer.render(release)),
    }


def message(moves: Sequence[Receipt], snapshot: Snapshot) -> str:
    """The message of the commit that makes these moves."""
    if not moves:
        return ""
    lines = []
    for one in moves:
        verb = "Promote" if one.action == Action.PROMOTE.value else "Roll back"
        version = snapshot.release(one.model, one.release).version
        where = one.environment + (f" ({', '.join(one.targets)})" if one.targets else "")
        lines.append(f"{verb} {one.model} {version} ({one.release[:12]}) {'to' if verb == 'Promote' else 'in'} {where}")
    subject = lines[0] if len(lines) == 1 else f"Move {len(lines)} releases"
    body = [] if len(lines) == 1 else ["", *lines]
    trailers = [f"Promotion-Id: {one.id}" for one in moves]
    return "\n".join([subject, *body, "", *trailers]) + "\n"
