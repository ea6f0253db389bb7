"""Writing to the environment repository: propose on the newest commit, push if it still is, else propose again.

The contract of every write:

* A proposal is made from one tree and is pushed only onto that tree's commit.  If the tip has moved, nothing is
  rebased: the proposal is made **again** from the new tip, because what was true may no longer be.
* The first proposal is made from the newest commit that is known here, without asking.  A push that succeeds proves
  that it still was the newest.  What no push proves, that there is nothing to do or that nothing can be decided, is
  said only after the remote was asked.
* Nothing is visible before the push, and the push is one commit.  So a kill at any instruction leaves the repository
  either as it was or moved, never between; running the command again ends in the same state.
* Whoever planned on an old commit plans again at once.  Whoever was refused has met others, and waits before reading
  anew: up to twice the time that the attempt took, or once for each who got in between the last two readings.  So a
  crowd parts, however slow its machines are, and the last do not wait for those who are gone.
* A push whose answer was lost is judged by reading the tip: by the ``Store``, or here before anything is planned anew.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Generic, TypeVar

from mlops_gitops.errors import Failure, WorldFailed
from mlops_gitops.promotion.store import Files, Store, Tree
from mlops_gitops.records import record

ATTEMPTS, LONGEST = 40, 20.0
T = TypeVar("T")


@record
class Proposal(Generic[T]):
    """The files of one commit with its message, and what the commit means to the caller.

    A proposal without files changes nothing and is not pushed.
    """

    result: T
    files: Files
    message: str = ""


@record
class Settled(Generic[T]):
    """How it ended: the result, the commit that holds it (``None``: nothing changed) and the tree it was made from."""

    result: T
    commit: str | None
    base: Tree


def settle(
    store: Store,
    propose: Callable[[Tree], Proposal[T]],
    *,
    now: Callable[[], datetime],
    tip: Tree | None = None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Settled[T]:
    """Propose and push until it holds or there is nothing to do.

    ``tip`` is the newest commit, where the caller has just heard it from the remote; it saves asking again where the
    store knows it as well, and a commit that a forge made of ours is not known before it is fetched.  Raises what
    ``propose`` raises, and ``WorldFailed``.
    """
    tree, before, ours = store.known(), None, None
    asked = tree is not None and tip is not None and tree.commit == tip.commit
    for attempt in range(ATTEMPTS):
        began = clock()
        if tree is None:
            tree, asked = store.fetch(), True
            if ours is not None and ours.commit is not None and tree.follows(ours.commit):
                return ours
        proposal = _proposal(propose, tree)
        if not asked and not _writes(proposal):  # no push will show whether this was the newest commit
            newest, asked = store.fetch(), True
            if newest.commit != tree.commit:
                tree, proposal = newest, _proposal(propose, newest)
        if isinstance(proposal, Failure):
            raise proposal
        if not proposal.files:
            return Settled(proposal.result, None, tree)
        commit = store.commit(tree.commit, proposal.files, message=proposal.message, when=now())
        ours = Settled(proposal.result, commit, tree)
        landed = store.push(commit, base=tree.commit)
        if landed is not None:
            return replace(ours, commit=landed)
        newer = None if attempt else _after(tree, store)
        if newer is None:
            others = store.landed(before.commit, tree.commit) if before is not None else 0
            sleep(random.uniform(0, min(LONGEST, (clock() - began) * max(2, others))))  # noqa: S311 - hides nothing
        before, tree, asked = tree if asked else None, newer, True
    raise WorldFailed(
        f"the environment repository moved {ATTEMPTS} times while this was being planned",
        hint="nothing was changed; run the command again when fewer runners write to it",
        code="contention",
    )


def _proposal(propose: Callable[[Tree], Proposal[T]], tree: Tree) -> Proposal[T] | Failure:
    """The proposal, or why there is none: on a commit that may be behind, neither is the last word."""
    try:
        return propose(tree)
    except Failure as failure:
        return failure


def _writes(proposal: Proposal[T] | Failure) -> bool:
    return isinstance(proposal, Proposal) and bool(proposal.files)


def _after(lost: Tree, store: Store) -> Tree | None:
    """What to plan on at once, where it was read that what was planned on is old; ``None``: fetch."""
    seen = store.known()
    return seen if seen is not None and seen.commit != lost.commit else None
