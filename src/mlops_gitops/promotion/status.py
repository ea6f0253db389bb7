"""What runs where, how it came there, and what differs: answers read from one commit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from mlops_gitops.manifests.control import Control
from mlops_gitops.promotion import layout, restrictions, rollouts
from mlops_gitops.promotion.recall import Recall
from mlops_gitops.promotion.receipts import Receipt
from mlops_gitops.promotion.rows import Row, Standing
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.records import record


@record
class Running:
    """One model in one environment.

    ``problem`` says why the slot cannot be believed, where it cannot; then the other fields are empty.  ``unsealed``:
    what moved last came by a pull request, and nothing shows yet that this was allowed.
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
    unsealed: bool = False


@record
class Difference:
    """One model whose release differs between an environment and one that comes after it, or a target inside it."""

    model: str
    ahead: str
    behind: str
    ahead_release: str | None
    behind_release: str | None
    target: str | None = None


def running(snapshot: Snapshot, *, now: datetime, recall: Recall | None = None) -> tuple[Running, ...]:
    """Every model in every environment, models by name and environments in their order.

    ``recall`` remembers what was found out about the same content before; without it all is found out again.
    """
    models, order = snapshot.models(), tuple(one.name for one in snapshot.environments())
    places = [(environment, model) for model in models for environment in order]
    rows = (recall or Recall()).rows(snapshot.tree, places)
    return tuple(_running(place, row, now=now) for place, row in zip(places, rows, strict=True))


def _running(place: tuple[str, str], row: Row | str, *, now: datetime) -> Running:
    environment, model = place
    if isinstance(row, str):
        return Running(model, environment, None, None, None, None, (), row)
    return Running(
        model,
        environment,
        row.release,
        row.version,
        row.since,
        row.action,
        active(row.controls, now=now) if row.controls else (),
        targets=row.targets,
        unsealed=row.unsealed,
    )


def active(controls: Sequence[Control], *, now: datetime) -> tuple[str, ...]:
    """The ids of the controls that bind anything in a slot at ``now``."""
    return tuple(one.id for one in controls if restrictions.in_force(one, one.release or "", now=now))


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
