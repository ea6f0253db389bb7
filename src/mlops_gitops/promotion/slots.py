"""One slot of the environment repository, at one commit, as a frozen record.

It is believed only as far as it holds together: a pointer must be the one that the slot's last receipt names, and that
receipt must be signed by someone whom ``trust/`` lets promote there.  Anything that does not hold raises ``Refused``
with the path; nothing is repaired here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from mlops_gitops import canonical
from mlops_gitops.errors import Refused
from mlops_gitops.evidence.envelope import Envelope
from mlops_gitops.manifests.control import Control
from mlops_gitops.manifests.environment import Environment
from mlops_gitops.manifests.trust import Trust
from mlops_gitops.promotion import layout, pointer, receipts, seals, stored
from mlops_gitops.promotion.receipts import PROMOTE, Filed
from mlops_gitops.promotion.seals import Seal
from mlops_gitops.promotion.store import Tree
from mlops_gitops.promotion.stored import broken, may_promote
from mlops_gitops.promotion.targets import Place, places


@dataclass(frozen=True, slots=True)
class Slot:
    """One model in one environment: what runs there, by which receipts, under which controls.

    ``current`` is the release of the environment's own pointer; ``targets`` may run another while a rollout is on.
    """

    environment: Environment
    model: str
    current: str | None
    receipts: tuple[Filed, ...]
    controls: tuple[Control, ...]
    targets: tuple[Place, ...] = ()

    @property
    def arrival(self) -> Filed | None:
        """The receipt that made ``current`` what it is; later ones have moved targets only."""
        return next((one for one in reversed(self.receipts) if one.receipt.whole), None)

    @property
    def in_flight(self) -> str | None:
        """The release that some targets run and the environment as a whole not yet, while its rollout is on."""
        last = self.receipts[-1].receipt if self.receipts else None
        flying = last is not None and not last.whole and (last.action, last.release != self.current) == (PROMOTE, True)
        return last.release if last is not None and flying else None

    @property
    def unsealed(self) -> bool:
        """Whether what runs there came by a pull request and nothing shows yet that it was allowed."""
        return bool(self.receipts) and not self.receipts[-1].stands

    @property
    def lawful(self) -> str | None:
        """The release that runs there, or the last one before it, by a promotion that stands."""
        return next((one.receipt.release for one in reversed(self.receipts) if one.receipt.whole and one.stands), None)


def read(
    tree: Tree,
    environment: Environment,
    model: str,
    *,
    controls: Callable[[], tuple[Control, ...]],
    trust: Callable[[], Trust],
) -> Slot:
    """What a commit says about one model in one environment.  ``trust`` is asked only where something was signed."""
    look = _Look(tree, trust)
    filed = look.chain(environment.name, model)
    chain = tuple(one if (seal := look.seal(one)) is None else replace(one, seal=seal) for one in filed)
    path = layout.pointer(environment.name, model)
    data = tree.read(path)
    found = Slot(environment, model, None, chain, controls())
    arrival = found.arrival
    if (data is None) != (arrival is None):
        raise broken(path, "pointer and receipts do not agree: one of them is missing")
    if data is not None and arrival is not None:
        last = arrival.receipt
        if canonical.sha256(data) != last.pointer or pointer.release_id(data, path=path) != last.release:
            raise broken(path, f"it is not the pointer that receipt {last.id[:12]} wrote")
    targets = look.targets(environment, model, chain)
    decisive = [*chain[-1:], *filter(None, [arrival]), *(one.filed for one in targets if one.filed)]
    for one in {one.digest: one for one in decisive}.values():
        if not look.signed_by_right(one.sealed, environment.name, one.receipt.path):
            raise broken(one.receipt.path, f"nobody who may promote to {environment.name} signed it")
    return Slot(environment, model, arrival.receipt.release if arrival else None, chain, found.controls, targets)


@dataclass(frozen=True, slots=True)
class _Look:
    """One commit, and whom it trusts."""

    tree: Tree
    trust: Callable[[], Trust]

    def chain(self, environment: str, model: str) -> tuple[Filed, ...]:
        folder = layout.receipts(environment, model)
        filed = []
        for name in self.tree.names(folder):
            data = self.tree.read(f"{folder}/{name}")
            if data is None:
                raise broken(f"{folder}/{name}", "it is not a receipt")
            filed.append(receipts.parse(data, path=f"{folder}/{name}"))
        return receipts.chained(filed, environment=environment, model=model)

    def seal(self, filed: Filed) -> Seal | None:
        """What completes a receipt that came by a pull request; a seal that does not hold completes nothing."""
        if filed.receipt.mode == receipts.DIRECT:
            return None
        path = layout.seal(filed.receipt.environment, filed.receipt.model, filed.receipt.id)
        data = self.tree.read(path)
        if data is None:
            return None
        try:
            found = seals.parse(data, path=path)
        except Refused:
            return None
        holds = seals.completes(found.seal, filed) and self.signed_by_right(found.sealed, found.seal.environment, path)
        return found.seal if holds else None

    def targets(self, environment: Environment, model: str, chain: tuple[Filed, ...]) -> tuple[Place, ...]:
        def read(name: str) -> bytes | None:
            return self.tree.read(layout.pointer(environment.name, model, name))

        found = []
        for one in places(environment.rollout, chain, read):
            if not isinstance(one, Place):
                name, wrong = one
                raise broken(layout.pointer(environment.name, model, name), wrong)
            found.append(one)
        return tuple(found)

    def signed_by_right(self, sealed: Envelope, environment: str, path: str) -> bool:
        """Whether trust lets the signer promote there, as it is; or as it was when the file came.

        So a key can be retired and what it moved stays; and it can move nothing more, whatever a receipt of its says.
        """
        if may_promote(sealed, environment, self.trust()):
            return True
        then = self.tree.before(path)
        return then is not None and may_promote(sealed, environment, stored.trust(then))
