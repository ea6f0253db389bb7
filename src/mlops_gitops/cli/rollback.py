"""``rollback``: back to the last good release, with a hold on the one that is left."""

from __future__ import annotations

import argparse
import json

from mlops_gitops.cli import derived, preflight, session
from mlops_gitops.cli.world import World
from mlops_gitops.errors import EXIT_DONE, Misused, NotYet, Refused
from mlops_gitops.promotion import returns
from mlops_gitops.promotion.apply import Answered, Wish
from mlops_gitops.promotion.plan import Outcome
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.reporting import promotion as report

EXAMPLE = """
mlops-gitops rollback flight-delays --in prod --reason "late flights are missed since noon"
mlops-gitops rollback --due
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's own options."""
    parser.add_argument("model", nargs="?", metavar="MODEL", help="the model to move back")
    parser.add_argument("--in", dest="environment", metavar="ENV", help="the environment")
    parser.add_argument("--reason", help="why; it is kept in the receipt and in the hold")
    parser.add_argument("--to", metavar="RELEASE", help="a release that ran there (default: the last good one)")
    parser.add_argument("--by", help="who does it (default: $GITHUB_ACTOR, else $USER)")
    parser.add_argument(
        "--due", action="store_true", help="move back whatever evidence demands, where the policy says `automatic`"
    )
    parser.add_argument("--dry-run", action="store_true", help="print the plan and change nothing")
    session.add_repository_options(parser)
    session.add_key_option(parser)


def run(arguments: argparse.Namespace, world: World) -> int:
    """Judge, check that the old release still loads, write, set what is derived from it, and tell."""
    named = [arguments.model, arguments.environment, arguments.reason]
    if arguments.due and any(one is not None for one in (*named, arguments.to, arguments.by)):
        raise Misused(
            "--due takes no MODEL, --in, --to, --by or --reason", hint="mlops-gitops rollback --due", code="usage"
        )
    if not arguments.due and None in named:
        raise Misused(
            "name a MODEL, --in ENV and --reason, or --due",
            hint='mlops-gitops rollback MODEL --in ENV --reason "…"',
            code="usage",
        )
    return _due(arguments, world) if arguments.due else _one(arguments, world)


def _one(arguments: argparse.Namespace, world: World) -> int:
    repository = session.written(arguments, world)
    snapshot = Snapshot(repository.fetch())
    release = snapshot.find_release(arguments.model, arguments.to) if arguments.to else None
    settled = returns.rollback(
        repository,
        Wish(arguments.model, arguments.environment, release),
        signer=None if arguments.dry_run else session.signer(arguments, world, lambda: snapshot.trust),
        by=session.actor(arguments, world),
        reason=session.because(arguments),
        now=world.now,
        preflight=preflight.loads(world),
    )
    tip = settled.commit or settled.base.commit
    repaired = derived.Repair() if arguments.dry_run else derived.repair(Snapshot(repository.tree(tip)), world)
    return _told([settled.result], settled.commit, repaired, arguments, world)


def _due(arguments: argparse.Namespace, world: World) -> int:
    repository = session.written(arguments, world)
    signer = None
    if not arguments.dry_run:
        signer = session.signer(arguments, world, lambda: Snapshot(repository.fetch()).trust)
    settled = returns.rollback_due(repository, signer=signer, now=world.now, preflight=preflight.loads(world))
    answered = list(settled.result)
    tip = settled.commit or settled.base.commit
    repaired = derived.Repair() if arguments.dry_run else derived.repair(Snapshot(repository.tree(tip)), world)
    return _told(answered, settled.commit, repaired, arguments, world)


def _told(
    answered: list[Answered], commit: str | None, repaired: derived.Repair, arguments: argparse.Namespace, world: World
) -> int:
    """Print what came of it; the exit code."""
    if arguments.format == "json":
        document = {
            "result": _result(answered),
            "commit": commit,
            "dryRun": arguments.dry_run,
            "rollbacks": [report.answered_document(one) for one in answered],
            "derived": {"mlflow": repaired.document()},
        }
        world.print(json.dumps(document, indent=2))
        return repaired.exit_code(_exit_code(answered))
    for one in answered:
        world.print(report.answered_text(one, done="rolled back"))
    if not answered:
        world.print("nothing to do: no evidence demands a rollback")
    if commit:
        world.print(f"commit {report.short(commit)}")
    for line in repaired.texts():
        world.print(line)
    return repaired.exit_code(_exit_code(answered))


def _outcomes(answered: list[Answered]) -> set[Outcome]:
    return {one.decision.outcome for one in answered if one.decision is not None}


def _result(answered: list[Answered]) -> str:
    if any(one.receipt is not None for one in answered):
        return "rolled-back"
    if any(one.failure is not None for one in answered):
        return "failed"
    ordered = (Outcome.REFUSED, Outcome.PENDING, Outcome.MOVE)
    found = next((one for one in ordered if one in _outcomes(answered)), Outcome.NOTHING)
    return report.RESULTS[found]


def _exit_code(answered: list[Answered]) -> int:
    """What could not be rolled back decides, also where something else could."""
    failed = [one.failure for one in answered if one.failure is not None]
    if failed:
        return failed[0].exit_code
    outcomes = _outcomes(answered)
    if Outcome.REFUSED in outcomes:
        return Refused.exit_code
    return NotYet.exit_code if Outcome.PENDING in outcomes else EXIT_DONE
