"""What each step costs: one price list for the estimate before a run and for the count during it.

The manner is that of Kubernetes' CEL library: every part of the tree costs one each time it is evaluated, a pass over
text one for every ten characters, a comparison what is looked at, at most the smaller side, a search by pattern a
quarter of its text times its states.  Sizes are of what is looked at; the estimate puts the largest possible ones in
the same places.
"""

from __future__ import annotations

from mlops_gitops.expressions.faults import COST_LIMIT, TooCostly
from mlops_gitops.expressions.values import characters

STEP = 1


def comparison(one: int, other: int) -> int:
    """Comparing two values of these weights: it ends with the smaller."""
    return min(one, other)


def contained(one: int, count: int, weight: int) -> int:
    """Looking for a value of this weight among so many, which together have that weight."""
    return min(one * count, weight)


def joined(size: int, *, text: bool) -> int:
    """Making text or a list of this size out of two."""
    return characters(size) if text else size


def containing(text: int, part: int) -> int:
    """Looking for a part inside a text."""
    return characters(text) + characters(part)


def searched(text: int, pattern: int, states: int) -> int:
    """Reading a pattern, linking its states with each other, and searching a text with it."""
    return characters(pattern) + states * states // 10 + (text + 1) * states // 4


def passed(size: int) -> int:
    """One pass over text."""
    return characters(size)


def each(count: int) -> int:
    """Going through a list, without what is asked of each member."""
    return count


class Meter:
    """The steps of one evaluation."""

    def __init__(self, limit: int = COST_LIMIT) -> None:
        self.limit = limit
        self.spent = 0

    def charge(self, steps: int) -> None:
        """Count steps before they are taken.  Raises ``TooCostly``."""
        self.spent += steps
        if self.spent > self.limit:
            raise TooCostly(f"the evaluation takes more than {self.limit:,} steps")
