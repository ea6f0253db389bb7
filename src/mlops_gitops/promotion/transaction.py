"""Writing to the environment repository: propose on the newest commit, push if it still is, else propose again.

The contract of every write:

* A proposal is made from one tree and is pushed only onto that tree's commit.  If the tip has moved, nothing is
  rebased: the proposal is made **again** from the new tip, because what was true may no longer be.
* Nothing is visible before the push, and the push is one commit.  So a kill at any instruction leaves the repository
  either as it was or moved, never between; running the command again ends in the same state.
* A push whose answer was lost is judged by reading the tip, which is the ``Store``'s promise.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from mlops_gitops.errors import WorldFailed
from mlops_gitops.promotion.store import Files, Store, Tree

ATTEMPTS = 40
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Proposal(Generic[T]):
    """The files of one commit with its message, and what the commit means to the caller.

    A proposal without files changes nothing and is not pushed.
    """

    result: T
    files: Files
    message: str = ""


@dataclass(frozen=True, slots=True)
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
    sleep: Callable[[float], None] = time.sleep,
) -> Settled[T]:
    """Propose and push until it holds or there is nothing to do.

    Raises what ``propose`` raises, and ``WorldFailed``.
    """
    for attempt in range(ATTEMPTS):
        tree = store.fetch()
        proposal = propose(tree)
        if not proposal.files:
            return Settled(proposal.result, None, tree)
        commit = store.commit(tree.commit, proposal.files, message=proposal.message, when=now())
        landed = store.push(commit, base=tree.commit)
        if landed is not None:
            return Settled(proposal.result, landed, tree)
        sleep(random.uniform(0, min(2.0, 0.05 * 2**attempt)))  # noqa: S311 - to part two runners, not to hide anything
    raise WorldFailed(
        f"the environment repository moved {ATTEMPTS} times while this was being planned",
        hint="nothing was changed; run the command again when fewer runners write to it",
        code="contention",
    )
