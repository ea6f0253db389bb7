"""The ledger of looks: which data judged which candidates, which data were held against which reference, how often.

It is kept nowhere.  Whatever was published is evidence, evidence is append-only, and whoever publishes numbers the
looks by what lies in the commit that the push is conditional on.  So no look is forgotten, two at once cannot have the
same number, and ``verify`` counts them again along the past.

A look of a comparison is one candidate, by the digest of its artifact, against one champion, on one file, by digest; a
look of data tests is some data, by digest, against one reference.  Made again it is the same look.  Looks are counted
by model, whatever environment they were taken for.  Pure.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from mlops_gitops.errors import NotYet
from mlops_gitops.evidence import holdouts, windows
from mlops_gitops.evidence.admission import Evidence, admit
from mlops_gitops.evidence.statements import Claim
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.evidence.windows import Window
from mlops_gitops.promotion import layout
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.records import record

KIND = "comparison"
KINDS = (KIND, windows.KIND)
_Pile: TypeAlias = "tuple[str, str]"
"""What wears out: in words, and by digest."""
_Use: TypeAlias = "tuple[_Pile, Hashable, int | None]"
"""What wears out, the look at it, and the number that it says it has."""


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
    """How often one model has used each file and each reference.  Grows by what is counted."""

    taken: dict[_Pile, dict[Hashable, int]] = field(default_factory=dict)

    def count(self, claim: Claim, *, artifact: str) -> Claim:
        """The comparison with the number of each of its looks, which are taken from now on."""
        return holdouts.numbered(claim, [self._number(pile, look) for pile, look, _ in _uses(claim, artifact)])

    def window(self, window: Window) -> Window:
        """The look at a reference with its number, which is taken from now on."""
        return replace(window, number=self._number(*_pile(window)))

    def recorded(self, window: Window) -> int | None:
        """The number of a look at a reference that was published."""
        pile, look = _pile(window)
        return self.taken.get(pile, {}).get(look)

    def counted(self, claim: Claim, *, artifact: str) -> list[tuple[_Pile, int | None, int]]:
        """For each look of a claim what it looked at, the number that it says, and the one that it has from now on."""
        return [(pile, said, self._number(pile, look)) for pile, look, said in _uses(claim, artifact)]

    def add(self, claim: Claim, *, artifact: str) -> None:
        """A look that was published; one that says its number has it, for ``verify`` to check."""
        for pile, look, said in _uses(claim, artifact):
            taken = self.taken.setdefault(pile, {})
            number = said if said is not None else len(taken) + 1
            taken[look] = min(number, taken.get(look, number))

    def _number(self, pile: _Pile, look: Hashable) -> int:
        taken = self.taken.setdefault(pile, {})
        return taken.setdefault(look, len(taken) + 1)


def _uses(claim: Claim, artifact: str) -> list[_Use]:
    if claim.kind == windows.KIND:
        return [(*_pile(one), one.number) for one in windows.windows(claim)]
    return [(("data", one.holdout), (artifact, claim.champion), one.number) for one in holdouts.looks(claim)]


def _pile(window: Window) -> tuple[_Pile, Hashable]:
    return (f"{window.section} reference", window.reference), window.data


def said(claim: Claim) -> list[int]:
    """The numbers that a claim says its looks have, 0 for none."""
    return [number or 0 for _, _, number in _uses(claim, "")]


def refuse_unless_next(snapshot: Snapshot, model: str, claim: Claim) -> None:
    """Data tests were judged as the looks that they are.  Raises ``NotYet`` where another look came before."""
    found = windows.windows(claim)
    ledger = of_model(snapshot, model, kind=windows.KIND) if found else Ledger()
    for one in found:
        if (now := ledger.window(one).number) != one.number:
            raise NotYet(
                f"the data were judged as look {one.number} at the {one.section} reference {one.reference[:12]}, and "
                f"are look {now} by now: another was published meanwhile",
                hint="run it again; it is judged as the look that it is",
                code="look-taken",
            )


def of_model(snapshot: Snapshot, model: str, *, kind: str = KIND) -> Ledger:
    """The ledger of a model at one commit, as far as evidence of one kind tells it."""
    ledger = Ledger()
    for one, artifact, _ in _judged(snapshot, model, kind):
        ledger.add(one.claim, artifact=artifact)
    return ledger


def entries(snapshot: Snapshot, model: str) -> tuple[Entry, ...]:
    """Every look of a model that stands, by file and number."""
    every = list(_judged(snapshot, model, KIND))
    replaced = {digest for one, _, _ in every for digest in one.claim.supersedes}
    found = [
        Entry(look.holdout, look.number, one.claim.release, version, one.claim.champion, one.claim.verdict, look.chance)
        for one, _, version in every
        if one.digest not in replaced
        for look in holdouts.looks(one.claim)
    ]
    return tuple(sorted(found, key=lambda one: (one.holdout, one.number or 0, one.release, one.champion or "")))


def _judged(snapshot: Snapshot, model: str, kind: str) -> Iterator[tuple[Evidence, str, str]]:
    """All evidence of one kind of a model's releases that was signed by right, with artifact and version, in order."""
    line = snapshot.line(model)
    snapshot.tree.prefetch([layout.evidence(one.id) for one in line])
    for about in line:
        folder = layout.evidence(about.id)
        for name in snapshot.tree.names(folder):
            data = snapshot.tree.read(f"{folder}/{name}") if name.startswith(f"{kind}-") else None
            judged = admit(name, data, release=about.id, trust=snapshot.trust) if data is not None else None
            if isinstance(judged, Evidence):
                yield judged, about.artifact.digest, about.version
