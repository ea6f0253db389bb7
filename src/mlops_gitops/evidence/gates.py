"""Whether evidence satisfies what an environment demands: pass, fail, or pending with who can change it.

Pure functions over frozen records; the time is an argument.  The rules, each with a property test:

* Evidence counts only for the release, environment, policy and champion that it names, from a signer whom trust lets
  sign that kind there, and only until it expires (its own date, or the gate's ``maxAge``, whichever comes first).
* Missing evidence is pending.  Pieces that disagree are pending, with an error, until one supersedes the other.  An
  inconclusive verdict is pending: a person has to look.  Only a pass passes.
* An expression in CEL that is false, or has no value, does not pass (``evidence/expressions.py``).
* An approval counts for one release, one commit, one environment and one policy, once per person, and never from the
  author or who trained the model.  Who withdraws or rejects later replaces what they said before.  A review of the pull
  request that proposes the promotion counts as an approval (``evidence/approvals.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum

from mlops_gitops import times
from mlops_gitops.evidence import approvals, persons, quorum, relevance
from mlops_gitops.evidence.admission import Evidence, may_sign
from mlops_gitops.evidence.approvals import Voices
from mlops_gitops.evidence.statements import LEVELS, agreed, measured
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.manifests.environment import SIGNATURES, ApprovalsGate, EvidenceGate, ExpressionGate, Gate, Holdout
from mlops_gitops.manifests.metrics import Threshold
from mlops_gitops.manifests.release import Release
from mlops_gitops.manifests.trust import Signer, Trust
from mlops_gitops.records import record


class Answer(Enum):
    """The three answers of a gate."""

    PASS = "pass"  # noqa: S105 - an answer
    FAIL = "fail"
    PENDING = "pending"


@record
class Waiver:
    """A gate that a person has set aside for this release, with a signature and an end."""

    gate: str
    by: str
    until: datetime
    evidence: str


@record
class Case:
    """Everything that a gate may look at.

    ``champion`` is the release that runs in the environment now, ``policy`` the digest of the environment's policy,
    ``head`` and ``author`` the commit and the person that the release was made from, ``trainers`` those who trained
    it.  ``promotion`` is the id of the promotion that is judged: reviews count for that one alone.  What expressions
    see besides: ``about`` is the release itself, ``previous`` the one that runs, ``since`` when, ``after`` the
    environments before this one, and ``approvals_gate`` the one of the policy, which says whose approvals they see.
    ``anchor`` is the release of long ago that a comparison has to be made with besides.
    """

    release: str
    environment: str
    policy: str
    champion: str | None
    head: str
    author: str
    evidence: tuple[Evidence, ...]
    waivers: tuple[Waiver, ...]
    trust: Trust
    now: datetime
    trainers: tuple[str, ...] = ()
    promotion: str | None = None
    about: Release | None = None
    previous: Release | None = None
    since: datetime | None = None
    after: tuple[str, ...] = ()
    approvals_gate: ApprovalsGate | None = None
    anchor: str | None = None


@record
class Approval:
    """A person whose approval counts: by the name in ``trust/``, and by which piece of evidence they said so."""

    name: str
    groups: tuple[str, ...]
    at: datetime
    source: str
    evidence: str


@record
class Judgement:
    """What one gate answers, why in words, and the digests of the evidence that decided."""

    gate: str
    answer: Answer
    reason: str
    evidence: tuple[str, ...] = ()


def judge(gate: Gate, case: Case) -> Judgement:
    """The answer of one gate."""
    if isinstance(gate, ApprovalsGate):
        return _approvals(gate, case)
    if isinstance(gate, ExpressionGate):
        from mlops_gitops.evidence import expressions  # late: a policy without expressions pays nothing for them

        return _waived(gate.name, expressions.judge(gate, case), case)
    return _waived(gate.name, _evidence(gate, case), case)


def _waived(name: str, plain: Judgement, case: Case) -> Judgement:
    """What a gate answers, unless a person whom trust lets do so has set it aside."""
    if plain.answer is Answer.PASS:
        return plain
    for waiver in case.waivers:
        signed = _signed(waiver, case) if waiver.gate == name and case.now < waiver.until else None
        if signed is not None:
            until = times.format_instant(waiver.until)
            return Judgement(
                plain.gate,
                Answer.PASS,
                f"waived by {signed.signer.name} until {until}; without it: {plain.reason}",
                (signed.digest,),
            )
    return plain


def _evidence(gate: EvidenceGate, case: Case) -> Judgement:
    name = gate.evidence
    if name == "comparison" and case.champion is None:
        return Judgement(name, Answer.PASS, "nothing runs here yet, so there is no champion to compare with")
    valid: list[Evidence] = []
    flaws: list[str] = []
    for one in relevance.standing(case, name, max_age=gate.max_age):
        flaw = relevance.flaw(one, case, max_age=gate.max_age)
        if flaw is None:
            valid.append(one)
        else:
            flaws.append(flaw)
    if not valid:
        detail = f" ({'; '.join(flaws)})" if flaws else ""
        return Judgement(name, Answer.PENDING, f"no valid {name} evidence for this release{detail}")
    digests = tuple(one.digest for one in valid)
    said = {one.claim.verdict for one in valid}
    if len(said) > 1:
        return Judgement(
            name,
            Answer.PENDING,
            f"error: {len(valid)} pieces of {name} evidence disagree; sign one that supersedes the others",
            digests,
        )
    summary = valid[-1].claim.summary
    match said.pop():
        case Verdict.PASS:
            return (
                _short_of(gate, valid, case)
                or _spent(gate.holdout, name, valid)
                or Judgement(name, Answer.PASS, summary, digests)
            )
        case Verdict.FAIL:
            return Judgement(name, Answer.FAIL, summary, digests)
        case Verdict.INCONCLUSIVE:
            return Judgement(name, Answer.PENDING, f"inconclusive, a person has to look: {summary}", digests)


def _short_of(gate: EvidenceGate, valid: Sequence[Evidence], case: Case) -> Judgement | None:
    """Where the numbers in passing evidence miss what the environment demands of them, or ``None``.

    Thresholds of the manifest are the team's; these are the environment's, and every piece of evidence must meet them.
    """
    digests = tuple(one.digest for one in valid)
    if gate.level is not None:
        for one in valid:
            short = _looser(gate.level, agreed(one.claim))
            if short is not None:
                answer, words = short
                return Judgement(gate.evidence, answer, words.format(case.environment), digests)
    for demand in gate.metrics:
        for one in valid:
            found = measured(one.claim, demand.metric)
            if not found:
                words = f"{case.environment} demands {demand.metric}, which was not measured"
                return Judgement(gate.evidence, Answer.PENDING, words, digests)
            for value in found:
                if not demand.threshold.allows(value):
                    words = f"{demand.metric} is {value:.3f}; {case.environment} demands {_bounds(demand.threshold)}"
                    return Judgement(gate.evidence, Answer.FAIL, words, digests)
    return None


def _spent(holdout: Holdout | None, name: str, valid: Sequence[Evidence]) -> Judgement | None:
    """Whether passing comparisons are within their share of the data, where data are spent by looks."""
    if holdout is None:
        return None
    from mlops_gitops.evidence import holdouts  # late: a policy that counts no looks pays nothing for them

    digests = tuple(one.digest for one in valid)
    for one in valid:
        lacking = holdouts.short_of(holdout, one.claim)
        if lacking is not None:
            return Judgement(name, Answer.PENDING, f"{lacking}; {one.claim.summary}", digests)
    last = valid[-1].claim
    return Judgement(name, Answer.PASS, f"{last.summary}; {holdouts.told(holdout, last)}", digests)


def _looser(demanded: str, reached: Sequence[str]) -> tuple[Answer, str] | None:
    """Why trainings that agree at these levels are not as alike as was demanded, or ``None``; ``{}`` names who asks."""
    if not reached:
        return Answer.PENDING, f"{{}} demands agreement at the level {demanded}, and no level is on record"
    loosest = max(reached, key=LEVELS.index)
    if LEVELS.index(loosest) > LEVELS.index(demanded):
        return Answer.FAIL, f"the trainings agree at the level {loosest}; {{}} demands {demanded}"
    return None


def _bounds(threshold: Threshold) -> str:
    sides = (("at least", threshold.min), ("at most", threshold.max))
    return " and ".join(f"{words} {limit:g}" for words, limit in sides if limit is not None)


def _signed(waiver: Waiver, case: Case) -> Evidence | None:
    """What a person whom trust lets waive here has signed for it, with an end; the author may not."""
    for one in relevance.last_words(case, "waiver"):
        meant = one.digest == waiver.evidence and one.claim.gate == waiver.gate and one.claim.expires_at is not None
        counts = one.claim.verdict is Verdict.PASS and relevance.flaw(one, case, max_age=None) is None
        if meant and counts and _may_approve(one.signer, case, kind="waiver"):
            return one
    return None


def _may_approve(signer: Signer, case: Case, *, kind: str) -> bool:
    if signer.type != "person" or not may_sign(signer, kind, case.environment):
        return False
    barred = quorum.of_release(case.author, case.trainers)
    return quorum.why_barred(persons.who(signer, case.trust), barred) is None


def voices(gate: ApprovalsGate, case: Case) -> Voices:
    """Whose voice counts for an approvals gate, and who is still missing."""
    reviews = relevance.heard(case, "review")
    seen = approvals.looks(gate, case, reviews, lambda one: relevance.flaw(one, case, max_age=None))
    signed = [
        (one, _approval_flaw(one, case, max_age=gate.max_age))
        for one in (relevance.last_words(case, "approval") if SIGNATURES in gate.sources else ())
    ]
    return approvals.weigh(gate, case, signed, seen, skew=relevance.SKEW)


def approved(case: Case) -> tuple[Approval, ...]:
    """Everyone whose approval counts here and now, by name: each person once, nobody who takes it back or objects.

    Nobody at all where looks at the reviews differ: who approves is not known then.
    """
    heard = voices(case.approvals_gate or ApprovalsGate(quorum=1), case)
    if heard.looked.error is not None:
        return ()
    groups = {one.name: tuple(sorted(one.groups)) for one in persons.approvers(case.trust, case.environment)}
    return tuple(
        Approval(
            name,
            groups.get(name, ()),
            one.claim.issued_at,
            "review" if one.claim.kind == "review" else "signature",
            one.digest,
        )
        for name, one in sorted(heard.approve.items())
    )


def _approvals(gate: ApprovalsGate, case: Case) -> Judgement:
    heard = voices(gate, case)
    given = sorted(heard.approve)
    digests = tuple(dict.fromkeys([*(heard.approve[name].digest for name in given), *heard.looked.digests]))
    if heard.looked.error is not None:
        return Judgement("approvals", Answer.PENDING, f"error: {heard.looked.error}", heard.looked.digests)
    for reason, against in heard.object.values():
        return Judgement("approvals", Answer.FAIL, reason, against)
    noted = approvals.told(heard.notes)
    if heard.errors:
        return Judgement("approvals", Answer.PENDING, f"error: {'; '.join(heard.errors)}{noted}", digests)
    by = f"approved by {', '.join(given)}" if given else "nobody has approved yet"
    if heard.missing:
        still = " and ".join(one.words for one in heard.missing)
        return Judgement("approvals", Answer.PENDING, f"{by}; still missing: {still}{noted}", digests)
    return Judgement("approvals", Answer.PASS, f"{by} ({len(given)} of {gate.quorum}){noted}", digests)


def _approval_flaw(one: Evidence, case: Case, *, max_age: timedelta | None) -> str | None:
    name = one.signer.name
    if not _may_approve(one.signer, case, kind="approval"):
        return f"{name} may not approve for {case.environment}"
    if one.claim.head != case.head:
        return f"{name} approved another commit"
    if one.claim.policy != case.policy:
        return f"{name} approved under another policy of {case.environment}"
    return relevance.flaw(one, case, max_age=max_age)
