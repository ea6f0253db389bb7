"""What one pull request needs, done: open, update, merge, close.

Each step is a few writes that can each be lost or repeated: the branch is written before the pull request is opened or
its text replaced, and a branch is deleted after its pull request was closed.  Killed between two of them, the next run
finds what is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from mlops_gitops.errors import WorldFailed
from mlops_gitops.evidence import envelope
from mlops_gitops.evidence.reviews import last_words
from mlops_gitops.promotion import apply, layout, plan, proposals
from mlops_gitops.promotion.forge import Pull
from mlops_gitops.promotion.plan import Decision, Outcome
from mlops_gitops.promotion.pull_steps import Request, Step
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.store import Branch
from mlops_gitops.promotion.survey import Memory, Reader
from mlops_gitops.records import record

TRIES = 6
"""How often one run writes to one pull request before it takes it that somebody always undoes it."""

Verb = Literal["rolled-back", "promoted", "recorded", "sealed", "opened", "updated", "merged", "closed", "deleted"]


@record
class Did:
    """One thing that was done: in which slot, why, and the pull request or the commit that holds it."""

    verb: Verb
    environment: str
    model: str
    release: str | None
    reason: str = ""
    promotion: str | None = None
    url: str | None = None
    commit: str | None = None


@dataclass(slots=True)
class Run:
    """One run: where it reads, its clock, and what it has done so far."""

    reader: Reader
    now: Callable[[], datetime]
    did: list[Did] = field(default_factory=list)
    commits: list[str] = field(default_factory=list)
    memory: Memory = field(default_factory=Memory)

    def moment(self) -> datetime:
        """The time to the second: so receipts are dated, and ``verify`` decides by their date."""
        return self.now().replace(microsecond=0)


def act(run: Run, request: Request, snapshot: Snapshot, *, signer: envelope.Signer, at: datetime) -> bool:
    """Do what one pull request needs.  Whether another round may find more."""
    tries = run.memory.tries[request.place] = run.memory.tries.get(request.place, 0) + 1
    if tries > TRIES:
        raise _undone(request)
    match request.step:
        case Step.OPEN | Step.UPDATE:
            return _propose(run, request, snapshot, signer=signer, at=at)
        case Step.MERGE:
            return _merge(run, request)
        case _:
            return _close(run, request)


def _propose(run: Run, request: Request, snapshot: Snapshot, *, signer: envelope.Signer, at: datetime) -> bool:
    decision, pull, forge = request.decision, request.pull, run.reader.forge()
    if decision is None:
        return False
    branch = layout.promotion_branch(*request.place)
    if request.rewrite:
        if not _write(run, request, decision, snapshot, signer=signer, at=at):
            return True
    elif pull is None and request.branch and _outdated(run, request.branch, snapshot):
        return True  # it was merged or closed between our two readings
    title, body = run.reader.describe(decision)
    if pull is None:
        opened = forge.open_pull(branch, base=run.reader.branch, title=title, body=body)
        _note(run, "opened", request, opened)
    else:
        if (pull.title, pull.body) != (title, body):
            forge.update_pull(pull.number, title=title, body=body)
        _note(run, "updated", request, pull)
    return True


def _outdated(run: Run, branch: Branch, snapshot: Snapshot) -> bool:
    """Whether the base branch or a proposal has moved since it was read.

    A merge moves the first at once, and only afterwards somebody deletes the second.
    """
    forge, seen = run.reader.forge(), {run.reader.branch: snapshot.tree.commit, branch.name: branch.tree.commit}
    return any(forge.read_branch(name) != commit for name, commit in seen.items())


def _write(
    run: Run, request: Request, decision: Decision, snapshot: Snapshot, *, signer: envelope.Signer, at: datetime
) -> bool:
    """Write the branch of a slot anew.  Whether it was still where it was seen."""
    apply.refuse_unless_trusted(snapshot.trust, signer.keyid, "promotion", decision.environment)
    remote, tree = run.reader.remote, snapshot.tree
    receipt = proposals.proposed(decision, tree=tree, now=at)
    files, message = apply.files(receipt, snapshot, signer), apply.message([receipt], snapshot)
    commit = remote.commit(tree.commit, files, message=message, when=at)
    expected = request.branch.tree.commit if request.branch else None
    return remote.write_branch(layout.promotion_branch(*request.place), commit=commit, expected=expected) is not None


def _merge(run: Run, request: Request) -> bool:
    """Have the forge merge the head that was judged, if the decision still holds at this moment."""
    decision, pull, promotion = request.decision, request.pull, request.promotion
    if decision is None or pull is None or promotion is None:
        return False
    moment = run.moment()
    again = plan.decide(decision.situation, now=moment)
    if again.outcome is not Outcome.MOVE or _moves(again) != _moves(decision):
        return True  # a freeze began, something expired, or a target settled, since this was planned
    forge = run.reader.forge()
    if _judged(forge.pull(pull.number)) != _judged(pull):
        return True  # somebody spoke, or changed it, since it was read
    title, _ = run.reader.describe(decision)
    commit = forge.merge_pull(
        pull.number, head=pull.head, title=f"{title} (#{pull.number})", message=f"Promotion-Id: {promotion}\n"
    )
    if commit is not None:
        run.memory.judged[promotion], run.memory.merged[promotion] = moment, pull.number
        _note(run, "merged", request, pull, commit=commit)
    return True


def _moves(decision: Decision) -> tuple[object, ...]:
    """What a decision moves, and how."""
    return decision.mode, decision.targets, decision.whole


def _judged(pull: Pull | None) -> tuple[object, ...] | None:
    """What of a pull request is judged: not its words."""
    if pull is None:
        return None
    return (
        pull.state, pull.draft, pull.branch, pull.head, pull.base, pull.fork, pull.author, pull.authors, pull.pusher,
        pull.paths, last_words(pull.voices),
    )  # fmt: skip


def _close(run: Run, request: Request) -> bool:
    forge, pull = run.reader.forge(), request.pull
    if pull is not None:
        forge.close_pull(pull.number, comment=run.reader.farewell(request.reason))
    branch = request.branch
    if branch is not None and forge.read_branch(branch.name) == branch.tree.commit:  # nobody put work into it since
        forge.delete_branch(branch.name)
    _note(run, "closed" if pull is not None else "deleted", request, pull)
    return True


def _note(run: Run, verb: Verb, request: Request, pull: Pull | None, *, commit: str | None = None) -> None:
    release = request.decision.release if request.decision else None
    url = pull.url if pull else None
    run.did.append(Did(verb, *request.place, release, request.reason, request.promotion, url, commit))


def _undone(request: Request) -> WorldFailed:
    number = f"pull request #{request.pull.number}" if request.pull else "the pull request"
    return WorldFailed(
        f"{number} for {request.model} in {request.environment} is not as it should be after {TRIES} tries",
        hint="see whether it conflicts, whether the branch is protected, or whether another program changes it as well",
        code="pull-request",
    )
