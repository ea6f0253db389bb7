"""``reconcile``: do everything that the policies allow now, and open what people have to say yes to."""

from __future__ import annotations

import argparse
import functools
import json

from mlops_gitops.adapters.git import Repository
from mlops_gitops.cli import derived, preflight, session
from mlops_gitops.cli.world import World
from mlops_gitops.errors import EXIT_DONE, Refused
from mlops_gitops.promotion import reconcile
from mlops_gitops.promotion.apply import Wish
from mlops_gitops.promotion.pull_steps import Step
from mlops_gitops.promotion.reconcile import Reconciled
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.survey import Reader
from mlops_gitops.reporting import pull_request
from mlops_gitops.reporting import reconcile as report

EXAMPLE = """
mlops-gitops reconcile --key env:PROMOTION_KEY
mlops-gitops reconcile --dry-run
"""
_SERVER = "https://github.com"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's own options."""
    parser.add_argument("--dry-run", action="store_true", help="print what there is to do, and change nothing")
    session.add_repository_options(parser)
    session.add_key_option(parser)


def run(arguments: argparse.Namespace, world: World) -> int:
    """Read, plan and do until nothing is left, set what is derived from it, and tell."""
    repository = session.repository(arguments, world)
    keyless = arguments.dry_run and not (arguments.key or world.environ.get("MG_KEY"))
    signer = None if keyless else session.signer(arguments, world, lambda: Snapshot(repository.fetch()).trust)
    found = reconcile.reconcile(
        reader(repository, arguments, world), signer=signer, now=world.now, dry=arguments.dry_run
    )
    dry = arguments.dry_run or found.tree is None
    repaired = derived.Repair() if dry or found.tree is None else derived.repair(Snapshot(found.tree), world)
    if arguments.format == "json":
        document = report.document(found, dry=arguments.dry_run)
        world.print(json.dumps({**document, "derived": {"mlflow": repaired.document()}}, indent=2))
    else:
        world.print(report.text(found, dry=arguments.dry_run))
        for line in repaired.texts():
            world.print(line)
    return repaired.exit_code(exit_code(found))


def reader(
    repository: Repository, arguments: argparse.Namespace, world: World, *, wishes: tuple[Wish, ...] = ()
) -> Reader:
    """Where everything is read; with ``wishes``, what was asked for by name, and nothing else."""
    return Reader(
        repository,
        functools.cache(lambda: session.forge(arguments, world, beside=repository)),  # made when first asked for
        repository.branch,
        pull_request.describe,
        pull_request.farewell,
        preflight.loads(world),
        address=world.environ.get("GITHUB_SERVER_URL") or _SERVER,
        wishes=wishes,
        only=frozenset((one.environment, one.model) for one in wishes) if wishes else None,
    )


def exit_code(found: Reconciled) -> int:
    """What waits for people or time is no failure; what somebody has to look at is one."""
    failed = report.failures(found)
    if failed:
        return failed[0][1].exit_code
    left = found.left
    if left is not None and (left.unsealed or any(one.step is Step.LEAVE for one in left.requests)):
        return Refused.exit_code
    return EXIT_DONE
