"""``rollback``: back to the last good release, with a hold on the one that is left."""

from __future__ import annotations

import argparse
import json

from mlops_gitops.cli import derived, preflight, session
from mlops_gitops.cli.world import World
from mlops_gitops.errors import EXIT_DONE, NotYet, Refused
from mlops_gitops.promotion import apply
from mlops_gitops.promotion.apply import Wish
from mlops_gitops.promotion.plan import Outcome
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.reporting import promotion as report

EXAMPLE = 'mlops-gitops rollback flight-delays --in prod --reason "late flights are missed since noon"'


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's own options."""
    parser.add_argument("model", metavar="MODEL", help="the model to move back")
    parser.add_argument("--in", dest="environment", metavar="ENV", required=True, help="the environment")
    parser.add_argument("--reason", required=True, help="why; it is kept in the receipt and in the hold")
    parser.add_argument("--to", metavar="RELEASE", help="a release that ran there (default: the last good one)")
    parser.add_argument("--by", help="who does it (default: $GITHUB_ACTOR, else $USER)")
    session.add_repository_options(parser)
    session.add_key_option(parser)


def run(arguments: argparse.Namespace, world: World) -> int:
    """Judge, check that the old release still loads, write, set what is derived from it, and tell."""
    repository = session.repository(arguments, world)
    snapshot = Snapshot(repository.fetch())
    release = snapshot.find_release(arguments.model, arguments.to) if arguments.to else None
    settled = apply.rollback(
        repository,
        Wish(arguments.model, arguments.environment, release),
        signer=session.signer(arguments, world, lambda: snapshot.trust),
        by=session.actor(arguments, world),
        reason=session.because(arguments),
        now=world.now,
        preflight=preflight.loads(world),
    )
    one = settled.result
    outcome = one.decision.outcome if one.decision else Outcome.REFUSED
    repaired = derived.repair(Snapshot(repository.tree(settled.commit or settled.base.commit)), world)
    if arguments.format == "json":
        derivation = {"mlflow": repaired.document()}
        word = "rolled-back" if one.receipt else report.RESULTS[outcome]
        document = {"result": word, "commit": settled.commit, **report.answered_document(one), "derived": derivation}
        world.print(json.dumps(document, indent=2))
    else:
        world.print(report.answered_text(one, done="rolled back"))
        if settled.commit:
            world.print(f"commit {report.short(settled.commit)}")
        for line in repaired.texts():
            world.print(line)
    return repaired.exit_code(
        {Outcome.REFUSED: Refused.exit_code, Outcome.PENDING: NotYet.exit_code}.get(outcome, EXIT_DONE)
    )
