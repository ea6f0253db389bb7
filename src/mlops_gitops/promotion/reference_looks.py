"""The ledger of looks at references: which data were held against which reference, and how many looks that makes.

It is kept nowhere, as that of comparisons (``ledger.py``).  Data tests that count their looks are judged by the numbers
that the looks have on the newest commit, say those numbers, and are published only on a commit where the looks still
have them.  So no look is forgotten, two at once cannot have the same number, and ``verify`` counts again.

Looks are counted by model, section and reference, by digest.  The same data held against it again are the same look.
Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from mlops_gitops.errors import NotYet
from mlops_gitops.evidence.statements import Claim
from mlops_gitops.evidence.windows import KIND, Window, windows
from mlops_gitops.promotion import tallied
from mlops_gitops.promotion.problems import Problem
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.store import Change, History


@dataclass(slots=True)
class Ledger:
    """How often one model's data were held against each reference.  Grows by what is counted."""

    taken: dict[tuple[str, str], dict[tuple[str, ...], int]] = field(default_factory=dict)

    def recorded(self, window: Window) -> int | None:
        """The number of a look that was published."""
        return self.taken.get((window.section, window.reference), {}).get(window.data)

    def count(self, window: Window) -> Window:
        """The look with its number, which is taken from now on: one more than the highest, where it is a new one."""
        taken = self.taken.setdefault((window.section, window.reference), {})
        return replace(window, number=taken.setdefault(window.data, max(taken.values(), default=0) + 1))

    def add(self, claim: Claim) -> None:
        """Looks that were published have the numbers that they say, for ``verify`` to check; of two, the lower."""
        for one in windows(claim):
            taken, number = self.taken.setdefault((one.section, one.reference), {}), one.number or 1
            taken[one.data] = min(number, taken.get(one.data, number))


def of_model(snapshot: Snapshot, model: str) -> Ledger:
    """The ledger of a model at one commit."""
    ledger = Ledger()
    for one, _ in tallied.standing(snapshot, snapshot.line(model), KIND):
        ledger.add(one.claim)
    return ledger


def refuse_unless_next(snapshot: Snapshot, model: str, claim: Claim) -> None:
    """Data tests were judged as the looks that they are.  Raises ``NotYet`` where another look came before."""
    found = windows(claim)
    ledger = of_model(snapshot, model) if found else Ledger()
    for one in found:
        if (now := ledger.count(one).number) != one.number:
            raise NotYet(
                f"the data were judged as look {one.number} at the {one.section} reference {one.reference[:12]}, and "
                f"are look {now} by now: another was published meanwhile",
                hint="run it again; the data are judged as the look that they are",
                code="look-taken",
            )


class Recount:
    """The ledgers of all models, up to the last commit that was looked at; commits come oldest first."""

    def __init__(self, history: History) -> None:
        self._past = tallied.Past(history, KIND)
        self._ledgers: dict[str | None, Ledger] = {}

    def of(self, change: Change) -> Iterator[Problem]:
        """The data tests that a commit added and that say another number of a look than it had."""
        found = [(one, windows(one.evidence.claim)) for one in self._past.added(change)]
        for added, taken in sorted(found, key=lambda each: [one.number or 0 for one in each[1]]):
            ledger = self._ledgers.setdefault(added.model, Ledger())
            for one in taken:
                now = ledger.count(one).number
                if one.number != now:
                    what = f"look {one.number} at the {one.section} reference {one.reference[:12]}"
                    yield Problem(
                        "look", added.path, f"it says that it was {what}, and it was look {now}", change.commit
                    )
