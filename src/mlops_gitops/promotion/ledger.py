"""The ledger of the data that comparisons are made on: who looked at which file, and how many looks that makes.

It is kept nowhere.  Every comparison that was published is evidence, evidence is append-only, and whoever publishes one
numbers its looks by what lies in the commit that the push is conditional on.  So no look is forgotten, two at once
cannot have the same number, and ``verify`` counts them again along the past.

A look is one candidate, by the digest of its artifact, against one champion, on one file, by digest: made again it is
the same look.  Looks are counted by model, whatever environment they were taken for.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from mlops_gitops.evidence import holdouts
from mlops_gitops.evidence.admission import Evidence, admit
from mlops_gitops.evidence.statements import Claim
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.promotion import layout
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.records import record

KIND = "comparison"


@record
class Entry:
    """One look, as the ledger shows it; ``number`` is ``None`` where nobody counted it when it was published."""

    holdout: str
    number: int | None
    release: str
    version: str
    champion: str | None
    verdict: Verdict
    chance: float


@dataclass(slots=True)
class Ledger:
    """How often one model has used each file.  Grows by what is counted; ``taken`` has the number of each look."""

    taken: dict[str, dict[tuple[str, str | None], int]] = field(default_factory=dict)

    def count(self, claim: Claim, *, artifact: str) -> Claim:
        """The claim with the number of each of its looks, which are taken from now on."""
        return holdouts.numbered(claim, [self._number(one.holdout, (artifact, claim.champion))
                                         for one in holdouts.looks(claim)])  # fmt: skip

    def _number(self, holdout: str, look: tuple[str, str | None]) -> int:
        taken = self.taken.setdefault(holdout, {})
        return taken.setdefault(look, len(taken) + 1)

    def add(self, claim: Claim, *, artifact: str) -> None:
        """A look that was published; one that says its number has it, for ``verify`` to check."""
        for one in holdouts.looks(claim):
            taken, look = self.taken.setdefault(one.holdout, {}), (artifact, claim.champion)
            number = one.number if one.number is not None else len(taken) + 1
            taken[look] = min(number, taken.get(look, number))


def of_model(snapshot: Snapshot, model: str) -> Ledger:
    """The ledger of a model at one commit."""
    ledger = Ledger()
    for one, artifact, _ in _comparisons(snapshot, model):
        ledger.add(one.claim, artifact=artifact)
    return ledger


def entries(snapshot: Snapshot, model: str) -> tuple[Entry, ...]:
    """Every look of a model that stands, by file and number."""
    every = list(_comparisons(snapshot, model))
    replaced = {digest for one, _, _ in every for digest in one.claim.supersedes}
    found = [
        Entry(look.holdout, look.number, one.claim.release, version, one.claim.champion, one.claim.verdict, look.chance)
        for one, _, version in every
        if one.digest not in replaced
        for look in holdouts.looks(one.claim)
    ]
    return tuple(sorted(found, key=lambda one: (one.holdout, one.number or 0, one.release, one.champion or "")))


def _comparisons(snapshot: Snapshot, model: str) -> Iterator[tuple[Evidence, str, str]]:
    """Every comparison of a model's releases that was signed by right, with artifact and version, in their order."""
    line = snapshot.line(model)
    snapshot.tree.prefetch([layout.evidence(one.id) for one in line])
    for about in line:
        folder = layout.evidence(about.id)
        for name in snapshot.tree.names(folder):
            data = snapshot.tree.read(f"{folder}/{name}") if name.startswith(f"{KIND}-") else None
            judged = admit(name, data, release=about.id, trust=snapshot.trust) if data is not None else None
            if isinstance(judged, Evidence):
                yield judged, about.artifact.digest, about.version
