"""The targets of a slot: which release each one's pointer names, and the receipt that wrote it.

A target is a region or a cluster inside an environment.  Its pointer is byte for byte that of the environment, in a
folder of its own.  What a target runs follows from the receipts alone: the last one that names it.  So nothing is lost
when the policy names it no longer, and a target that the policy names anew runs nothing until a receipt says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from mlops_gitops import canonical
from mlops_gitops.manifests.rollout import Rollout
from mlops_gitops.promotion.receipts import Filed
from mlops_gitops.records import record


@record
class Place:
    """One target.  ``wave`` is ``None`` where the policy no longer names it; ``filed`` wrote its pointer."""

    name: str
    wave: int | None
    release: str | None
    filed: Filed | None


def last_words(chain: Iterable[Filed]) -> dict[str, Filed]:
    """Target → the last receipt that moved it."""
    return {name: filed for filed in chain for name in filed.receipt.targets}


def places(
    rollout: Rollout | None, chain: tuple[Filed, ...], read: Callable[[str], bytes | None]
) -> Iterator[Place | tuple[str, str]]:
    """Every target, in the policy's order and then those that it no longer names; ``read`` gives a target's pointer.

    Where a pointer is not what the receipts say, its name and what is wrong.
    """
    waves = {one.name: one.wave for one in rollout.targets} if rollout else {}
    written = last_words(chain)
    for name in dict.fromkeys([*waves, *sorted(written)]):
        data, filed, wave = read(name), written.get(name), waves.get(name)
        if data is None:  # removed with the policy's word for it, or never there
            if wave is not None:
                yield Place(name, wave, None, None)
        elif filed is None:
            yield name, "no receipt wrote it"
        elif canonical.sha256(data) != filed.receipt.pointer:
            yield name, f"it is not the pointer that receipt {filed.receipt.id[:12]} wrote"
        else:
            yield Place(name, wave, filed.receipt.release, filed)
