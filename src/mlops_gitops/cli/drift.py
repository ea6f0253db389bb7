"""``drift``: what differs between environments, and between git and what is derived from it."""

from __future__ import annotations

import argparse
import json

from mlops_gitops.canonical import JSON
from mlops_gitops.cli import derived, session
from mlops_gitops.cli.world import World
from mlops_gitops.promotion import status
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.reporting import promotion as report

EXAMPLE = "mlops-gitops drift"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's own options."""
    session.add_repository_options(parser)


def run(arguments: argparse.Namespace, world: World) -> int:
    """Compare pointers with pointers and the registry with pointers.  Changes nothing."""
    tree = session.repository(arguments, world).fetch()
    snapshot = Snapshot(tree)
    found = status.differences(snapshot)
    registry = session.registry(world)
    stale = derived.pending(snapshot, registry) if registry is not None else ()
    if arguments.format == "json":
        compared = derived.Repair(tuple(stale), unconfigured=registry is None and derived.wanted(snapshot))
        document: JSON = {
            "commit": tree.commit,
            "differences": report.differences_document(found),
            "derived": {"mlflow": compared.document()},
        }
        world.print(json.dumps(document, indent=2))
        return 0
    world.print(report.differences_text(found))
    for one in stale:
        world.print(f"MLflow differs: {derived.describe(one)} is missing; the next promotion puts it right")
    if registry is not None and not stale:
        world.print("MLflow shows what the pointers say")
    return 0
