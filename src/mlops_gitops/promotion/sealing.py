"""The decision of a pull request made again after its merge, and the seal if it holds.

Everything is taken from before the merge: slot, policy, trust and controls from the commit before the one that brought
the receipt, evidence as it is known now but only what was dated by then.  So an approval that is given later does not
make a merge right, and a rejection that is given later does not make it wrong.  ``verify`` calls the same functions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from mlops_gitops import canonical
from mlops_gitops.errors import Failure
from mlops_gitops.evidence import codeowners
from mlops_gitops.evidence.relevance import SKEW
from mlops_gitops.promotion import apply, layout, plan, proposals
from mlops_gitops.promotion.forge import Pull
from mlops_gitops.promotion.plan import Action, Decision, Outcome
from mlops_gitops.promotion.pulls import PROJECT
from mlops_gitops.promotion.receipts import PULL_REQUEST, Filed, Receipt
from mlops_gitops.promotion.seals import PullRequest, Seal
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.store import Change, Tree
from mlops_gitops.promotion.stored import may_promote
from mlops_gitops.records import record

WATCHED = (*layout.APPEND_ONLY, "environments", "trust", "controls")
"""What a promotion must not bring along: everything that decisions are made from."""


@record
class Arrival:
    """How a receipt by pull request came into the branch: by which change, and of which pull request if any is known.

    ``before`` and ``after`` are the commits on the branch around it.
    """

    filed: Filed
    change: Change
    before: Tree
    after: Tree
    pull: Pull | None


@record
class Unsealed:
    """A receipt that cannot be sealed: why, and the decision made again where there is one."""

    filed: Filed
    reason: str
    decision: Decision | None = None
    pull: Pull | None = None


@record
class Spliced:
    """A commit of the past with the evidence about one release as another commit has it, and some that comes anew."""

    past: Tree
    present: Tree
    folder: str
    added: Mapping[str, bytes]

    @property
    def commit(self) -> str:
        """The commit of the past."""
        return self.past.commit

    def read(self, path: str) -> bytes | None:
        """The bytes of a file."""
        if path in self.added:
            return self.added[path]
        return (self.present if path.startswith(f"{self.folder}/") else self.past).read(path)

    def names(self, folder: str) -> tuple[str, ...]:
        """The names directly inside a folder, sorted."""
        if folder != self.folder:
            return self.past.names(folder)
        added = {path.rpartition("/")[2] for path in self.added if path.startswith(f"{folder}/")}
        return tuple(sorted({*self.present.names(folder), *added}))

    def contents(self, folder: str) -> Mapping[str, str]:
        """The names directly inside a folder, each with an id of what it holds."""
        if folder != self.folder:
            return self.past.contents(folder)
        added = {path: data for path, data in self.added.items() if path.startswith(f"{folder}/")}
        return {
            **self.present.contents(folder),
            **{path.rpartition("/")[2]: canonical.sha256(data) for path, data in added.items()},
        }

    def prefetch(self, paths: Iterable[str]) -> None:
        """These are read next, from the commit of the past."""
        self.past.prefetch(paths)

    def before(self, path: str) -> Tree | None:
        """The commit before the one in which ``path`` appeared."""
        return self.past.before(path)

    def follows(self, commit: str) -> bool:
        """Whether ``commit`` lies before the commit of the past, or is it."""
        return self.past.follows(commit)


def decide_again(
    receipt: Receipt, *, before: Tree, present: Tree, added: Mapping[str, bytes], now: datetime
) -> Decision:
    """The decision of a promotion by pull request, as it was at ``now``.  Raises what reading a repository raises."""
    tree = Spliced(before, present, layout.evidence(receipt.release), added)
    case = plan.situation(Snapshot(tree), model=receipt.model, environment=receipt.environment, release=receipt.release)
    case = replace(case, anew=True)  # what came by a pull request stands on the reviews of that one
    dated = tuple(one for one in case.dossier.evidence if one.claim.issued_at <= now + SKEW)
    return plan.decide(replace(case, dossier=replace(case.dossier, evidence=dated)), now=now)


def flaw(filed: Filed, change: Change, *, before: Tree, after: Tree) -> str | None:
    """What is wrong with how a receipt came, whoever approved it; ``None`` where nothing is.

    Raises what reading a repository raises.
    """
    receipt, then = filed.receipt, Snapshot(before)
    if (receipt.mode, receipt.action) != (PULL_REQUEST, Action.PROMOTE.value):
        return "only a promotion comes by a pull request"
    if not may_promote(filed.sealed, receipt.environment, then.trust):
        return f"nobody who might promote to {receipt.environment} then signed it"
    case = plan.situation(then, model=receipt.model, environment=receipt.environment, release=receipt.release)
    if not case.slot.environment.by_pull_request:
        return f"the policy of {receipt.environment} asks for no pull request"
    empty = Decision(Action.PROMOTE, case, Outcome.PENDING, (), receipt.targets, receipt.whole)
    if proposals.constant(receipt) != proposals.constant(proposals.proposed(empty, tree=before, now=receipt.time)):
        return "it was written for another state of the environment than the one that it met"
    ridden = [one for one in (PROJECT, *codeowners.PLACES) if before.read(one) != after.read(one)]
    if ridden:
        return f"it came together with a change of {ridden[0]}, which says who is asked"
    paths = [path for status, path in change.paths if path.split("/", 1)[0] in WATCHED and status in {"A", "M"}]
    if len(paths) != len(change.paths):
        return "it came with files that were removed or replaced by links"
    return proposals.difference(apply.moved(receipt, then), receipt, before=before, after=after, paths=paths)


def moments(pull: Pull, *, judged: datetime | None) -> tuple[datetime, ...]:
    """When the decision may be made again: when the forge merged, or when we judged before we had it merged.

    Both clocks are honest, and they need not agree to the second at which a window opens.
    """
    found = [pull.merged.at] if pull.merged else []
    return tuple(one.replace(microsecond=0) for one in [*found, *([judged] if judged else [])])


def judge(
    arrival: Arrival,
    *,
    present: Tree,
    repository: str,
    added: Mapping[str, bytes],
    times: Sequence[datetime],
) -> Seal | Unsealed:
    """The seal of a promotion that was merged, if it was allowed."""
    filed, pull, receipt = arrival.filed, arrival.pull, arrival.filed.receipt
    decision: Decision | None = None
    try:
        wrong = flaw(filed, arrival.change, before=arrival.before, after=arrival.after) or _other_pull(arrival)
        wrong = wrong or _squatted(present, receipt)
        if wrong or pull is None or pull.merged is None:
            return Unsealed(filed, wrong or "no merged pull request brought it", None, pull)
        for moment in times:
            again = decide_again(receipt, before=arrival.before, present=present, added=added, now=moment)
            if again.outcome is Outcome.MOVE and moves_the_same(receipt, again):
                return _seal(arrival, again, pull, repository, moment)
            decision = decision or again
    except Failure as failure:
        return Unsealed(filed, failure.message, decision, pull)
    allowed = decision is not None and decision.outcome is Outcome.MOVE
    wrong = "the next step of the rollout was another one" if allowed else "the policy did not allow it"
    return Unsealed(filed, f"when it was merged, {wrong}", decision, pull)


def moves_the_same(receipt: Receipt, decision: Decision) -> bool:
    """Whether a receipt moves the targets that the decision, made again, would move."""
    return (receipt.targets, receipt.whole) == (decision.targets, decision.whole)


def _squatted(present: Tree, receipt: Receipt) -> str | None:
    """Whether something that is no seal of ours lies where the seal belongs: what is recorded is never overwritten."""
    path = layout.seal(receipt.environment, receipt.model, receipt.id)
    return None if present.read(path) is None else f"{path} is there already and does not hold: revert its commit"


def _other_pull(arrival: Arrival) -> str | None:
    receipt, pull = arrival.filed.receipt, arrival.pull
    branch = layout.promotion_branch(receipt.environment, receipt.model)
    if pull is None or pull.merged is None:
        return f"commit {arrival.change.commit[:12]} brought it, and that is the merge of no pull request"
    if pull.branch != branch or pull.fork:
        return f"it came by pull request #{pull.number}, which is not from branch {branch}"
    if pull.merged.commit != arrival.change.commit:
        return f"commit {arrival.change.commit[:12]} brought it, and pull request #{pull.number} was merged by another"
    return None


def _seal(arrival: Arrival, decision: Decision, pull: Pull, repository: str, moment: datetime) -> Seal:
    assert pull.merged is not None  # noqa: S101 - for the type checker; ``judge`` has looked
    receipt = arrival.filed.receipt
    return Seal(
        environment=receipt.environment,
        model=receipt.model,
        promotion=receipt.id,
        release=receipt.release,
        receipt=arrival.filed.digest,
        commit=arrival.change.commit,
        base=arrival.before.commit,
        pull=PullRequest(repository, pull.number, pull.head, pull.merged.by, pull.merged.at),
        judgements=decision.judgements,
        time=moment,
    )
