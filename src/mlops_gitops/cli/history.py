"""``history``: every promotion of a model, with the reasons for which it was allowed."""

from __future__ import annotations

import argparse
import json

from mlops_gitops.cli import session
from mlops_gitops.cli.world import World
from mlops_gitops.promotion import status
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.reporting import promotion as report

EXAMPLE = "mlops-gitops history flight-delays --in prod"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's own options."""
    parser.add_argument("model", metavar="MODEL", help="the model")
    parser.add_argument("--in", dest="environment", metavar="ENV", help="only this environment")
    session.add_repository_options(parser)


def run(arguments: argparse.Namespace, world: World) -> int:
    """Read the receipts and print them, oldest first in each environment."""
    tree = session.repository(arguments, world).fetch()
    snapshot = Snapshot(tree)
    if arguments.environment:
        snapshot.environment(arguments.environment)
    session.require_model(snapshot, arguments.model)
    found = status.history(snapshot, model=arguments.model, environment=arguments.environment)
    versions = {one.release: snapshot.release(arguments.model, one.release).version for one in found}
    if arguments.format == "json":
        receipts = [report.receipt_document(one, version=versions[one.release]) for one in found]
        document = {"commit": tree.commit, "model": arguments.model, "promotions": receipts}
        world.print(json.dumps(document, indent=2))
    else:
        for one in found:
            world.print(report.receipt_text(one, version=versions[one.release]))
        if not found:
            world.print(f"{arguments.model} has not been promoted yet")
    return 0
