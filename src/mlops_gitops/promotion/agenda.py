"""Everything that there is to do, each with its reason: a pure function of what was read and of the time.

Three kinds of work, in this order:

* what one commit of ours holds: rollbacks that evidence demands, moves into environments in direct mode, the reviews of
  open pull requests as evidence, and seals for what was merged;
* the pull requests of environments in pull-request mode, one for each slot: open, update, merge, close;
* what only people can do: merges that were not allowed, and branches into which somebody else put work.

Nothing here writes or asks anybody.  Made twice from the same repository, it says the same; made after all was done, it
holds nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from mlops_gitops.errors import Failure, Misused, NotYet
from mlops_gitops.evidence import envelope
from mlops_gitops.evidence.reviews import Review
from mlops_gitops.manifests.environment import Environment
from mlops_gitops.promotion import apply, layout, plan, proposals, recordings, sealing, wishes
from mlops_gitops.promotion.apply import Answered, Wish
from mlops_gitops.promotion.forge import Pull
from mlops_gitops.promotion.plan import Decision, Outcome
from mlops_gitops.promotion.proposals import Branch, NotOurs, Proposal
from mlops_gitops.promotion.recordings import Look
from mlops_gitops.promotion.sealing import Arrival, Unsealed
from mlops_gitops.promotion.seals import Seal
from mlops_gitops.promotion.snapshot import Snapshot

Place = tuple[str, str]
"""Environment and model."""
Describe = Callable[[Decision], tuple[str, str]]
"""Title and text of the pull request that proposes a decision."""


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


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class View:
    """All that was read for one round.

    ``pulls`` are open and want into our branch, by the name of theirs; ``None`` where the forge was not asked.
    ``reviews`` are those of the pull requests, by number.  ``judged`` says when this run judged what it had merged.
    ``wishes`` were asked for by name; ``only`` narrows the work to some slots; ``given_up`` are those that this run
    tries no more.
    """

    snapshot: Snapshot
    branches: Mapping[str, Branch]
    pulls: Mapping[str, Pull] | None
    arrivals: tuple[Arrival, ...]
    repository: str
    describe: Describe
    reviews: Mapping[int, Review] = field(default_factory=dict)
    judged: Mapping[str, datetime] = field(default_factory=dict)
    wishes: tuple[Wish, ...] = ()
    only: frozenset[Place] | None = None
    given_up: frozenset[Place] = frozenset()

    def covers(self, place: Place) -> bool:
        """Whether a slot is among those that this is about."""
        return self.only is None or place in self.only


@dataclass(frozen=True, slots=True)
class Agenda:
    """What is to be done, as judged ``at`` a time.

    ``backs`` are slots that go back by themselves, ``failures`` those about which nothing can be decided.
    """

    at: datetime
    backs: tuple[Answered, ...] = ()
    moves: tuple[Answered, ...] = ()
    looks: tuple[Look, ...] = ()
    seals: tuple[Seal, ...] = ()
    unsealed: tuple[Unsealed, ...] = ()
    requests: tuple[Request, ...] = ()
    failures: tuple[tuple[Place, Failure], ...] = ()

    @property
    def returning(self) -> tuple[Answered, ...]:
        """The slots that go back now."""
        return tuple(one for one in self.backs if one.decision is not None and one.decision.outcome is Outcome.MOVE)

    @property
    def commits(self) -> bool:
        """Whether there is anything to commit."""
        moving = any(one.decision is not None and apply.moves_now(one.decision) for one in self.moves)
        return moving or bool(self.returning or self.looks or self.seals)


def plan_all(view: View, *, signer: envelope.Signer | None, now: datetime) -> Agenda:
    """Everything to be done at ``now``, with the reasons.  Without a key nothing that needs one is planned."""
    failures: list[tuple[Place, Failure]] = []
    recorded: list[Look] = []
    requests: list[Request] = []
    backs = _backs(view, failures, now=now)
    going_back = {one.wish.place for one in backs if one.decision is not None and one.decision.outcome is Outcome.MOVE}
    for place in (one for one in _places(view) if one not in going_back):
        try:
            look = _look(view, place, signer=signer, now=now)
            recorded += [look] if look is not None else []
            request = _request(view, place, now=now)
            requests += [request] if request is not None else []
        except Failure as failure:
            failures.append((place, failure))
    sealed, unsealed = [], []
    for arrival in view.arrivals:
        try:
            outcome = _seal(view, arrival, signer=signer)
        except Failure as failure:
            failures.append(((arrival.filed.receipt.environment, arrival.filed.receipt.model), failure))
            continue
        if isinstance(outcome, Unsealed):
            unsealed.append(outcome)
        else:
            seal, look = outcome
            sealed.append(seal)
            recorded += [look] if look is not None else []
    return Agenda(
        now,
        backs=backs,
        moves=tuple(one for one in _moves(view, signer=signer, now=now) if one.wish.place not in going_back),
        looks=tuple(recorded),
        seals=tuple(sealed),
        unsealed=tuple(unsealed),
        requests=tuple(requests),
        failures=tuple(failures),
    )


def _backs(view: View, failures: list[tuple[Place, Failure]], *, now: datetime) -> tuple[Answered, ...]:
    """The slots that evidence demands to go back, each with the decision about it."""
    found = [one for one in apply.due(view.snapshot, now=now) if view.covers(one.wish.place)]
    failures += [(one.wish.place, one.failure) for one in found if one.failure is not None]
    return tuple(one for one in found if one.failure is None and one.wish.place not in view.given_up)


def _moves(view: View, *, signer: envelope.Signer | None, now: datetime) -> tuple[Answered, ...]:
    """The moves into environments that are automatic and in direct mode, each with its decision."""
    snapshot = view.snapshot
    answered = [
        apply.answer(snapshot, wish, now=now)
        for wish in wishes.automatic(snapshot, now=now)
        if view.covers(wish.place) and not snapshot.environment(wish.environment).by_pull_request
    ]
    if signer is None:
        return tuple(answered)
    return tuple(apply.signable(one, snapshot.trust, signer.keyid, alone=False) for one in answered)


def _places(view: View) -> Iterator[Place]:
    """The slots whose promotions come by pull requests, and those that still have a branch for one."""
    if view.pulls is None:
        return
    asked = {layout.slot_of_branch(name) for name in (*view.branches, *view.pulls)}
    for environment in view.snapshot.environments():
        for model in view.snapshot.models():
            place = (environment.name, model)
            if view.covers(place) and (environment.by_pull_request or place in asked):
                yield place


def _request(view: View, place: Place, *, now: datetime) -> Request | None:
    """What is to be done about the pull request of one slot; nothing where there is none and none is wanted."""
    name = layout.promotion_branch(*place)
    branch, pull = view.branches.get(name), (view.pulls or {}).get(name)
    found = proposals.read(branch) if branch is not None else None
    proposal = found if isinstance(found, Proposal) else None
    decision, why_not = _wanted(view, place, proposal, now=now)
    if pull is not None and pull.partial is not None:
        words = f"the forge does not tell all of the pull request: {pull.partial}"
        return Request(*place, Step.LEAVE, words, decision, pull, branch)
    promotion = proposal.receipt.id if proposal else None

    def request(step: Step, reason: str, *, rewrite: bool = False) -> Request:
        return Request(*place, step, reason, decision, pull, branch, promotion, rewrite)

    if decision is None or not _proposable(decision):
        if isinstance(found, NotOurs):
            return request(Step.LEAVE, _not_ours(found)) if pull is not None else None
        return _unwanted(request, why_not or _why_not(decision), decision, pull=pull, branch=branch)
    if isinstance(found, NotOurs):
        return request(Step.LEAVE, _not_ours(found))
    if pull is not None and pull.draft:
        return request(Step.WAIT, "the pull request is a draft")
    if proposal is None or not proposals.is_current(proposal, decision, view.snapshot):
        reason = "what is to be moved has changed" if proposal else "it may move by a pull request"
        return request(Step.OPEN if pull is None else Step.UPDATE, reason, rewrite=True)
    if pull is None:
        return request(Step.OPEN, "it may move by a pull request")
    return _standing(view, pull, proposal, decision, request)


def _proposable(decision: Decision) -> bool:
    """Whether there is anything to propose: not while a wave has to settle before the next one is due."""
    return decision.outcome in {Outcome.MOVE, Outcome.PENDING} and bool(decision.targets or decision.whole)


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
    outcome = decision.outcome if decision is not None else None
    steps = {Outcome.REFUSED: Step.REFUSE, Outcome.PENDING: Step.WAIT}
    return request(steps[outcome], reason) if outcome in steps else None


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
    return "; ".join(f"{one.gate}: {one.reason}" for one in decision.blocking)


def _wanted(
    view: View, place: Place, proposal: Proposal | None, *, now: datetime
) -> tuple[Decision | None, str | None]:
    """The decision about the release that the pull request of a slot is to propose; or why there is none.

    In an automatic environment that is the candidate.  In a manual one somebody asked, by name or by the pull request
    that stands, and a later release supersedes theirs.
    """
    environment, model = view.snapshot.environment(place[0]), place[1]
    if not environment.by_pull_request:
        return None, f"{environment.name} no longer asks for pull requests"
    if model not in view.snapshot.models():
        return None, f"{model} has no release"
    wish = next((one for one in view.wishes if one.place == place), None)
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


def _look(view: View, place: Place, *, signer: envelope.Signer | None, now: datetime) -> Look | None:
    """The reviews of a slot's pull request as evidence, where they are not on record as they are."""
    branch = view.branches.get(layout.promotion_branch(*place))
    pull = (view.pulls or {}).get(layout.promotion_branch(*place))
    found = proposals.read(branch) if branch is not None else None
    review = view.reviews.get(pull.number) if pull is not None else None
    if (
        signer is None
        or pull is None
        or review is None
        or pull.draft
        or pull.partial
        or not isinstance(found, Proposal)
    ):
        return None
    if pull.head != found.branch.tree.commit or set(pull.paths) != set(found.branch.paths):
        return None
    seen = recordings.Seen(pull, review, found.receipt, now)
    return recordings.new(view.snapshot, seen, present=view.snapshot, signer=signer)


def _seal(view: View, arrival: Arrival, *, signer: envelope.Signer | None) -> tuple[Seal, Look | None] | Unsealed:
    """The seal of what was merged, with the reviews as they were then; or why it has none."""
    receipt, pull = arrival.filed.receipt, arrival.pull
    look, review = None, view.reviews.get(pull.number) if pull is not None else None
    if signer is not None and pull is not None and pull.merged is not None and review is not None:
        apply.refuse_unless_trusted(view.snapshot.trust, signer.keyid, "promotion", receipt.environment)
        seen = recordings.Seen(pull, review, receipt, pull.merged.at)
        look = recordings.new(Snapshot(arrival.before), seen, present=view.snapshot, signer=signer)
    judged = sealing.judge(
        arrival,
        present=view.snapshot.tree,
        repository=view.repository,
        added=look.files if look is not None else {},
        times=sealing.moments(pull, judged=view.judged.get(receipt.id)) if pull is not None else (),
    )
    return judged if isinstance(judged, Unsealed) else (judged, look)
