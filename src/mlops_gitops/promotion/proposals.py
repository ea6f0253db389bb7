"""What a pull request proposes: one commit with the pointer and its receipt, and nothing else.

The branch of a slot is written by us alone and as a whole.  It is read back here as strictly as it was written: one
commit on top of one that the base branch holds, with exactly the files that its receipt asks for, byte for byte, and
the receipt signed by somebody who may promote there.  A branch that is anything else is not ours: it is neither
overwritten, merged nor deleted, because somebody else put work into it.

It is written anew only when what is to be moved has changed, not because time passed or the base branch moved on, so
that approvals, which hold for one head, outlive everything that does not concern them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mlops_gitops.errors import Failure
from mlops_gitops.promotion import apply, layout, receipts
from mlops_gitops.promotion.plan import Action, Decision
from mlops_gitops.promotion.receipts import PULL_REQUEST, Filed, Receipt
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.store import Branches, History, Store, Tree
from mlops_gitops.promotion.stored import may_promote


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch as the remote has it: its newest commit, the one before that, and every path in which they differ.

    ``base`` is ``None`` where there is more than one commit on top of the base branch, or a merge.
    """

    name: str
    tree: Tree
    base: Tree | None
    paths: tuple[str, ...]


class Remote(Store, History, Branches, Protocol):
    """An environment repository with its past and with the branches beside its own."""

    def survey(self, prefix: str) -> tuple[Tree, tuple[Branch, ...]]:
        """The newest commit, and every branch whose name begins with ``prefix``, as the remote has them now."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a branch of ours proposes, by the receipt in it."""

    branch: Branch
    filed: Filed

    @property
    def receipt(self) -> Receipt:
        """The receipt that a merge would bring."""
        return self.filed.receipt


@dataclass(frozen=True, slots=True)
class NotOurs:
    """A branch that is not, or is no longer, what we wrote; and why."""

    branch: Branch
    reason: str


def read(branch: Branch) -> Proposal | NotOurs:
    """What a branch proposes."""
    slot = layout.slot_of_branch(branch.name)
    if slot is None:
        return NotOurs(branch, "its name is not promote/<environment>/<model>")
    if branch.base is None:
        return NotOurs(branch, "it holds other commits than the one that we write")
    folder = f"{layout.receipts(*slot)}/"
    found = [path for path in branch.paths if path.startswith(folder)]
    if len(found) != 1:
        return NotOurs(branch, f"it brings {len(found)} receipts of {slot[1]} in {slot[0]}, and one is wanted")
    try:
        filed = receipts.parse(branch.tree.read(found[0]) or b"", path=found[0])
        wrong = _wrong(filed, branch, branch.base)
    except Failure as failure:
        return NotOurs(branch, failure.message)
    return NotOurs(branch, wrong) if wrong else Proposal(branch, filed)


def _wrong(filed: Filed, branch: Branch, base: Tree) -> str | None:
    """In what a branch differs from what we would have written on its base for its receipt."""
    receipt, before = filed.receipt, Snapshot(base)
    if (receipt.mode, receipt.action, receipt.base) != (PULL_REQUEST, Action.PROMOTE.value, base.commit):
        return "its receipt is not that of a promotion that is proposed on the commit before it"
    if not may_promote(filed.sealed, receipt.environment, before.trust):
        return f"nobody who may promote to {receipt.environment} signed its receipt"
    wanted = apply.moved(receipt, before)
    return difference(wanted, receipt, before=base, after=branch.tree, paths=branch.paths)


def difference(
    wanted: Mapping[str, bytes], receipt: Receipt, *, before: Tree, after: Tree, paths: Sequence[str]
) -> str | None:
    """In what a change differs from the files of one promotion, in words, or ``None``."""
    expected = changed(wanted, receipt, before=before)
    other = sorted(set(paths) ^ expected)
    if other:
        return f"it changes other files than the promotion does: {', '.join(other[:3])}"
    bent = [path for path, data in sorted(wanted.items()) if after.read(path) != data]
    return f"{bent[0]} is not what we wrote" if bent else None


def changed(wanted: Mapping[str, bytes], receipt: Receipt, *, before: Tree) -> set[str]:
    """The paths that one promotion changes, on top of ``before``."""
    return {receipt.path, *(path for path, data in wanted.items() if before.read(path) != data)}


def proposed(decision: Decision, *, tree: Tree, now: datetime) -> Receipt:
    """The receipt with which a decision that may move, or only waits, is proposed."""
    return apply.move(decision, tree=tree, now=now, reason="", mode=PULL_REQUEST)


def is_current(proposal: Proposal, decision: Decision, snapshot: Snapshot) -> bool:
    """Whether a proposal still moves what the decision would move, from where it would move it."""
    receipt = proposal.receipt
    wanted = proposed(decision, tree=snapshot.tree, now=receipt.time)
    if constant(receipt) != constant(wanted):
        return False
    if not may_promote(proposal.filed.sealed, receipt.environment, snapshot.trust):
        return False  # by a key that was retired meanwhile
    files, branch = apply.moved(wanted, snapshot), proposal.branch
    return difference(files, receipt, before=snapshot.tree, after=branch.tree, paths=branch.paths) is None


def constant(receipt: Receipt) -> tuple[object, ...]:
    """What a receipt says that neither time nor a moving base nor a voice changes."""
    return (
        receipt.id, receipt.mode, receipt.replaced, receipt.sequence, receipt.policy, receipt.pointer, receipt.reason,
        receipt.targets, receipt.whole,
    )  # fmt: skip
