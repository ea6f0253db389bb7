"""May it move?  The decision, as a pure function of what the environment repository says and of the time.

``decide`` collects every reason, not the first, so that ``promote``, ``explain`` and ``verify`` all speak from one
mouth: ``promote`` acts on the decision, ``explain`` prints it, and ``verify`` makes it again for every receipt from the
commit that it was made on.

The order of precedence is fixed: what is forbidden (veto, hold), then what must wait (freeze, upstream, soak), then the
gates.  One failure refuses; otherwise one pending answer waits; a release that already runs there is nothing to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from enum import Enum

from mlops_gitops.errors import Refused
from mlops_gitops.evidence import gates
from mlops_gitops.evidence.gates import Answer, Case, Judgement, Waiver
from mlops_gitops.manifests.environment import ApprovalsGate, Environment, ExpressionGate
from mlops_gitops.manifests.release import Release
from mlops_gitops.manifests.trust import Trust
from mlops_gitops.promotion import receipts, restrictions, rollouts
from mlops_gitops.promotion.slots import Slot
from mlops_gitops.promotion.snapshot import Dossier, Snapshot
from mlops_gitops.records import record


class Outcome(Enum):
    """What a decision comes to."""

    MOVE = "move"
    NOTHING = "nothing"
    PENDING = "pending"
    REFUSED = "refused"


class Action(Enum):
    """The two ways in which a pointer moves."""

    PROMOTE = "promote"
    ROLLBACK = "rollback"


@record
class Situation:
    """All that a decision may look at: the slot, the slots before it, and the release with its evidence.

    ``previous`` is the release that runs in the slot; it is read only where an expression of the policy can ask for it.
    ``anew``: approvals have to be for this very move, also where a rollout could go on under those that it has.
    """

    slot: Slot
    upstream: tuple[Slot, ...]
    dossier: Dossier
    trust: Trust
    previous: Release | None = None
    anew: bool = False


@record
class Decision:
    """Whether a release may move into an environment, with every reason.

    ``targets`` are the targets inside it that move, ``whole`` says that the environment's own pointer moves too.
    ``mode`` says whether we write it ourselves or it has to come by a pull request.
    """

    action: Action
    situation: Situation
    outcome: Outcome
    judgements: tuple[Judgement, ...]
    targets: tuple[str, ...] = ()
    whole: bool = True
    mode: str = receipts.DIRECT

    @property
    def model(self) -> str:
        """The model that would move."""
        return self.situation.slot.model

    @property
    def environment(self) -> str:
        """The environment it would move into."""
        return self.situation.slot.environment.name

    @property
    def release(self) -> str:
        """The release that would run there."""
        return self.situation.dossier.release.id

    @property
    def blocking(self) -> tuple[Judgement, ...]:
        """What stands in the way, failures first."""
        return tuple(one for answer in (Answer.FAIL, Answer.PENDING) for one in self.judgements if one.answer is answer)


def decisive(snapshot: Snapshot, *, model: str, environment: str, release: str) -> Situation:
    """The same as ``situation`` for all that ``decide`` can say of it: evidence is read only where it may decide."""
    slot = snapshot.slot(environment, model)
    settled = rollouts.complete(slot, release) and not restrictions.stranded(slot)
    if not settled and rests_on_evidence(slot.environment):
        return situation(snapshot, model=model, environment=environment, release=release)
    return Situation(
        slot=slot,
        upstream=tuple(snapshot.slot(name, model) for name in slot.environment.after),
        dossier=Dossier(snapshot.release(model, release), (), ()),
        trust=snapshot.trust,
    )


def rests_on_evidence(environment: Environment) -> bool:
    """Whether any evidence can change what is decided about an environment."""
    return not environment.ungated or environment.rollout is not None or environment.by_pull_request


def situation(snapshot: Snapshot, *, model: str, environment: str, release: str) -> Situation:
    """What there is to look at for one move."""
    slot = snapshot.slot(environment, model)
    seen = champion(slot, release) if asks_with_expressions(slot.environment) else None
    return Situation(
        slot=slot,
        upstream=tuple(snapshot.slot(name, model) for name in slot.environment.after),
        dossier=snapshot.dossier(model, release),
        trust=snapshot.trust,
        previous=snapshot.release(model, seen) if seen else None,
    )


def asks_with_expressions(environment: Environment) -> bool:
    """Whether a gate of the environment is an expression."""
    return any(isinstance(one, ExpressionGate) for one in environment.gates)


def decide(case: Situation, *, now: datetime) -> Decision:
    """Whether the release may be promoted into the environment at ``now``."""
    if rollouts.complete(case.slot, case.dossier.release.id) and not restrictions.stranded(case.slot):
        return Decision(
            Action.PROMOTE, case, Outcome.NOTHING, (Judgement("pointer", Answer.PASS, "it runs there already"),)
        )
    step = rollouts.step(case.slot, case.dossier, case.trust, now=now)
    judgements = (
        *restrictions.controls(case, now=now, frozen=True),
        *restrictions.seal(case),
        *restrictions.upstream(case, now=now),
        *step.judgements,
        *_gates(case, now=now),
    )
    asks = case.slot.environment.by_pull_request and _goes_on(case, now=now) is None
    mode = receipts.PULL_REQUEST if asks else receipts.DIRECT
    return Decision(Action.PROMOTE, case, outcome(judgements), judgements, step.targets, step.whole, mode)


def decide_rollback(case: Situation, *, now: datetime) -> Decision:
    """Whether the environment may go back to a release that ran there before.

    What is demanded of a rollback is the receipt of the time when the release was let in: evidence that was valid then
    may have expired since, and in an emergency that must not bind anyone's hands.
    """
    release = case.dossier.release.id
    whole, targets = case.slot.current != release, rollouts.back(case.slot, release)
    if not whole and not targets:
        return Decision(
            Action.ROLLBACK, case, Outcome.NOTHING, (Judgement("pointer", Answer.PASS, "it runs there already"),)
        )
    frozen = not case.slot.environment.rollback_during_freeze
    judgements = (*restrictions.controls(case, now=now, frozen=frozen), restrictions.admitted_before(case))
    return Decision(Action.ROLLBACK, case, outcome(judgements), judgements, targets, whole)


def last_good(slot: Slot, *, now: datetime) -> str:
    """The release that a rollback goes back to: the last other one that ran here and is neither vetoed nor held.

    While a rollout is on, that is the one that it was to replace; what reached only some targets never ran here.

    Raises ``Refused`` where what runs now came by a rollback: going back once more would bring the failure back or
    lead ever further away from what was tested, and a person has to name the release.
    """
    if slot.current is None:
        raise _nowhere(slot, "nothing runs there" if slot.in_flight is None else "its first release is still coming")
    if slot.receipts[-1].receipt.action == Action.ROLLBACK.value:
        raise _nowhere(slot, "what runs there came by a rollback, and a rollback is never rolled back by itself")
    for filed in reversed(slot.receipts):
        release = filed.receipt.release
        if not filed.receipt.whole:
            continue
        forbidden = any(
            one.type in {"hold", "veto"} and restrictions.in_force(one, release, now=now) for one in slot.controls
        )
        if release != (slot.in_flight or slot.current) and filed.stands and not forbidden:
            return release
    raise _nowhere(slot, "no other release that is neither held nor vetoed ever ran there")


def _nowhere(slot: Slot, why: str) -> Refused:
    return Refused(
        f"{slot.model} cannot be rolled back in {slot.environment.name}: {why}",
        hint="name a release that ran there with --to RELEASE, or promote a mended one",
        code="no-rollback",
    )


def outcome(judgements: tuple[Judgement, ...]) -> Outcome:
    """One failure refuses, otherwise one pending answer waits."""
    answers = {one.answer for one in judgements}
    if Answer.FAIL in answers:
        return Outcome.REFUSED
    return Outcome.PENDING if Answer.PENDING in answers else Outcome.MOVE


def _gates(case: Situation, *, now: datetime) -> Iterator[Judgement]:
    environment = case.slot.environment
    if environment.ungated:
        yield Judgement("gates", Answer.PASS, "the policy says `gates: none`")
        return
    judged = gate_case(case, now=now)
    for gate in environment.gates:
        yield gates.judge(gate, judged)


def gate_case(case: Situation, *, now: datetime) -> Case:
    """What the gates of the environment may look at.

    The approvals are those of this move; or, for a step of a rollout that is on, those by which the rollout was let in,
    as long as they are enough.  So people are asked once for a rollout, and again where what they said counts no more.
    """
    return _goes_on(case, now=now) or _gate_case(case, now=now)


def _goes_on(case: Situation, *, now: datetime) -> Case | None:
    """What the gates may look at where a rollout goes on under the approvals by which it was let in."""
    filed = None if case.anew else rollouts.let_in(case.slot, case.dossier.release.id)
    if filed is None:
        return None
    going_on = replace(_gate_case(case, now=now), promotion=filed.receipt.id)
    asked = [gates.judge(one, going_on) for one in case.slot.environment.gates if isinstance(one, ApprovalsGate)]
    return going_on if all(one.answer is Answer.PASS for one in asked) else None


def _gate_case(case: Situation, *, now: datetime) -> Case:
    environment, dossier, chain = case.slot.environment, case.dossier, case.slot.receipts
    return Case(
        release=dossier.release.id,
        environment=environment.name,
        policy=environment.policy_digest,
        champion=champion(case.slot, dossier.release.id),
        head=dossier.release.source.revision,
        author=dossier.release.source.author,
        evidence=dossier.evidence,
        waivers=tuple(_waivers(case, now=now)),
        trust=case.trust,
        now=now,
        trainers=dossier.release.source.trainers,
        promotion=receipts.promotion_id(
            action=Action.PROMOTE.value,
            environment=environment.name,
            model=case.slot.model,
            release=dossier.release.id,
            previous=chain[-1].digest if chain else None,
        ),
        about=dossier.release,
        previous=case.previous,
        since=case.slot.arrival.since if case.slot.arrival else None,
        after=environment.after,
        approvals_gate=next((one for one in environment.gates if isinstance(one, ApprovalsGate)), None),
        anchor=anchor(case.slot, dossier.release.id),
    )


def champion(slot: Slot, release: str) -> str | None:
    """The release that one is compared with: what runs here, or what ran before it where it runs here already.

    ``None`` also where what runs here was never let in.
    """
    if restrictions.stranded(slot):
        return None
    if slot.current != release:
        return slot.current
    let_in = (one.receipt for one in reversed(slot.receipts) if one.receipt.whole and one.receipt.release == release)
    return next((one.replaced for one in let_in if one.action == Action.PROMOTE.value), None)


def anchor(slot: Slot, release: str) -> str | None:
    """The release of long ago that one is compared with too, where the policy wants that and it is not the champion.

    The first that ran here; or the last that people approved, where any was.
    """
    gate = slot.environment.comparison
    ran = [one.receipt for one in slot.receipts if one.receipt.whole and one.stands]
    if gate is None or gate.anchor is None or not ran:
        return None
    approved = [
        one.release
        for one in ran
        if any(said.gate == "approvals" and said.answer is Answer.PASS and said.evidence for said in one.judgements)
    ]
    found = approved[-1] if approved and gate.anchor == "approved" else ran[0].release
    return None if found in {release, champion(slot, release)} else found


def _waivers(case: Situation, *, now: datetime) -> Iterator[Waiver]:
    for control in case.slot.controls:
        complete = control.type == "waiver" and control.gate and control.evidence and control.until
        if complete and restrictions.in_force(control, case.dossier.release.id, now=now):
            yield Waiver(control.gate or "", control.by, control.until or now, control.evidence or "")
