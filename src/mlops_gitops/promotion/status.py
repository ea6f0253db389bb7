"""What runs where, how it came there, and what differs: answers read from one commit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mlops_gitops.errors import Failure
from mlops_gitops.promotion import layout, plan, rollouts
from mlops_gitops.promotion.receipts import Receipt
from mlops_gitops.promotion.snapshot import Slot, Snapshot


@dataclass(frozen=True, slots=True)
class Standing:
    """One target inside an environment.  ``wave`` is ``None`` where the policy no longer names it."""

    name: str
    wave: int | None
    release: str | None
    version: str | None
    since: datetime | None


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
    targets: tuple[Standing, ...] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """One model whose release differs between an environment and one that comes after it, or a target inside it."""

    model: str
    ahead: str
    behind: str
    ahead_release: str | None
    behind_release: str | None
    target: str | None = None


def running(snapshot: Snapshot, *, now: datetime) -> tuple[Running, ...]:
    """Every model in every environment, models by name and environments in their order."""
    order = [one.name for one in snapshot.environments()]
    return tuple(_running(snapshot, name, model, now=now) for model in snapshot.models() for name in order)


def _running(snapshot: Snapshot, environment: str, model: str, *, now: datetime) -> Running:
    try:
        slot = snapshot.slot(environment, model)
        last = slot.arrival
        version = snapshot.release(model, slot.current).version if slot.current else None
        targets = standings(snapshot, slot)
    except Failure as failure:
        return Running(model, environment, None, None, None, None, (), failure.message)
    return Running(
        model=model,
        environment=environment,
        release=slot.current,
        version=version,
        since=last.since if last else None,
        action=last.receipt.action if last else None,
        controls=active(slot, now=now),
        targets=targets,
    )


def standings(snapshot: Snapshot, slot: Slot) -> tuple[Standing, ...]:
    """The targets of a slot with what each runs."""
    return tuple(
        Standing(
            one.name,
            one.wave,
            one.release,
            snapshot.release(slot.model, one.release).version if one.release else None,
            one.filed.since if one.filed else None,
        )
        for one in slot.targets
    )


def active(slot: Slot, *, now: datetime) -> tuple[str, ...]:
    """The ids of the controls that bind anything in a slot at ``now``."""
    return tuple(one.id for one in slot.controls if plan.in_force(one, one.release or "", now=now))


def history(snapshot: Snapshot, *, model: str, environment: str | None = None) -> tuple[Receipt, ...]:
    """The receipts of a model, oldest first in each environment, environments in their order."""
    names = [one.name for one in snapshot.environments() if environment in {None, one.name}]
    return tuple(filed.receipt for name in names for filed in snapshot.slot(name, model).receipts)


def differences(snapshot: Snapshot) -> tuple[Difference, ...]:
    """Where an environment and one that comes after it point at different releases; a comparison of pointer bytes.

    Then where a target points elsewhere than its environment.
    """
    found = []
    for environment in snapshot.environments():
        for upstream in environment.after:
            for model in snapshot.models():
                ahead, behind = layout.pointer(upstream, model), layout.pointer(environment.name, model)
                if snapshot.tree.read(ahead) != snapshot.tree.read(behind):
                    releases = (snapshot.slot(upstream, model).current, snapshot.slot(environment.name, model).current)
                    found.append(Difference(model, upstream, environment.name, *releases))
        for model in snapshot.models() if environment.rollout else ():
            slot = snapshot.slot(environment.name, model)
            found += [
                Difference(model, environment.name, environment.name, slot.current, one.release, one.name)
                for one in rollouts.wanted(slot)
                if one.release != slot.current
            ]
    return tuple(found)
