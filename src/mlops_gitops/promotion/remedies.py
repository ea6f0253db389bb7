"""Who or what can change a reason that stands in the way: for each, in words, by whom, with which command, and when.

Pure functions of the decision and of the time.  A remedy is read from the situation that was judged, never from the
words of a reason, and is no part of a receipt: what helps today says nothing about why a pointer moved.

A person who is named here may do it: trust lets them sign it, and they are not the author.  Nobody is named where
anybody who may write to the environment repository can do it, or where only time can.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from mlops_gitops import times
from mlops_gitops.evidence.admission import may_sign
from mlops_gitops.evidence.gates import Answer, Judgement, wrote
from mlops_gitops.manifests.control import Control
from mlops_gitops.promotion import plan
from mlops_gitops.promotion.plan import Decision

_CONTROLS = ("hold", "veto", "freeze")


@dataclass(frozen=True, slots=True)
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
    waits = _soaks(decision, now=now)
    upstream = _upstream(decision)
    found = {}
    for one in decision.judgements:  # as they were judged: the first freeze among the reasons is the first in force
        if one.answer is Answer.PASS:
            continue
        of_order = {**ends, "soak": waits, "after": upstream}.get(one.gate)
        found[id(one)] = (next(of_order, None) if of_order is not None else None) or _of_gate(one, decision)
    return tuple(found[id(one)] for one in decision.blocking)


def _restrictions(kind: str, decision: Decision, *, now: datetime) -> Iterator[Remedy]:
    """What lifts each control of one kind that is in force, and when the freezes of the policy end, in their order."""
    slot = decision.situation.slot
    for control in slot.controls:
        if control.type == kind and plan.in_force(control, decision.release, now=now):
            yield _lifting(control, decision)
    for freeze in slot.environment.freezes if kind == "freeze" else ():
        if freeze.holds(now):
            owners = tuple(one.name for one in slot.environment.owners)
            end = times.format_instant(freeze.until)
            yield Remedy(kind, f"its end, {end}; or a change of the policy of {slot.environment.name}", owners,
                         when=freeze.until)  # fmt: skip


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
            end = upstream.receipts[-1].receipt.time + soak
            if end > now:
                yield Remedy("soak", f"time: it has run long enough at {times.format_instant(end)}", when=end)


def _of_gate(one: Judgement, decision: Decision) -> Remedy:
    if one.gate == "approvals":
        return _approval(one, decision)
    if one.answer is Answer.FAIL or _was_judged(one, decision):
        return _mending(one, decision)
    return _evidence(one, decision)


def _was_judged(one: Judgement, decision: Decision) -> bool:
    """Whether evidence that counts has spoken and did not pass: saying the same again would change nothing."""
    return any(piece.digest in one.evidence for piece in decision.situation.dossier.evidence)


def _approval(one: Judgement, decision: Decision) -> Remedy:
    """Who has not approved yet; or, where somebody rejects, that very person."""
    given = {piece.signer.name for piece in decision.situation.dossier.evidence if piece.digest in one.evidence}
    able = _people("approval", decision)
    approve = f"mlops-gitops approve {decision.model} --to {decision.environment}"
    if one.answer is Answer.FAIL:
        who = tuple(name for name in able if name in given) or tuple(sorted(given))
        return Remedy("approvals", f"{_or(who)} approves after all; or a mended release", who, (approve,))
    who = tuple(name for name in able if name not in given)
    return Remedy("approvals", f"`{approve}`, signed by {_or(who)}", who, (approve,))


def _mending(one: Judgement, decision: Decision) -> Remedy:
    model, environment = decision.model, decision.environment
    about = f"{model} --in {environment} --release {decision.situation.dossier.release.version} --gate {one.gate}"
    waive = f"mlops-gitops control waive {about} --reason REASON --until TIME"
    who = _people("waiver", decision)
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
    author = decision.situation.dossier.release.source.author
    return tuple(
        one.name
        for one in decision.situation.trust.signers
        if one.type == "person" and may_sign(one, kind, decision.environment) and not wrote(one, author)
    )


def _or(names: tuple[str, ...]) -> str:
    return " or ".join(names) or "somebody whom trust/signers.yaml does not name yet"
