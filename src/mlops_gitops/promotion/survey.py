"""Reading all that one round needs: the newest commit, the proposals, the pull requests, and how receipts came.

One fetch and, where any environment wants pull requests, one request for those that are open.  Only what was merged and
has no seal costs more: the history up to its commit, and one request for its pull request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from mlops_gitops.errors import Failure, Misused, WorldFailed
from mlops_gitops.evidence.reviews import Review
from mlops_gitops.promotion import layout, recordings, sealing
from mlops_gitops.promotion.apply import Wish
from mlops_gitops.promotion.forge import Forge, Pull
from mlops_gitops.promotion.proposals import Remote
from mlops_gitops.promotion.pulls import Question
from mlops_gitops.promotion.receipts import Filed
from mlops_gitops.promotion.returns import Preflight
from mlops_gitops.promotion.sealing import Arrival
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.store import Branch, Tree
from mlops_gitops.promotion.view import Describe, Place, View

Farewell = Callable[[str], str]
"""What the comment says with which a pull request is closed, for a reason."""


@dataclass(slots=True)
class Memory:
    """What one run remembers, and no other needs: by promotion, when it judged and which pull request it had merged.

    ``failures`` are slots whose pull request this run tries no more; without a slot it is the forge as a whole.
    ``kept`` are slots that ought to go back and cannot.  ``pushers`` are who pushed last, by pull request and head.
    """

    judged: dict[str, datetime] = field(default_factory=dict)
    merged: dict[str, int] = field(default_factory=dict)
    tries: dict[Place, int] = field(default_factory=dict)
    failures: dict[Place | None, Failure] = field(default_factory=dict)
    kept: dict[Place, Failure] = field(default_factory=dict)
    pushers: dict[tuple[int, str], str | None] = field(default_factory=dict)


@dataclass(slots=True)
class Reader:
    """Where everything is read.

    ``branch`` is the one that pull requests want into; ``forge`` raises ``Misused`` where none is configured, and
    ``address`` is where people find it.  ``preflight`` asks whether a release that one goes back to still loads.
    """

    remote: Remote
    forge: Callable[[], Forge]
    branch: str
    describe: Describe
    farewell: Farewell
    preflight: Preflight
    address: str = "https://github.com"
    wishes: tuple[Wish, ...] = ()
    only: frozenset[Place] | None = None
    tree: Tree | None = None

    def read(self, memory: Memory, now: datetime) -> tuple[Snapshot, View]:
        """Everything, as it is ``now``."""
        self.tree, branches = self.remote.survey(layout.PROMOTIONS)
        snapshot = Snapshot(self.tree)
        pulls, repository = self._ask(snapshot, branches, memory)
        arrivals = tuple(self._arrivals(snapshot, memory)) if pulls is not None else ()
        return snapshot, View(
            snapshot=snapshot,
            branches={one.name: one for one in branches},
            pulls=pulls,
            arrivals=arrivals,
            repository=repository,
            describe=self.describe,
            reviews=dict(self._reviews(snapshot, (pulls or {}).values(), arrivals, now)),
            judged=memory.judged,
            wishes=self.wishes,
            only=self.only,
            given_up=frozenset(memory.kept),
        )

    def _ask(
        self, snapshot: Snapshot, branches: Sequence[Branch], memory: Memory
    ) -> tuple[dict[str, Pull] | None, str]:
        """The open pull requests by their branch; ``None`` where nobody wants some, or they cannot be read."""
        if None in memory.failures or not (branches or any(one.by_pull_request for one in snapshot.environments())):
            return None, ""
        try:
            forge = self.forge()
            found = forge.open_pulls(layout.PROMOTIONS)
            ours = {
                one.branch: self._told(forge, one, memory) for one in found if one.base == self.branch and not one.fork
            }
        except (Misused, WorldFailed) as failure:
            memory.failures[None] = failure
            return None, ""
        return ours, forge.repository

    @staticmethod
    def _told(forge: Forge, pull: Pull, memory: Memory) -> Pull:
        """With who pushed last, which is asked where somebody approved: a commit says of itself anything."""
        if pull.partial is not None or not any(
            (one.said, one.commit) == ("approved", pull.head) for one in pull.voices
        ):
            return pull
        key = (pull.number, pull.head)
        if key not in memory.pushers:
            memory.pushers[key] = forge.pusher(pull)
        return replace(pull, pusher=memory.pushers[key])

    def _reviews(
        self, snapshot: Snapshot, pulls: Iterable[Pull], arrivals: Sequence[Arrival], now: datetime
    ) -> Iterator[tuple[int, Review]]:
        """The reviews of each pull request by its number, with the groups that the policy names and the forge knows."""
        merged = [(one.pull, Snapshot(one.before)) for one in arrivals if one.pull is not None]
        for pull, then in [*((one, snapshot) for one in pulls if one.partial is None), *merged]:
            slot = layout.slot_of_branch(pull.branch)
            try:
                gate = recordings.counting(then.environment(slot[0])) if slot is not None else None
            except Failure:  # the agenda meets it as well, and says so
                continue
            if gate is not None:
                question = Question(pull, self.forge(), self.address, then.tree, now)
                yield pull.number, question.review([gate])

    def _arrivals(self, snapshot: Snapshot, memory: Memory) -> Iterator[Arrival]:
        """How every receipt came that wants a seal."""
        for environment in snapshot.environments():
            for model in snapshot.tree.names(layout.receipts(environment.name, "").rstrip("/")):
                place = (environment.name, model)
                if place in memory.failures or not (self.only is None or place in self.only):
                    continue
                try:
                    slot = snapshot.slot(*place)
                    if slot.unsealed:
                        yield self._arrival(slot.receipts[-1], snapshot.tree, memory)
                except WorldFailed as failure:
                    memory.failures[place] = failure
                except Failure:  # the agenda meets it as well, and says so
                    continue

    def _arrival(self, filed: Filed, tip: Tree, memory: Memory) -> Arrival:
        path = filed.receipt.path
        for change in reversed(self.remote.changes(tip.commit, sealing.WATCHED)):
            if ("A", path) in change.paths and change.parent is not None:
                number = memory.merged.get(filed.receipt.id)
                forge = self.forge()
                pull = forge.pull(number) if number is not None else forge.pull_of(change.commit)
                if pull is not None:
                    pull = self._told(forge, pull, memory) if pull.base == self.branch else None
                return Arrival(filed, change, self.remote.tree(change.parent), self.remote.tree(change.commit), pull)
        raise WorldFailed(
            f"no commit of the branch is known to have brought {path}",
            hint="a clone without its whole past cannot be judged: name the full repository",
            code="git-shallow",
        )
