"""Counting the looks of the ledger again, along the past.

Every comparison that was ever published is counted in the order of its commits.  One that says another number than it
had would let more releases be judged on the same data than the policy allows.
"""

from __future__ import annotations

from collections.abc import Iterator

from mlops_gitops.errors import Failure
from mlops_gitops.evidence import holdouts
from mlops_gitops.promotion import ledger, tallied
from mlops_gitops.promotion.ledger import Ledger
from mlops_gitops.promotion.problems import Problem
from mlops_gitops.promotion.store import Change, History
from mlops_gitops.promotion.tallied import Added


class Recount:
    """The ledger of all models, up to the last commit that was looked at; commits come oldest first."""

    def __init__(self, history: History) -> None:
        self._past = tallied.Past(history, ledger.KIND)
        self._ledger = Ledger()

    def of(self, change: Change) -> Iterator[Problem]:
        """The comparisons that a commit added and that say another number than they had."""
        found = self._past.added(change)
        for one in sorted(found, key=lambda each: [look.number or 0 for look in holdouts.looks(each.evidence.claim)]):
            if one.model is not None:
                yield from self._counted(one, one.model, change)

    def _counted(self, added: Added, model: str, change: Change) -> Iterator[Problem]:
        one = added.evidence
        try:
            artifact = added.snapshot.release(model, one.claim.release).artifact.digest
        except Failure:
            return
        due = holdouts.looks(self._ledger.count(one.claim, model=model, artifact=artifact))
        for said, is_ in zip(holdouts.looks(one.claim), due, strict=True):
            for number, right, words in (
                (said.number, is_.number, f"look {{}} at data {said.holdout[:12]}"),
                (said.total, is_.total, f"comparison {{}} of {model}"),
            ):
                if number is not None and number != right:
                    message = f"it says that it was {words.format(number)}, and it was {right}"
                    yield Problem("look", added.path, message, change.commit)
        self._ledger.add(one.claim, model=model, artifact=artifact)
