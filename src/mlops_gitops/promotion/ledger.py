"""The ledger of the data that comparisons are made on: who looked at which file, and how many looks that makes.

It is kept nowhere.  Every comparison that was published is evidence, evidence is append-only, and whoever publishes one
numbers its looks by what lies in the commit that the push is conditional on.  So no look is forgotten, two at once
cannot have the same number, and ``verify`` counts them again along the past.

A look is one candidate, by the digest of its artifact, against one champion, on one file, by digest, with the same
questions and answers: made again it is the same look.  A file is used up by every model that is judged on it, whatever
it is called; and the comparisons of a model are counted beside, whatever file they were made on.  Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from mlops_gitops.evidence import holdouts
from mlops_gitops.evidence.holdouts import Look
from mlops_gitops.evidence.statements import Claim
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.manifests.release import Release
from mlops_gitops.promotion import layout, tallied
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.records import record

KIND = "comparison"
_AT_ONCE = 1000
"""Models whose releases are read ahead together."""


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
    total: int | None = None


Key: TypeAlias = tuple[Hashable, ...]
"""What makes two looks the same one."""


@dataclass(slots=True)
class Ledger:
    """How often each file was used, and how often each model was compared.

    Grows by what is counted; ``taken`` has the number of each look by file, ``compared`` that of each comparison by
    model.
    """

    taken: dict[str, dict[Key, int]] = field(default_factory=dict)
    compared: dict[str, dict[Key, int]] = field(default_factory=dict)

    def count(self, claim: Claim, *, model: str, artifact: str) -> Claim:
        """The claim with the numbers of its looks, which are taken from now on."""
        found = holdouts.looks(claim)
        if not found:
            return claim
        total = _numbered(self.compared.setdefault(model, {}), _comparison(claim, artifact))
        numbers = [_numbered(self.taken.setdefault(one.holdout, {}), _look(one, claim, artifact)) for one in found]
        return holdouts.numbered(claim, numbers, total=total)

    def add(self, claim: Claim, *, model: str, artifact: str) -> None:
        """A look that was published; one that says its number has it, for ``verify`` to check."""
        for one in holdouts.looks(claim):
            _keep(self.taken.setdefault(one.holdout, {}), _look(one, claim, artifact), one.number)
            _keep(self.compared.setdefault(model, {}), _comparison(claim, artifact), one.total)


def _look(one: Look, claim: Claim, artifact: str) -> Key:
    return (artifact, claim.champion, one.asked)


def _comparison(claim: Claim, artifact: str) -> Key:
    return (artifact, claim.champion, *((one.holdout, one.asked) for one in holdouts.looks(claim)))


def _numbered(taken: dict[Key, int], key: Key) -> int:
    """The number that a look has, or the one after all others: what is missing between makes nothing smaller."""
    return taken.setdefault(key, max(len(taken), *taken.values(), 0) + 1)


def _keep(taken: dict[Key, int], key: Key, number: int | None) -> None:
    if number is None:
        _numbered(taken, key)
    else:
        taken[key] = max(number, taken.get(key, number))


def of_model(snapshot: Snapshot, model: str, files: Collection[str]) -> Ledger:
    """The ledger at one commit, as far as it counts for a model that uses these files, by digest."""
    ledger = Ledger()
    for one, about in tallied.standing(snapshot, snapshot.line(model), KIND):
        ledger.add(one.claim, model=model, artifact=about.artifact.digest)
    for one, about in tallied.standing(snapshot, list(_on_the_same(snapshot, model, files)), KIND):
        ledger.add(one.claim, model=about.name, artifact=about.artifact.digest)
    return ledger


def _on_the_same(snapshot: Snapshot, model: str, files: Collection[str]) -> Iterator[Release]:
    """The releases of other models that name one of these files.  Only those that do are taken apart."""
    tree, wanted = snapshot.tree, [one.encode() for one in files]
    others = [one for one in snapshot.models() if one != model] if wanted else []
    for begin in range(0, len(others), _AT_ONCE):
        some = others[begin : begin + _AT_ONCE]
        tree.prefetch([layout.releases(name) for name in some])
        for other, about in ((name, one) for name in some for one in snapshot.release_ids(name)):
            data = tree.read(layout.release(other, about)) or b""
            if any(one in data for one in wanted):
                yield snapshot.release(other, about)


def entries(snapshot: Snapshot, model: str) -> tuple[Entry, ...]:
    """Every look of a model that stands, by file and number."""
    every = list(tallied.standing(snapshot, snapshot.line(model), KIND))
    replaced = {digest for one, _ in every for digest in one.claim.supersedes}
    found = [
        Entry(
            look.holdout,
            look.number,
            one.claim.release,
            about.version,
            one.claim.champion,
            one.claim.verdict,
            look.chance,
            look.total,
        )
        for one, about in every
        if one.digest not in replaced
        for look in holdouts.looks(one.claim)
    ]
    return tuple(sorted(found, key=lambda one: (one.holdout, one.number or 0, one.release, one.champion or "")))
