"""Counting the looks of the ledger again, along the past.

Every comparison that was ever published is counted in the order of its commits.  One that says another number than it
had would let more releases be judged on the same data than the policy allows.
"""

from __future__ import annotations

from collections.abc import Iterator

from mlops_gitops.errors import Failure
from mlops_gitops.evidence import holdouts
from mlops_gitops.evidence.admission import Evidence, admit
from mlops_gitops.promotion import ledger
from mlops_gitops.promotion.ledger import Ledger
from mlops_gitops.promotion.problems import Problem
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.store import Change, History


class Recount:
    """The ledger of all models, up to the last commit that was looked at; commits come oldest first."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._models: dict[str, str] = {}
        self._ledger = Ledger()

    def of(self, change: Change) -> Iterator[Problem]:
        """The comparisons that a commit added and that say another number than they had."""
        added = [path for status, path in change.paths if status == "A"]
        for folder, model, name in (path.split("/") for path in added if path.count("/") == 2):  # noqa: PLR2004
            if folder == "releases":
                self._models[name.removesuffix(".yaml")] = model
        paths = [path for path in added if path.startswith("evidence/") and f"/{ledger.KIND}-" in path]
        if not paths:
            return
        snapshot = Snapshot(self._history.tree(change.commit))
        found = [(path, one) for path in paths if (one := self._admitted(path, snapshot)) is not None]
        for path, one in sorted(found, key=lambda each: [look.number or 0 for look in holdouts.looks(each[1].claim)]):
            yield from self._counted(path, one, snapshot, change)

    def _admitted(self, path: str, snapshot: Snapshot) -> Evidence | None:
        """What is evidence at all; whatever else lies there is told elsewhere."""
        _, release, name = path.split("/")
        data = snapshot.tree.read(path)
        try:
            judged = admit(name, data or b"", release=release, trust=snapshot.trust)
        except Failure:
            return None
        return judged if isinstance(judged, Evidence) and release in self._models else None

    def _counted(self, path: str, one: Evidence, snapshot: Snapshot, change: Change) -> Iterator[Problem]:
        model = self._models[one.claim.release]
        try:
            artifact = snapshot.release(model, one.claim.release).artifact.digest
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
                    yield Problem("look", path, message, change.commit)
        self._ledger.add(one.claim, model=model, artifact=artifact)
