"""``explain``: every reason that a release does or does not move, and who can change it."""

from __future__ import annotations

import argparse
import json

from mlops_gitops.cli import session
from mlops_gitops.cli.world import World
from mlops_gitops.promotion import plan, rollbacks, rows
from mlops_gitops.promotion.remedies import remedies
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.reporting import promotion as report

EXAMPLE = "mlops-gitops explain flight-delays prod"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's own options."""
    parser.add_argument("model", metavar="MODEL", help="the model")
    parser.add_argument("environment", metavar="ENV", help="the environment")
    parser.add_argument(
        "--release", help="an id, its beginning, or a version (default: what runs upstream, or the newest)"
    )
    session.add_repository_options(parser)


def run(arguments: argparse.Namespace, world: World) -> int:
    """Decide as ``promote`` would, and print the decision.  Explaining a no is done well, so the exit code is 0."""
    tree = session.repository(arguments, world).fetch()
    snapshot = Snapshot(tree)
    session.require_model(snapshot, arguments.model)
    environment = snapshot.environment(arguments.environment)
    release = (
        snapshot.find_release(arguments.model, arguments.release)
        if arguments.release
        else snapshot.candidate(arguments.model, environment)
    )
    case = plan.situation(snapshot, model=arguments.model, environment=environment.name, release=release)
    now = world.now()
    decision = plan.decide(case, now=now)
    targets = rows.standings(snapshot, case.slot)
    due = rollbacks.due(snapshot, environment=environment.name, model=arguments.model, now=now)
    rollback = due.why if isinstance(due, rollbacks.Due) else due
    found = remedies(decision, now=now)
    if arguments.format == "json":
        told = report.explanation_document(decision, found, targets, rollback)
        world.print(json.dumps({"commit": tree.commit, **told}, indent=2))
    else:
        world.print(report.explanation_text(decision, found, targets, rollback))
    return 0
