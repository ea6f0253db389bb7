"""What runs where, how it came there, and what differs: answers read from one commit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mlops_gitops.errors import Failure
from mlops_gitops.promotion import layout, plan
from mlops_gitops.promotion.receipts import Receipt
from mlops_gitops.promotion.snapshot import Slot, Snapshot


@dataclass(frozen=True, slots=True)
class Running:
    """One model in one environment.

    ``problem`` says why the slot cannot be believed, where it cannot; then the other fields are empty.
    """

    model: str
    environment: str
    release: str | None
    version: str | None
    since: datetime | None
    action: str | None
    controls: tuple[str, ...]
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """One model whose release differs between an environment and one that comes after it."""

    model: str
    ahead: str
    behind: str
    ahead_release: str | None
    behind_release: str | None


def running(snapshot: Snapshot, *, now: datetime) -> tuple[Running, ...]:
    """Every model in every environment, models by name and environments in their order."""
    order = [one.name for one in snapshot.environments()]
    return tuple(_running(snapshot, name, model, now=now) for model in snapshot.models() for name in order)


def _running(snapshot: Snapshot, environment: str, model: str, *, now: datetime) -> Running:
    try:
        slot = snapshot.slot(environment, model)
        last = slot.arrival.receipt if slot.arrival else None
        version = snapshot.release(model, slot.current).version if slot.current else None
    except Failure as failure:
        return Running(model, environment, None, None, None, None, (), failure.message)
    return Running(
        model=model,
        environment=environment,
        release=slot.current,
        version=version,
        since=last.time if last else None,
        action=last.action if last else None,
        controls=active(slot, now=now),
    )


def active(slot: Slot, *, now: datetime) -> tuple[str, ...]:
    """The ids of the controls that bind anything in a slot at ``now``."""
    return tuple(one.id for one in slot.controls if plan.in_force(one, one.release or "", now=now))


def history(snapshot: Snapshot, *, model: str, environment: str | None = None) -> tuple[Receipt, ...]:
    """The receipts of a model, oldest first in each environment, environments in their order."""
    names = [one.name for one in snapshot.environments() if environment in {None, one.name}]
    return tuple(filed.receipt for name in names for filed in snapshot.slot(name, model).receipts)


def differences(snapshot: Snapshot) -> tuple[Difference, ...]:
    """Where an environment and one that comes after it point at different releases; a comparison of pointer bytes."""
    found = []
    for environment in snapshot.environments():
        for upstream in environment.after:
            for model in snapshot.models():
                ahead, behind = layout.pointer(upstream, model), layout.pointer(environment.name, model)
                if snapshot.tree.read(ahead) != snapshot.tree.read(behind):
                    releases = (snapshot.slot(upstream, model).current, snapshot.slot(environment.name, model).current)
                    found.append(Difference(model, upstream, environment.name, *releases))
    return tuple(found)
