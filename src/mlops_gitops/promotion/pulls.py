"""What a pull request still needs: the verdict of ``gate``, by the policy of its base branch.

In the environment repository every promotion that it proposes is judged by the approvals that its environment demands,
and everything else that it changes by ``spec.review`` of ``mlops-gitops.yaml``.  In a model repository the latter
judges all of it.  Nothing that decides is read from the head, and a policy that is missing passes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from mlops_gitops.errors import Failure, Refused
from mlops_gitops.evidence import approvals, codeowners, gates, persons, quorum
from mlops_gitops.evidence.admission import Evidence
from mlops_gitops.evidence.approvals import Voices
from mlops_gitops.evidence.gates import Answer, Case, Judgement
from mlops_gitops.evidence.quorum import Barred, Missing
from mlops_gitops.evidence.relevance import SKEW
from mlops_gitops.evidence.reviews import Review, claim_of_review, new_look
from mlops_gitops.evidence.statements import Claim
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.manifests import reading
from mlops_gitops.manifests.environment import REVIEWS, ApprovalsGate
from mlops_gitops.manifests.model import Model
from mlops_gitops.manifests.project import Project
from mlops_gitops.manifests.trust import Grant, Signer, Trust
from mlops_gitops.promotion import layout, looks, plan, scope
from mlops_gitops.promotion.forge import Forge, Pull, review_of
from mlops_gitops.promotion.looks import Proposed
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.store import Tree
from mlops_gitops.records import record

PROJECT = "mlops-gitops.yaml"
_VERDICTS = {Answer.PASS: Verdict.PASS, Answer.FAIL: Verdict.FAIL, Answer.PENDING: Verdict.INCONCLUSIVE}
_UNSIGNED = Signer("this look", "machine", (), (), (), (Grant(("review",), ("*",)),))
"""Stands for the signer of a look that is only being made: what it would be worth, once it is signed."""


@dataclass(frozen=True)
class Question:
    """A pull request that is judged at a time; ``address`` is the forge's, ``base`` the tip of its base branch."""

    pull: Pull
    forge: Forge
    address: str
    base: Tree
    now: datetime

    @cached_property
    def owners(self) -> tuple[codeowners.Line, ...] | None:
        """CODEOWNERS of the base branch."""
        return codeowners.read(self.base.read)

    def review(self, policies: Sequence[ApprovalsGate]) -> Review:
        """The reviews, with the groups of the policies that the forge or CODEOWNERS name."""
        groups = [one for policy in policies for one in policy.groups]
        named = looks.named_groups(groups, forge=self.forge, owners=self.owners, paths=self.pull.paths)
        told = [(name, frozenset(logins)) for name, logins in named]
        return review_of(self.pull, forge=self.address, repository=self.forge.repository, groups=told)


@record
class Part:
    """One answer about a pull request: what it is about, and who approved it, is missing or does not count.

    ``claim`` is the look to record, about a release of ``model``.
    """

    about: str
    answer: Answer
    reason: str
    approved: tuple[str, ...] = ()
    missing: tuple[Missing, ...] = ()
    notes: tuple[str, ...] = ()
    environment: str | None = None
    model: str | None = None
    claim: Claim | None = None


def holds_environments(base: Tree) -> bool:
    """Whether a repository has anything of an environment repository; one that has nothing holds models.

    Read from the branch that is guarded: a pull request cannot make the one of the other.
    """
    policies = (layout.environment(one) for one in base.names("environments"))
    return base.read(layout.TRUST) is not None or any(base.read(one) is not None for one in policies)


def of_environments(question: Question, *, head: Callable[[], Tree]) -> tuple[Part, ...]:
    """The verdict on a pull request in the environment repository.  Raises ``Refused`` for what is none of ours."""
    pull, base = question.pull, Snapshot(question.base)
    if pull.state != "open":
        raise _refused(f"it is {pull.state}", "open it again, or let `mlops-gitops verify` check what was merged")
    touched = scope.of_paths(pull.paths, exists=lambda path: question.base.read(path) is not None)
    if touched.promotes and pull.fork:
        raise _refused("it moves a pointer from a fork", "a promotion comes from a branch of this repository")
    parts = [*_draft(pull)]
    if touched.promotes or touched.receipts:
        parts += [_promotion(question, base, one) for one in looks.of_pull(touched, base, head())]
    rest = (*touched.rules, *touched.others, *(() if touched.promotes else touched.records))
    if rest:
        parts.append(_changes(question, rest, trust=base.trust, barred=()))
    return tuple(parts)


def of_models(question: Question, *, environments: Snapshot | None) -> tuple[Part, ...]:
    """The verdict on a pull request in a model repository, with a look to record for every release made from it."""
    pull = question.pull
    if pull.state == "closed":
        raise _refused("it is closed", "open it again")
    if len(pull.paths) >= scope.LISTED:
        raise _refused(f"it changes {scope.LISTED} files or more, and GitHub lists no more than that", "split it")
    trust = environments.trust if environments is not None else Trust(())
    barred = quorum.of_release("", _trainers(question))
    part = _changes(question, pull.paths, trust=trust, barred=barred)
    made = _released(pull, environments) if environments is not None else ()
    review = replace(question.review(()), groups=())
    recorded = [
        replace(part, about=f"{model} {version}", model=model, claim=_look_at_model(review, part, question, release))
        for model, version, release in made
    ]
    return (*_draft(pull), *(recorded or [part]))


def _draft(pull: Pull) -> tuple[Part, ...]:
    words = "it is a draft: mark it ready for review"
    return (Part("the pull request", Answer.PENDING, words),) if pull.draft and pull.state == "open" else ()


