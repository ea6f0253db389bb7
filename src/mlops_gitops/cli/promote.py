"""``promote``: move a release into an environment, if the evidence allows it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from datetime import datetime

from mlops_gitops.cli import derived, session
from mlops_gitops.cli.world import World
from mlops_gitops.errors import EXIT_DONE, Misused, NotYet, Refused
from mlops_gitops.promotion import apply, wishes
from mlops_gitops.promotion.apply import Answered, Wish
from mlops_gitops.promotion.plan import Outcome
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.store import Tree
from mlops_gitops.promotion.transaction import Settled
from mlops_gitops.reporting import promotion as report

EXAMPLE = """
mlops-gitops promote flight-delays --to staging --key file2:keys/ci.pem
mlops-gitops promote --all --dry-run
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's own options."""
    parser.add_argument("model", nargs="?", metavar="MODEL", help="the model to move")
    parser.add_argument("--to", metavar="ENV", help="the environment to move it into")
    parser.add_argument(
        "--all",
        action="store_true",
        help="move whatever may move into environments that are automatic, without pull request",
    )
    parser.add_argument(
        "--release", help="an id, its beginning, or a version (default: what runs upstream, or the newest)"
    )
    parser.add_argument("--dry-run", action="store_true", help="print the plan and change nothing")
    session.add_repository_options(parser)
    session.add_key_option(parser)


def run(arguments: argparse.Namespace, world: World) -> int:
    """Plan, apply, set what is derived from it, and tell."""
    if arguments.all == bool(arguments.model) or (arguments.model and not arguments.to):
        raise Misused("name a MODEL and --to ENV, or --all", hint="mlops-gitops promote MODEL --to ENV", code="usage")
    if arguments.all and (arguments.to or arguments.release):
        raise Misused("--all takes neither --to nor --release", hint="mlops-gitops promote --all", code="usage")
    repository = session.written(arguments, world)
    signer = None
    if not arguments.dry_run:
        signer = session.signer(arguments, world, lambda: Snapshot(repository.fetch()).trust)
    answered: list[Answered] = []
    commits: list[str] = []
    tip: Tree | None = None

    def wanted(snapshot: Snapshot) -> Iterable[Wish]:
        return _wishes(arguments, snapshot, now=world.now())

    while True:
        settled = apply.promote(repository, wanted, signer=signer, now=world.now, tip=tip)
        if signer is not None and _asks_people(settled, arguments):
            from mlops_gitops.cli import proposal  # pull requests are a world of their own

            return proposal.run(repository, signer, arguments, world)
        answered += settled.result if not arguments.all else _told(settled, commits)
        tip = repository.tree(settled.commit) if settled.commit else settled.base
        if settled.commit is None:
            break
        commits.append(settled.commit)
        if not arguments.all:
            break
    repaired = derived.Repair() if arguments.dry_run else derived.repair(Snapshot(tip), world)
    _print(answered, commits, repaired, arguments, world)
    return repaired.exit_code(_exit_code(answered, everything=arguments.all))


def _asks_people(settled: Settled[tuple[Answered, ...]], arguments: argparse.Namespace) -> bool:
    """Whether the environment that was named takes promotions by pull request."""
    return bool(arguments.to) and Snapshot(settled.base).environment(arguments.to).by_pull_request


def _wishes(arguments: argparse.Namespace, snapshot: Snapshot, *, now: datetime) -> Iterable[Wish]:
    if not arguments.all:
        release = snapshot.find_release(arguments.model, arguments.release) if arguments.release else None
        return [Wish(arguments.model, snapshot.environment(arguments.to).name, release)]
    automatic = wishes.automatic(snapshot, now=now)  # pull requests are for `reconcile`
    return [one for one in automatic if not snapshot.environment(one.environment).by_pull_request]


def _told(settled: Settled[tuple[Answered, ...]], commits: list[str]) -> list[Answered]:
    """What a round of ``--all`` has to say: what moved; and in the last round, what did not."""
    last = settled.commit is None
    moved = [one for one in settled.result if one.receipt is not None]
    quiet = {Outcome.NOTHING} if commits else set()
    still = [one for one in settled.result if one.receipt is None and not _expected(one) and not _is(one, quiet)]
    return moved + (still if last else [])


def _expected(one: Answered) -> bool:
    """With ``--all``, that nothing runs upstream yet is no news."""
    return isinstance(one.failure, NotYet)


def _is(one: Answered, outcomes: set[Outcome]) -> bool:
    return one.decision is not None and one.decision.outcome in outcomes


def _print(
    answered: list[Answered], commits: list[str], repaired: derived.Repair, arguments: argparse.Namespace, world: World
) -> None:
    if arguments.format == "json":
        document = {
            "result": _result(answered),
            "commit": commits[-1] if commits else None,
            "commits": commits,
            "dryRun": arguments.dry_run,
            "promotions": [report.answered_document(one) for one in answered],
            "pullRequest": None,
            "derived": {"mlflow": repaired.document()},
        }
        world.print(json.dumps(document, indent=2))
        return
    for one in answered:
        world.print(report.answered_text(one, done="promoted"))
    if not answered:
        world.print("nothing to do")
    for commit in commits:
        world.print(f"commit {report.short(commit)}")
    for line in repaired.texts():
        world.print(line)


def _result(answered: list[Answered]) -> str:
    if any(one.receipt is not None for one in answered):
        return "promoted"
    if any(one.failure is not None and not _expected(one) for one in answered):
        return "failed"
    if any(one.failure is not None for one in answered):
        return report.RESULTS[Outcome.PENDING]
    for outcome in (Outcome.REFUSED, Outcome.PENDING, Outcome.MOVE):
        if any(_is(one, {outcome}) for one in answered):
            return report.RESULTS[outcome]
    return report.RESULTS[Outcome.NOTHING]


def _exit_code(answered: list[Answered], *, everything: bool) -> int:
    """With ``--all``, what waits or is refused is reported and is no failure; what is broken always is."""
    failed = [one.failure for one in answered if one.failure is not None and not _expected(one)]
    if failed:
        return failed[0].exit_code
    if everything:
        return EXIT_DONE
    if any(_is(one, {Outcome.REFUSED}) for one in answered):
        return Refused.exit_code
    if any(one.failure is not None or _is(one, {Outcome.PENDING}) for one in answered):
        return NotYet.exit_code
    return EXIT_DONE
