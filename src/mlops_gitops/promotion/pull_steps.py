"""What is to be done about the pull request of one slot: open, update, merge, close, or nothing, with the reason.

One slot has at most one pull request, and a rollout is asked of people once: its first step comes by a pull request,
and the steps after it go on without one as long as those approvals count.  Pure: requests are made in ``requests.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import Enum

from mlops_gitops.errors import Misused, NotYet
from mlops_gitops.manifests.environment import Environment
from mlops_gitops.promotion import layout, plan, proposals, restrictions, rollouts, wishes
from mlops_gitops.promotion.forge import Pull
from mlops_gitops.promotion.plan import Decision, Outcome
from mlops_gitops.promotion.proposals import NotOurs, Proposal
from mlops_gitops.promotion.receipts import DIRECT
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.store import Branch
from mlops_gitops.promotion.view import Place, View
from mlops_gitops.records import record


class Step(Enum):
    """What is to be done about the pull request of a slot.  The last three change nothing."""

    OPEN = "open"
    UPDATE = "update"
    MERGE = "merge"
    CLOSE = "close"
    DELETE = "delete"
    WAIT = "wait"
    REFUSE = "refuse"
    LEAVE = "leave"

    @property
    def writes(self) -> bool:
        """Whether it changes anything."""
        return self not in {Step.WAIT, Step.REFUSE, Step.LEAVE}


@record
class Request:
    """The pull request of one slot: what is to be done, why, and what there is.

    ``promotion`` is what the branch proposes now; ``rewrite``: it has to be written first.
    """

    environment: str
    model: str
    step: Step
    reason: str
    decision: Decision | None = None
    pull: Pull | None = None
    branch: Branch | None = None
    promotion: str | None = None
    rewrite: bool = False

    @property
    def place(self) -> Place:
        """The slot."""
        return self.environment, self.model


def request(view: View, place: Place, *, now: datetime) -> Request | None:
    """What is to be done about the pull request of one slot; nothing where there is none and none is wanted."""
    name = layout.promotion_branch(*place)
    branch, pull = view.branches.get(name), (view.pulls or {}).get(name)
    found = _found(view, place)
    proposal = found if isinstance(found, Proposal) else None
    decision, why_not = _wanted(view, place, proposal, now=now)
    promotion = proposal.receipt.id if proposal else None
    if pull is not None and pull.partial is not None:
        words = f"the forge does not tell all of the pull request: {pull.partial}"
        return Request(*place, Step.LEAVE, words, decision, pull, branch)

    def said(step: Step, reason: str, *, rewrite: bool = False) -> Request:
        return Request(*place, step, reason, decision, pull, branch, promotion, rewrite)

    if decision is None or decision.mode == DIRECT or decision.outcome not in {Outcome.MOVE, Outcome.PENDING}:
        if isinstance(found, NotOurs):
            return said(Step.LEAVE, _not_ours(found)) if pull is not None else None
        return _unwanted(said, why_not or _why_not(decision), decision, pull=pull, branch=branch)
    if isinstance(found, NotOurs):
        return said(Step.LEAVE, _not_ours(found))
    if pull is not None and pull.draft:
        return said(Step.WAIT, "the pull request is a draft")
    if _waits_for_its_targets(decision):
        return said(Step.WAIT, _why_not(decision))
    if proposal is None or not proposals.is_current(proposal, decision, view.snapshot):
        reason = "what is to be moved has changed" if proposal else "it may move by a pull request"
        return said(Step.OPEN if pull is None else Step.UPDATE, reason, rewrite=True)
    if pull is None:
        return said(Step.OPEN, "it may move by a pull request")
    return _standing(view, pull, proposal, decision, said)


def going_on(view: View, place: Place, *, now: datetime) -> Decision | None:
    """The decision about a rollout that goes on without a pull request of its own; ``None`` where none does."""
    if view.snapshot.slot(*place).in_flight is None:
        return None
    found = _found(view, place)
    decision, _ = _wanted(view, place, found if isinstance(found, Proposal) else None, now=now)
    return decision if decision is not None and decision.mode == DIRECT else None


def _found(view: View, place: Place) -> Proposal | NotOurs | None:
    """What the branch of a slot proposes."""
    branch = view.branches.get(layout.promotion_branch(*place))
    return proposals.read(branch) if branch is not None else None


def _waits_for_its_targets(decision: Decision) -> bool:
    """Whether there is nothing yet to propose: no target may move now, or the last step of it has no seal."""
    slot = decision.situation.slot
    unsealed = slot.unsealed and not restrictions.stranded(slot) and slot.in_flight == decision.release
    return unsealed or not (decision.targets or decision.whole)


def _not_ours(found: NotOurs) -> str:
    return f"branch {found.branch.name} is not as we wrote it: {found.reason}"


def _unwanted(
    request: Callable[[Step, str], Request],
    reason: str,
    decision: Decision | None,
    *,
    pull: Pull | None,
    branch: Branch | None,
) -> Request | None:
    """What is to be done where nothing is to be proposed."""
    if pull is not None:
        return request(Step.CLOSE, reason)
    if branch is not None:
        return request(Step.DELETE, reason)
    refused = decision is not None and decision.outcome is Outcome.REFUSED
    return request(Step.REFUSE, reason) if refused else None


def _standing(
    view: View, pull: Pull, found: Proposal, decision: Decision, request: Callable[[Step, str], Request]
) -> Request:
    """What is to be done about an open pull request that proposes what is wanted."""
    if pull.head != found.branch.tree.commit:
        return request(Step.WAIT, "the forge and its git do not show the same commit of the branch yet")
    if set(pull.paths) != set(found.branch.paths):
        return request(Step.LEAVE, "the pull request changes other files than we wrote")
    if decision.outcome is Outcome.MOVE:
        return request(Step.MERGE, "every gate passes")
    title, body = view.describe(decision)
    if (_lines(title), _lines(body)) != (_lines(pull.title), _lines(pull.body)):
        return request(Step.UPDATE, "its text no longer says how things stand")
    return request(Step.WAIT, _why_not(decision))


def _lines(text: str) -> list[str]:
    """A text as it reads: forges change the ends of lines."""
    return [line.rstrip() for line in text.strip().splitlines()]


def _why_not(decision: Decision | None) -> str:
    if decision is None:
        return "no release is to be promoted"
    if decision.outcome is Outcome.NOTHING:
        return "it runs there already"
    if decision.mode == DIRECT and decision.outcome is not Outcome.REFUSED:
        return "the rollout goes on under the approvals that it has"
    return "; ".join(f"{one.gate}: {one.reason}" for one in decision.blocking)


def _wanted(
    view: View, place: Place, proposal: Proposal | None, *, now: datetime
) -> tuple[Decision | None, str | None]:
    """The decision about the release that the pull request of a slot is to propose; or why there is none.

    In an automatic environment that is the candidate.  In a manual one somebody asked, by name or by the pull request
    that stands, and a later release supersedes theirs.  In either, a rollout that people have let in comes first, but
    where it is refused, somebody asks by name, or a pull request for another release stands.
    """
    environment, model = view.snapshot.environment(place[0]), place[1]
    if not environment.by_pull_request:
        return None, f"{environment.name} no longer asks for pull requests"
    if model not in view.snapshot.models():
        return None, f"{model} has no release"
    wish = next((one for one in view.wishes if one.place == place), None)
    standing = proposal.receipt.release if proposal is not None else None
    slot = view.snapshot.slot(environment.name, model)
    coming = slot.in_flight if wish is None else None
    if coming is not None and standing in {None, coming} and rollouts.let_in(slot, coming) is not None:
        case = plan.situation(view.snapshot, model=model, environment=environment.name, release=coming)
        decision = plan.decide(case, now=now)
        if decision.outcome is not Outcome.REFUSED:
            return decision, None
    asked = wish is not None or wishes.wanted(view.snapshot, environment, model, now=now)
    release = (wish.release if wish else None) or _release(
        view.snapshot, environment, model, proposal, asked=asked, named=wish is not None
    )
    if release is None:
        return None, None
    case = plan.situation(view.snapshot, model=model, environment=environment.name, release=release)
    return plan.decide(case, now=now), None


def _release(
    snapshot: Snapshot,
    environment: Environment,
    model: str,
    proposal: Proposal | None,
    *,
    asked: bool,
    named: bool,
) -> str | None:
    """The candidate, where a person (``named``) or automation asked; else what stands, or what supersedes it."""
    try:
        candidate: str | None = snapshot.candidate(model, environment)
    except (NotYet, Misused):
        if named:
            raise
        candidate = None
    if proposal is None:
        return candidate if asked else None
    standing = proposal.receipt.release
    if candidate is None or asked:
        return candidate or standing
    line = [one.id for one in snapshot.line(model)]
    return max(standing, candidate, key=line.index) if standing in line else candidate
