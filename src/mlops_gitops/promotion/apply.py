"""From decisions to one commit: pointer, receipt, and what a rollback must leave behind.

All moves of one commit are judged on the same tree, so a release takes one environment per commit, and ``verify`` can
make every decision again from the commit's parent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from mlops_gitops import canonical
from mlops_gitops.errors import Failure, Refused
from mlops_gitops.evidence import envelope
from mlops_gitops.evidence.admission import may_sign
from mlops_gitops.manifests.trust import Signer, Trust
from mlops_gitops.promotion import layout, overlay, plan, pointer, receipts, rows
from mlops_gitops.promotion.plan import Action, Decision, Outcome
from mlops_gitops.promotion.receipts import Receipt
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.store import Store, Tree
from mlops_gitops.promotion.transaction import Proposal, Settled, settle
from mlops_gitops.records import record

_TOGETHER = 200
"""Wishes whose files are read ahead in one conversation."""


@record
class Wish:
    """A move that is wanted.  ``release`` of ``None``: what runs upstream, or the newest."""

    model: str
    environment: str
    release: str | None = None

    @property
    def place(self) -> tuple[str, str]:
        """Environment and model."""
        return self.environment, self.model


@record
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
