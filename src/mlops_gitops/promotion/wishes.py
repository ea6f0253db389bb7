"""What automation wants moved: every model into every environment that is automatic, but where a release soaks.

Releases may come faster than a soak lasts.  If each replaced the one before it at once, none would ever have run long
enough to go on.  So an environment may say that the soak which it demands is ``undisturbed``: until it is over,
automation leaves the release upstream where it is.  That is what automation *wants*; it is no reason in a decision, and
people may promote at any time.  Nothing waits for longer than the soak, so nothing waits for ever.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from mlops_gitops.errors import Failure
from mlops_gitops.manifests.environment import Environment
from mlops_gitops.promotion import restrictions
from mlops_gitops.promotion.apply import Wish
from mlops_gitops.promotion.slots import Slot
from mlops_gitops.promotion.snapshot import Snapshot


def automatic(snapshot: Snapshot, *, now: datetime) -> tuple[Wish, ...]:
    """Every move that automation wants."""
    return tuple(
        Wish(model, one.name)
        for one in snapshot.environments()
        for model in snapshot.models()
        if wanted(snapshot, one, model, now=now)
    )


def wanted(snapshot: Snapshot, environment: Environment, model: str, *, now: datetime) -> bool:
    """Whether automation moves the model into the environment as soon as it may."""
    return environment.automatic and not _soaks(snapshot, environment, model, now=now)


def _soaks(snapshot: Snapshot, environment: Environment, model: str, *, now: datetime) -> bool:
    """Whether what runs in an environment soaks there for one that wants to be undisturbed."""
    downstream = [one for one in snapshot.environments() if one.undisturbed and environment.name in one.after]
    try:
        slot = snapshot.slot(environment.name, model) if downstream else None
        return slot is not None and any(
            _waits(slot, snapshot.slot(one.name, model), soak=one.soak, now=now) for one in downstream
        )
    except Failure:  # a slot that cannot be read is told by the decision about it, and protects nothing
        return False


def _waits(slot: Slot, below: Slot, *, soak: timedelta, now: datetime) -> bool:
    release, arrival = slot.current, slot.arrival
    if release is None or arrival is None or slot.in_flight is not None or release == below.current:
        return False
    forbidden = any(
        one.type in {"hold", "veto"} and restrictions.in_force(one, release, now=now) for one in below.controls
    )
    return not forbidden and now < arrival.since + soak
