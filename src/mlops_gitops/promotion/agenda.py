"""Everything that there is to do, each with its reason: a pure function of what was read and of the time.

Three kinds of work, in this order:

* what one commit of ours holds: rollbacks that evidence demands, moves into environments in direct mode and of rollouts
  that people have let in, the reviews of open pull requests as evidence, and seals for what was merged;
* the pull requests of environments in pull-request mode, one for each slot: open, update, merge, close;
* what only people can do: merges that were not allowed, and branches into which somebody else put work.

Nothing here writes or asks anybody.  Made twice from the same repository, it says the same; made after all was done, it
holds nothing to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from mlops_gitops.errors import Failure
from mlops_gitops.evidence import envelope
from mlops_gitops.promotion import apply, layout, proposals, pull_steps, recordings, returns, sealing, wishes
from mlops_gitops.promotion.apply import Answered, Wish
from mlops_gitops.promotion.plan import Decision, Outcome
from mlops_gitops.promotion.proposals import Proposal
from mlops_gitops.promotion.pull_steps import Request
from mlops_gitops.promotion.recordings import Look
from mlops_gitops.promotion.sealing import Arrival, Unsealed
from mlops_gitops.promotion.seals import Seal
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.view import Place, View
from mlops_gitops.records import record


@record
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
        return tuple(one for one in self.backs if _moves(one))

    @property
    def commits(self) -> bool:
        """Whether there is anything to commit."""
        moving = any(one.decision is not None and apply.moves_now(one.decision) for one in self.moves)
        return moving or bool(self.returning or self.looks or self.seals)


def plan_all(view: View, *, signer: envelope.Signer | None, now: datetime) -> Agenda:
    """Everything to be done at ``now``, with the reasons.  Without a key nothing that needs one is planned."""
    failures: list[tuple[Place, Failure]] = []
    sealed, unsealed, recorded = _seals(view, failures, signer=signer)
    backs = _backs(view, failures, now=now)
    leaving = {one.wish.place: _leaves(one.decision) for one in backs if one.decision is not None and _moves(one)}
    going = leaving.keys() - view.given_up
    requests: list[Request] = []
    for place in (one for one in _places(view) if one not in going):
        try:
            look = _look(view, place, signer=signer, now=now)
            recorded += [look] if look is not None else []
            request = pull_steps.request(view, place, now=now)
            requests += [request] if request is not None else []
        except Failure as failure:
            failures.append((place, failure))
    forward = [one for one in _forward(view, failures, now=now) if one.wish.place not in going]
    wanted = [one for one in forward if not _spreads(one, leaving)]
    if signer is not None:
        wanted = [apply.signable(one, view.snapshot.trust, signer.keyid, alone=False) for one in wanted]
    return Agenda(
        now,
        backs=tuple(one for one in backs if one.wish.place not in view.given_up),
        moves=tuple(wanted),
        looks=tuple(recorded),
        seals=tuple(sealed),
        unsealed=tuple(unsealed),
        requests=tuple(requests),
        failures=tuple(failures),
    )


def _seals(
    view: View, failures: list[tuple[Place, Failure]], *, signer: envelope.Signer | None
) -> tuple[list[Seal], list[Unsealed], list[Look]]:
    """The seals of what was merged, what cannot be sealed, and the reviews that come with the seals."""
    sealed, unsealed, recorded = list[Seal](), list[Unsealed](), list[Look]()
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
    return sealed, unsealed, recorded


def _backs(view: View, failures: list[tuple[Place, Failure]], *, now: datetime) -> list[Answered]:
    """The slots that evidence demands to go back, each with the decision about it."""
    found = [one for one in returns.due(view.snapshot, now=now) if view.covers(one.wish.place)]
    failures += [(one.wish.place, one.failure) for one in found if one.failure is not None]
    return [one for one in found if one.failure is None]


def _moves(one: Answered) -> bool:
    return one.decision is not None and one.decision.outcome is Outcome.MOVE


def _leaves(decision: Decision) -> str | None:
    """The release that a rollback leaves because evidence about it fails."""
    slot = decision.situation.slot
    return slot.in_flight or slot.current


def _spreads(one: Answered, leaving: Mapping[Place, str | None]) -> bool:
    """Whether a move takes a release on that is to go back in an environment before."""
    if one.decision is None:
        return False
    upstream = [(slot.environment.name, slot.model) for slot in one.decision.situation.upstream]
    return any(leaving.get(place) == one.decision.release for place in upstream)


def _forward(view: View, failures: list[tuple[Place, Failure]], *, now: datetime) -> Iterator[Answered]:
    """The moves that we write ourselves, each with its decision: in direct mode, and of rollouts that go on."""
    snapshot = view.snapshot
    for wish in wishes.automatic(snapshot, now=now):
        if view.covers(wish.place) and not snapshot.environment(wish.environment).by_pull_request:
            yield apply.answer(snapshot, wish, now=now)
    for environment in snapshot.environments():
        for model in snapshot.models() if environment.by_pull_request and environment.rollout else ():
            place = (environment.name, model)
            try:
                decision = pull_steps.going_on(view, place, now=now) if view.covers(place) else None
            except Failure as failure:
                failures.append((place, failure))
                continue
            if decision is not None:
                yield Answered(Wish(model, environment.name, decision.release), decision, None)


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
