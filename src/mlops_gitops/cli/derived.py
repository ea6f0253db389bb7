"""What follows from a promotion and is not state: aliases and tags in the MLflow registry.

Done after the commit, from the commit, for all pointers at once.  So a run that was killed between the two is repaired
by the next run of any command that promotes, and a registry that somebody changed by hand is put right.
"""

from __future__ import annotations

from collections.abc import Iterator

from mlops_gitops.canonical import JSON
from mlops_gitops.cli import session
from mlops_gitops.cli.world import World
from mlops_gitops.errors import Failure
from mlops_gitops.packaging import derivation
from mlops_gitops.packaging.derivation import Change, DeleteAlias, DeleteTag, Placement, SetAlias, SetTag
from mlops_gitops.packaging.registry import Registry
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.records import record
from mlops_gitops.reporting.failures import failure_document


@record
class Repair:
    """What had to be changed in the registry, or why it could not be."""

    changes: tuple[Change, ...] = ()
    failure: Failure | None = None
    unconfigured: bool = False

    def texts(self) -> list[str]:
        """A line for each alias that moved, and for what went wrong."""
        lines = [f"MLflow: {describe(one)}" for one in self.changes if isinstance(one, SetAlias | DeleteAlias)]
        if self.failure is not None:
            lines.append(f"MLflow was not updated: {self.failure.message}")
            lines.append(f"  what to do: {self.failure.hint}; git is the state, and the next run puts MLflow right")
        if self.unconfigured:
            lines.append("MLflow was not updated: no tracking URI is set (MLFLOW_TRACKING_URI, or mlops-gitops.yaml)")
        return lines

    def document(self) -> JSON:
        """The same, as JSON."""
        return {
            "changes": [describe(one) for one in self.changes],
            "error": failure_document(self.failure) if self.failure else None,
            "configured": not self.unconfigured,
        }

    def exit_code(self, otherwise: int) -> int:
        """The exit code of a command that would have ended with ``otherwise``."""
        return self.failure.exit_code if self.failure is not None and otherwise == 0 else otherwise


def repair(snapshot: Snapshot, world: World) -> Repair:
    """Make the registry show what the pointers say.

    Never raises a ``Failure``: what was promoted is promoted, whatever is wrong with the registry, or with the policy
    of another environment.
    """
    try:
        if not wanted(snapshot):
            return Repair()
        registry = session.registry(world)
        if registry is None:
            return Repair(unconfigured=True)
        changes = pending(snapshot, registry)
        registry.apply(changes)
    except Failure as failure:
        return Repair(failure=failure)
    return Repair(changes)


def wanted(snapshot: Snapshot) -> bool:
    """Whether any environment asks to be shown in the registry."""
    return any(one.mlflow_alias or one.mlflow_tags for one in snapshot.environments())


def pending(snapshot: Snapshot, registry: Registry) -> tuple[Change, ...]:
    """What the registry shows otherwise than the pointers say."""
    placements = tuple(_placements(snapshot))
    names = {
        release.registered.name for model in snapshot.models() for release in snapshot.line(model) if release.registered
    }
    policies = snapshot.environments()
    return derivation.changes(
        placements,
        registry.state(names),
        aliases=frozenset(one.mlflow_alias for one in policies if one.mlflow_alias),
        tags=frozenset(tag for one in policies for tag in one.mlflow_tags),
    )


def describe(change: Change) -> str:
    """One change in words."""
    match change:
        case SetAlias(name, alias, version):
            return f"alias {alias} of {name} → version {version}"
        case DeleteAlias(name, alias):
            return f"alias {alias} of {name} removed"
        case SetTag(name, version, key, value):
            return f"tag {key}={value} on {name} version {version}"
        case DeleteTag(name, version, key):
            return f"tag {key} on {name} version {version} removed"


def _placements(snapshot: Snapshot) -> Iterator[Placement]:
    for environment in snapshot.environments():
        if not (environment.mlflow_alias or environment.mlflow_tags):
            continue
        for model in snapshot.models():
            slot = snapshot.slot(environment.name, model)
            registered = snapshot.release(model, slot.current).registered if slot.current else None
            if slot.current is not None and registered is not None and slot.arrival is not None:
                yield Placement(
                    environment=environment.name,
                    model=model,
                    release=slot.current,
                    promotion=slot.arrival.receipt.id,
                    name=registered.name,
                    version=registered.version,
                    alias=environment.mlflow_alias,
                    tags=tuple(sorted(environment.mlflow_tags.items())),
                )
