"""All that was read for one round: the newest commit, the proposals, the pull requests with their reviews.

A frozen record, made by ``survey.py`` and judged by ``agenda.py`` and ``pull_steps.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from mlops_gitops.evidence.reviews import Review
from mlops_gitops.promotion.apply import Wish
from mlops_gitops.promotion.forge import Pull
from mlops_gitops.promotion.plan import Decision
from mlops_gitops.promotion.sealing import Arrival
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.store import Branch

Place = tuple[str, str]
"""Environment and model."""
Describe = Callable[[Decision], tuple[str, str]]
"""Title and text of the pull request that proposes a decision."""


@dataclass(frozen=True, slots=True)
class View:
    """All that was read for one round.

    ``pulls`` are open and want into our branch, by the name of theirs; ``None`` where the forge was not asked.
    ``reviews`` are those of the pull requests, by number.  ``judged`` says when this run judged what it had merged.
    ``wishes`` were asked for by name; ``only`` narrows the work to some slots; ``given_up`` are those that
    ought to go back and that this run takes back no more.
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
