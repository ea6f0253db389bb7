"""``status``: what runs where, now or at any time in the past."""

from __future__ import annotations

import argparse

from mlops_gitops.cli import session
from mlops_gitops.cli.world import World
from mlops_gitops.promotion import status
from mlops_gitops.promotion.recall import Recall
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.reporting import promotion as report

EXAMPLE = """
mlops-gitops status
mlops-gitops status --at 2026-11-20T09:00:00Z
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's own options."""
    parser.add_argument("--at", metavar="TIME", help="a time, or a commit of the environment repository")
    session.add_repository_options(parser)


def run(arguments: argparse.Namespace, world: World) -> int:
    """Read one commit and print a table."""
    repository = session.repository(arguments, world)
    tree = repository.fetch()
    if arguments.at:
        tree = repository.at(arguments.at, tree.commit)
    recall = Recall(session.shelf(repository, world), keep=not arguments.at, crew=session.crew())
    rows = status.running(Snapshot(tree), now=world.now(), recall=recall)
    if arguments.format == "json":
        world.print(report.status_json(tree.commit, rows))
    else:
        world.print(report.status_text(rows))
    return 1 if any(one.problem for one in rows) else 0