def _promotion(question: Question, base: Snapshot, one: Proposed) -> Part:
    """The approvals that an environment demands of one promotion, with this look as if it were on record."""
    situation = plan.situation(base, model=one.model, environment=one.environment, release=one.release)
    situation = replace(situation, anew=True)
    about = f"{one.model} {situation.dossier.release.version} to {one.environment}"
    policies = [gate for gate in situation.slot.environment.gates if isinstance(gate, ApprovalsGate)]
    if not policies:
        return Part(about, Answer.PASS, f"{one.environment} demands no approvals", environment=one.environment)
    policy = policies[0]
    found = weighed(policy, plan.gate_case(situation, now=question.now), question.review(policies), at=question.now)
    judged, voices = found.judgement, found.voices
    return Part(
        about=about,
        answer=judged.answer,
        reason=judged.reason,
        approved=tuple(sorted(voices.approve)),
        missing=voices.missing,
        notes=tuple(dict.fromkeys(voices.notes)),
        environment=one.environment,
        model=one.model,
        claim=found.claim if _reviews(policy) else None,
    )


@record
class Weighed:
    """What a look at the reviews of a promotion comes to, as if it were on record, and the claim that records it."""

    judgement: Judgement
    voices: Voices
    claim: Claim


def weighed(policy: ApprovalsGate, case: Case, review: Review, *, at: datetime) -> Weighed:
    """Judge the approvals of a promotion by its evidence and by one more look at its pull request."""
    claim = looks.look(case, review, verdict=Verdict.INCONCLUSIVE, summary="being judged", issued_at=at)
    made = new_look(claim, said=case.evidence)
    seen = replace(case, evidence=(*case.evidence, *([Evidence("", made, _UNSIGNED)] if made else [])))
    judged = gates.judge(policy, seen)
    return Weighed(
        judged, gates.voices(policy, seen), replace(claim, verdict=_VERDICTS[judged.answer], summary=judged.reason)
    )


def _reviews(policy: ApprovalsGate) -> bool:
    return REVIEWS in policy.sources


def _changes(question: Question, paths: Sequence[str], *, trust: Trust, barred: Sequence[Barred]) -> Part:
    """Whether the reviews satisfy ``spec.review`` of the base branch."""
    about = f"{paths[0]!a}{f' and {len(paths) - 1} more' if len(paths) > 1 else ''}" if paths else "nothing"
    policy = _policy(question)
    if policy is None:
        return Part(about, Answer.PASS, f"{PROJECT} of {question.pull.base} says `review: none`")
    review = question.review([policy])
    names = [login for group in policy.groups for login in group.members]
    people = persons.listed([*names, *(login for _, logins in review.groups for login in logins)], trust)
    everybody = (*quorum.of_review(review), *barred)
    heard = quorum.hear(
        review, people=people, barred=everybody, now=question.now, until=question.now + SKEW, max_age=policy.max_age
    )
    missing = quorum.missing(policy, set(heard.approve), people=people, barred=everybody, named=review.groups)
    notes = (*_pusher(review), *heard.notes)
    by = f"approved by {', '.join(sorted(heard.approve))}" if heard.approve else "nobody has approved yet"
    if heard.object:
        answer, reason = Answer.FAIL, f"{' and '.join(sorted(heard.object))} requests changes"
    elif missing:
        answer, reason = Answer.PENDING, f"{by}; still missing: {' and '.join(one.words for one in missing)}"
    else:
        answer, reason = Answer.PASS, f"{by} ({len(heard.approve)} of {policy.quorum})"
    return Part(about, answer, f"{reason}{approvals.told(notes)}", tuple(sorted(heard.approve)), missing, notes)


def _pusher(review: Review) -> tuple[str, ...]:
    return ("the forge does not say who pushed last",) if review.pusher is None else ()


def _policy(question: Question) -> ApprovalsGate | None:
    """What the base branch demands of changes; ``None`` where it says in so many words that it demands nothing."""
    data = question.base.read(PROJECT)
    project: Project | None = None if data is None else reading.read("project", data, path=PROJECT)
    if project is not None and project.unreviewed:
        return None
    if project is None or project.review is None:
        raise _refused(
            f"{PROJECT} on {question.pull.base} does not say what a change needs",
            "write spec.review there, with quorum and groups, or `review: none` to demand nothing",
        )
    return project.review


def _trainers(question: Question) -> tuple[str, ...]:
    """Who trains the models that change, by the manifests of the base branch; what cannot be read names nobody."""
    names = dict.fromkeys(path.split("/")[1] for path in question.pull.paths if path.startswith("models/"))
    found: list[str] = []
    for name in names:
        path = f"models/{name}/model.yaml"
        data = question.base.read(path)
        try:
            model: Model | None = None if data is None else reading.read("model", data, path=path)
        except Failure:
            continue
        for owner in model.owners if model is not None else ():
            if owner.role == "trainer":
                found += [owner.email, *([f"github:{owner.github}"] if owner.github else [])]
    return tuple(found)


def _released(pull: Pull, environments: Snapshot) -> tuple[tuple[str, str, str], ...]:
    """Model, version and id of the releases that were made from the commit that holds the pull request."""
    if pull.merged is None:
        return ()
    return tuple(
        (model, release.version, release.id)
        for model in environments.models()
        for release in environments.line(model)
        if release.source.revision == pull.merged.commit
    )


def _look_at_model(review: Review, part: Part, question: Question, release: str) -> Claim:
    merged = question.pull.merged
    return claim_of_review(
        review,
        release=release,
        environment=None,
        policy=None,
        head=merged.commit if merged is not None else "",
        verdict=_VERDICTS[part.answer],
        issued_at=question.now,
        summary=part.reason,
    )


def _refused(why: str, hint: str) -> Refused:
    return Refused(f"the pull request is refused: {why}", hint=hint, code="pull-request")
