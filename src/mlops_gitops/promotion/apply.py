"""From decisions to one commit: pointer, receipt, and what a rollback must leave behind.

All moves of one commit are judged on the same tree, so a release takes one environment per commit, and ``verify`` can
make every decision again from the commit's parent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from mlops_gitops import canonical
from mlops_gitops.errors import Failure, Refused
from mlops_gitops.evidence import envelope
from mlops_gitops.evidence.admission import may_sign
from mlops_gitops.manifests.control import Control
from mlops_gitops.manifests.trust import Signer, Trust
from mlops_gitops.promotion import controls, layout, overlay, plan, pointer, receipts, rows
from mlops_gitops.promotion.plan import Action, Decision, Outcome
from mlops_gitops.promotion.receipts import Receipt
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.store import Store, Tree
from mlops_gitops.promotion.transaction import Proposal, Settled, settle

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
    wishes, one that this key may not sign for does not stop the others.
    """

    def propose(tree: Tree) -> Proposal[tuple[Answered, ...]]:
        moment = now().replace(microsecond=0)  # a receipt is dated to the second, and verify decides by its date
        snapshot = Snapshot(tree)
        answered = tuple(_answers(snapshot, list(wishes(snapshot)), now=moment))
        if signer is None:
            return Proposal(answered, {})
        answered = tuple(_signable(one, snapshot.trust, signer.keyid, alone=len(answered) == 1) for one in answered)
        moving = [one.decision for one in answered if one.decision is not None and one.decision.outcome is Outcome.MOVE]
        written = {id(decision): move(decision, tree=tree, now=moment, reason="") for decision in moving}
        files = {path: data for receipt in written.values() for path, data in _files(receipt, snapshot, signer).items()}
        done = tuple(Answered(one.wish, one.decision, written.get(id(one.decision)), one.failure) for one in answered)
        return Proposal(done, files, _message([written[id(one)] for one in moving], snapshot))

    return settle(store, propose, now=now, tip=tip)


def rollback(
    store: Store,
    wish: Wish,
    *,
    signer: envelope.Signer,
    by: str,
    reason: str,
    now: Callable[[], datetime],
    preflight: Preflight,
) -> Settled[Answered]:
    """Move one environment back to a release that ran there, with a hold on the one that it leaves, in one commit."""

    def propose(tree: Tree) -> Proposal[Answered]:
        moment = now().replace(microsecond=0)  # a receipt is dated to the second, and verify decides by its date
        snapshot = Snapshot(tree)
        slot = snapshot.slot(wish.environment, wish.model)
        target = wish.release or plan.last_good(slot, now=moment)
        case = plan.situation(snapshot, model=wish.model, environment=wish.environment, release=target)
        decision = plan.decide_rollback(case, now=moment)
        if decision.outcome is not Outcome.MOVE:
            return Proposal(Answered(wish, decision, None), {})
        refuse_unless_trusted(snapshot.trust, signer.keyid, "promotion", wish.environment)
        preflight(decision)
        receipt = move(decision, tree=tree, now=moment, reason=reason)
        hold = Control(
            id=f"hold-{receipt.id[:12]}",
            type="hold",
            release=slot.current,
            by=by,
            reason=reason,
            since=moment,
        )
        files = {
            **_files(receipt, snapshot, signer),
            **controls.adding(slot, hold),
        }
        return Proposal(Answered(wish, decision, receipt), files, _message([receipt], snapshot))

    return settle(store, propose, now=now)


def move(decision: Decision, *, tree: Tree, now: datetime, reason: str) -> Receipt:
    """The receipt of a decision that may move.  Pure; nothing is signed yet."""
    case = decision.situation
    chain = case.slot.receipts
    return Receipt(
        action=decision.action.value,
        environment=decision.environment,
        model=decision.model,
        release=decision.release,
        replaced=case.slot.current,
        sequence=len(chain) + 1,
        previous=chain[-1].digest if chain else None,
        base=tree.commit,
        policy=case.slot.environment.policy_digest,
        pointer=canonical.sha256(pointer.render(case.dossier.release)),
        judgements=decision.judgements,
        reason=reason,
        time=now,
    )


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


def _answers(snapshot: Snapshot, wishes: Sequence[Wish], *, now: datetime) -> Iterator[Answered]:
    """An answer to each wish; what many of them rest on is read in a few conversations with git."""
    for start in range(0, len(wishes), _TOGETHER):
        together = wishes[start : start + _TOGETHER]
        if len(together) > 1:
            snapshot.tree.prefetch(
                dict.fromkeys(path for one in together for path in rows.sources(one.environment, one.model))
            )
        for one in together:
            yield _answer(snapshot, one, now=now)


def _answer(snapshot: Snapshot, wish: Wish, *, now: datetime) -> Answered:
    try:
        release = wish.release or snapshot.candidate(wish.model, snapshot.environment(wish.environment))
        case = plan.situation(snapshot, model=wish.model, environment=wish.environment, release=release)
    except Failure as failure:
        return Answered(wish, None, None, failure)
    return Answered(wish, plan.decide(case, now=now), None)


def _signable(one: Answered, trust: Trust, keyid: str, *, alone: bool) -> Answered:
    """The answer, if the key may sign for what it moves; else why not.  Raises ``Refused`` for a wish that is alone."""
    if one.decision is None or one.decision.outcome is not Outcome.MOVE:
        return one
    try:
        refuse_unless_trusted(trust, keyid, "promotion", one.decision.environment)
    except Refused as refused:
        if alone:
            raise
        return Answered(one.wish, None, None, refused)
    return one


def _files(receipt: Receipt, snapshot: Snapshot, signer: envelope.Signer) -> dict[str, bytes]:
    release = snapshot.release(receipt.model, receipt.release)
    new = snapshot.tree.read(layout.overlay(receipt.environment, receipt.model)) is None
    return {
        **(overlay.files(receipt.environment, release) if new else {}),
        layout.pointer(receipt.environment, receipt.model): pointer.render(release),
        receipt.path: envelope.seal(receipts.statement(receipt), signer),
    }


def _message(moved: Sequence[Receipt], snapshot: Snapshot) -> str:
    if not moved:
        return ""
    lines = []
    for one in moved:
        verb = "Promote" if one.action == Action.PROMOTE.value else "Roll back"
        version = snapshot.release(one.model, one.release).version
        lines.append(
            f"{verb} {one.model} {version} ({one.release[:12]}) {'to' if verb == 'Promote' else 'in'} {one.environment}"
        )
    subject = lines[0] if len(lines) == 1 else f"Move {len(lines)} releases"
    body = [] if len(lines) == 1 else ["", *lines]
    trailers = [f"Promotion-Id: {one.id}" for one in moved]
    return "\n".join([subject, *body, "", *trailers]) + "\n"
