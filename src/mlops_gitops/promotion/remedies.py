"""Who or what can change a reason that stands in the way: for each, in words, by whom, with which command, and when.

Pure functions of the decision and of the time.  A remedy is read from the situation that was judged, never from the
words of a reason, and is no part of a receipt: what helps today says nothing about why a pointer moved.

A person who is named here may do it: trust lets them sign it, and they are not the author.  Nobody is named where
anybody who may write to the environment repository can do it, or where only time can.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from mlops_gitops import times
from mlops_gitops.evidence.admission import may_sign
from mlops_gitops.evidence.gates import Answer, Judgement
from mlops_gitops.evidence.persons import wrote
from mlops_gitops.manifests.control import Control
from mlops_gitops.manifests.environment import ExpressionGate, Gate
from mlops_gitops.promotion import calendar, restrictions
from mlops_gitops.promotion.plan import Decision
from mlops_gitops.records import record

_CONTROLS = ("hold", "veto", "freeze")


@record
class Remedy:
    """What changes one reason.

    ``gate`` is whose reason it is, ``what`` says it in words, ``who`` are the names of ``trust/`` or of a control that
    can do it, ``commands`` what they run, and ``when`` the moment at which it ends by itself.
    """

    gate: str
    what: str
    who: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    when: datetime | None = None


def remedies(decision: Decision, *, now: datetime) -> tuple[Remedy, ...]:
    """A remedy for each reason that stands in the way, in the order of ``Decision.blocking``."""
    ends = {name: _restrictions(name, decision, now=now) for name in _CONTROLS}
    of_order = {**ends, "soak": _soaks(decision, now=now), "after": _upstream(decision)}
    found = {}
    for one in decision.judgements:  # as they were judged: the first freeze among the reasons is the first in force
        if one.answer is Answer.PASS:
            continue
        following = next(of_order[one.gate], None) if one.gate in of_order else None
        found[id(one)] = following or _of_gate(one, decision, now=now)
    return tuple(found[id(one)] for one in decision.blocking)


def _restrictions(kind: str, decision: Decision, *, now: datetime) -> Iterator[Remedy]:
    """What lifts each control of one kind that is in force, and when the freezes of the policy end, in their order."""
    slot = decision.situation.slot
    for control in slot.controls:
        if control.type == kind and restrictions.in_force(control, decision.release, now=now):
            yield _lifting(control, decision)
    for freeze in slot.environment.freezes if kind == "freeze" else ():
        until = freeze.ends(now)
        if until is not None:
            owners = tuple(one.name for one in slot.environment.owners)
            end = times.format_instant(until)
            what = f"its end, {end}; or a change of the policy of {slot.environment.name}"
            yield Remedy(kind, what, owners, when=until)


def _lifting(control: Control, decision: Decision) -> Remedy:
    lift = f"mlops-gitops control lift {control.id} {decision.model} --in {decision.environment}"
    end = f", or its end, {times.format_instant(control.until)}" if control.until else ""
    return Remedy(control.type, f"{control.by} lifts it{end}", (control.by,), (lift,), control.until)


def _upstream(decision: Decision) -> Iterator[Remedy]:
    """For each environment in which the release has to run first and does not."""
    for upstream in decision.situation.upstream:
        if upstream.current != decision.release:
            name = upstream.environment.name
            promote = f"mlops-gitops promote {decision.model} --to {name}"
            what = (
                f"the release is promoted to {name}; `mlops-gitops explain {decision.model} {name}` says what it lacks"
            )
            yield Remedy("after", what, commands=(promote,))


def _soaks(decision: Decision, *, now: datetime) -> Iterator[Remedy]:
    """For each environment in which the release has to run longer."""
    soak = decision.situation.slot.environment.soak
    for upstream in decision.situation.upstream:
        if upstream.current == decision.release:
            end = upstream.arrival.since + soak if upstream.arrival else now
            if end > now:
                yield Remedy("soak", f"time: it has run long enough at {times.format_instant(end)}", when=end)


def _of_gate(one: Judgement, decision: Decision, *, now: datetime) -> Remedy:
    match one.gate:
        case "approvals":
            return _approval(one, decision)
        case "window":
            return _opening(decision, now=now)
        case "seal":
            return _sealing(decision)
        case "rollout":
            return _rollout(one, decision)
        case name if any(isinstance(gate, ExpressionGate) and gate.name == name for gate in _gates(decision)):
            return _expression(one, decision)
    if one.answer is Answer.FAIL or _was_judged(one, decision):
        return _mending(one, decision)
    return _evidence(one, decision)


def _gates(decision: Decision) -> tuple[Gate, ...]:
    return decision.situation.slot.environment.gates


def _opening(decision: Decision, *, now: datetime) -> Remedy:
    """When a change window opens."""
    environment = decision.situation.slot.environment
    opening = calendar.next_opening(environment.windows, now)
    owners = tuple(one.name for one in environment.owners)
    policy = f"a change of the policy of {environment.name}"
    what = f"the window, which opens {opening.words}; or {policy}" if opening else policy
    return Remedy("window", what, owners, when=opening.at if opening else None)


def _sealing(decision: Decision) -> Remedy:
    """What helps where a pull request was merged that nothing shows to have been allowed."""
    back = f"mlops-gitops rollback {decision.model} --in {decision.environment} --reason REASON"
    what = "`mlops-gitops reconcile`, which seals what was allowed; what was not has to go back"
    return Remedy("seal", what, commands=("mlops-gitops reconcile", back))


def _rollout(one: Judgement, decision: Decision) -> Remedy:
    back = f"mlops-gitops rollback {decision.model} --in {decision.environment} --reason REASON"
    if one.answer is Answer.FAIL:
        return Remedy("rollout", f"`{back}`, a mended release, or evidence made anew", commands=(back,))
    return Remedy("rollout", "time, and the evidence that is named")


def _expression(one: Judgement, decision: Decision) -> Remedy:
    """What the expression asks for can be seen, and the gate waived."""
    seen = f"mlops-gitops policy input {decision.model} {decision.environment}"
    who, waive = _people("waiver", decision), _waiving(one, decision)
    waiver = f"; or a waiver with an end, signed by {_or(who)}" if who else ""
    what = f"what the expression asks for, of what `{seen}` shows{waiver}"
    return Remedy(one.gate, what, who, (seen, *([waive] if who else [])))


def _waiving(one: Judgement, decision: Decision) -> str:
    about = f"{decision.model} --in {decision.environment}"
    release = decision.situation.dossier.release.version
    return f"mlops-gitops control waive {about} --release {release} --gate {one.gate} --reason REASON --until TIME"


def _was_judged(one: Judgement, decision: Decision) -> bool:
    """Whether evidence that counts has spoken and did not pass: saying the same again would change nothing."""
    return any(piece.digest in one.evidence for piece in decision.situation.dossier.evidence)


def _approval(one: Judgement, decision: Decision) -> Remedy:
    """Who has not approved yet; or, where somebody rejects, that very person."""
    evidence = [piece for piece in decision.situation.dossier.evidence if piece.digest in one.evidence]
    given = {piece.signer.name for piece in evidence if piece.claim.kind == "approval"}
    able = _people("approval", decision)
    approve = f"mlops-gitops approve {decision.model} --to {decision.environment}"
    if one.answer is Answer.FAIL:
        who = tuple(name for name in able if name in given) or tuple(sorted(given))
        return Remedy("approvals", f"{_or(who)} approves after all; or a mended release", who, (approve,))
    who = tuple(name for name in able if name not in given)
    by_review = decision.situation.slot.environment.by_pull_request
    review = ", or approved by them in the pull request" if by_review else ""
    return Remedy("approvals", f"`{approve}`, signed by {_or(who)}{review}", who, (approve,))


def _mending(one: Judgement, decision: Decision) -> Remedy:
    waive, who = _waiving(one, decision), _people("waiver", decision)
    waiver = f"; or a waiver with an end, signed by {_or(who)}" if who else ""
    return Remedy(one.gate, f"a mended release, or one tested on more rows{waiver}", who, (waive,) if who else ())


def _evidence(one: Judgement, decision: Decision) -> Remedy:
    """Which command makes the evidence that is missing, and whose key may sign it."""
    environment = decision.environment
    renew = f"mlops-gitops release {decision.model} --renew"
    who = tuple(signer.name for signer in decision.situation.trust.signers if may_sign(signer, one.gate, environment))
    signed = f", signed by {_or(who)}" if who else "; nobody in trust/signers.yaml may sign it: add a signer"
    return Remedy(one.gate, f"`{renew}`, which judges it anew, also against what {environment} runs now{signed}", who,
                  (renew,))  # fmt: skip


def _people(kind: str, decision: Decision) -> tuple[str, ...]:
    """Who may sign this for the environment and did not write the release."""
    source = decision.situation.dossier.release.source
    return tuple(
        one.name
        for one in decision.situation.trust.signers
        if one.type == "person"
        and may_sign(one, kind, decision.environment)
        and not any(wrote(one, who) for who in (source.author, *source.trainers))
    )


def _or(names: tuple[str, ...]) -> str:
    return " or ".join(names) or "somebody whom trust/signers.yaml does not name yet"
