"""``history``: every promotion of a model, with the reasons for which it was allowed; or every look at its data."""

from __future__ import annotations

import argparse
import json

from mlops_gitops.cli import session
from mlops_gitops.cli.world import World
from mlops_gitops.promotion import status
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.reporting import promotion as report

EXAMPLE = """
mlops-gitops history flight-delays --in prod
mlops-gitops history flight-delays --looks
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's own options."""
    parser.add_argument("model", metavar="MODEL", help="the model")
    parser.add_argument("--in", dest="environment", metavar="ENV", help="only this environment")
    parser.add_argument(
        "--looks", action="store_true", help="show which releases were judged on which data, and how many still may be"
    )
    session.add_repository_options(parser)


def run(arguments: argparse.Namespace, world: World) -> int:
    """Read the receipts and print them, oldest first in each environment."""
    tree = session.repository(arguments, world).fetch()
    snapshot = Snapshot(tree)
    if arguments.environment:
        snapshot.environment(arguments.environment)
    session.require_model(snapshot, arguments.model)
    if arguments.looks:
        world.print(_looks(snapshot, arguments))
        return 0
    found = status.history(snapshot, model=arguments.model, environment=arguments.environment)
    versions = {one.release: snapshot.release(arguments.model, one.release).version for one in found}
    if arguments.format == "json":
        receipts = [report.receipt_document(one, version=versions[one.release]) for one in found]
        document = {"commit": tree.commit, "model": arguments.model, "promotions": receipts, "looks": []}
        world.print(json.dumps(document, indent=2))
    else:
        for one in found:
            world.print(report.receipt_text(one, version=versions[one.release]))
        if not found:
            world.print(f"{arguments.model} has not been promoted yet")
    return 0


def _looks(snapshot: Snapshot, arguments: argparse.Namespace) -> str:
    """The ledger of the data that the model's comparisons were made on."""
    from mlops_gitops.promotion import ledger
    from mlops_gitops.reporting import looks as looks_report

    found = ledger.entries(snapshot, arguments.model)
    if arguments.format == "json":
        looks = looks_report.document(found)
        document = {"commit": snapshot.tree.commit, "model": arguments.model, "promotions": [], "looks": looks}
        return json.dumps(document, indent=2)
    wanted = [one for one in snapshot.environments() if arguments.environment in {None, one.name}]
    rules = {one.name: one.comparison.holdout for one in wanted if one.comparison and one.comparison.holdout}
    files = {one.holdout for one in found} | {file for rule in rules.values() for file in rule.data}
    taken = {file: len(looks) for file, looks in ledger.of_model(snapshot, arguments.model, files).taken.items()}
    return looks_report.text(found, rules, taken) or f"no release of {arguments.model} was compared yet"
