"""``verify``: every receipt, signature, chain and decision again, from git alone."""

from __future__ import annotations

import argparse
import json

from mlops_gitops.cli import session
from mlops_gitops.cli.world import World
from mlops_gitops.errors import EXIT_DONE, Refused
from mlops_gitops.promotion.verify import verify
from mlops_gitops.reporting import promotion as report

EXAMPLE = "mlops-gitops verify"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's own options."""
    parser.add_argument("reference", nargs="?", metavar="REF", help="a commit or a time (default: the newest commit)")
    session.add_repository_options(parser)


def run(arguments: argparse.Namespace, world: World) -> int:
    """Verify and print every problem."""
    repository = session.repository(arguments, world)
    tip = repository.fetch()
    if arguments.reference:
        tip = repository.at(arguments.reference, tip.commit)
    found = verify(repository, tip)
    if arguments.format == "json":
        world.print(json.dumps(report.verification_document(found), indent=2))
    else:
        world.print(report.verification_text(found))
    return Refused.exit_code if found.problems else EXIT_DONE
