"""``promote`` into an environment that asks for pull requests: one is opened or updated, and merged if all is given."""

from __future__ import annotations

import argparse
import json

from mlops_gitops.adapters.git import Repository
from mlops_gitops.cli import derived, session
from mlops_gitops.cli import reconcile as verb
from mlops_gitops.cli.world import World
from mlops_gitops.errors import EXIT_DONE, NotYet, Refused
from mlops_gitops.evidence import envelope
from mlops_gitops.promotion import plan, reconcile
from mlops_gitops.promotion.apply import Answered, Wish
from mlops_gitops.promotion.plan import Outcome
from mlops_gitops.promotion.reconcile import Reconciled
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.reporting import promotion as wording
from mlops_gitops.reporting import reconcile as report

_EXITS = {Outcome.NOTHING: EXIT_DONE, Outcome.REFUSED: Refused.exit_code}


def run(repository: Repository, signer: envelope.Signer, arguments: argparse.Namespace, world: World) -> int:
    """Propose, and merge what nobody has to say yes to any more; then tell."""
    snapshot = Snapshot(repository.fetch())
    session.require_model(snapshot, arguments.model)
    release = snapshot.find_release(arguments.model, arguments.release) if arguments.release else None
    wish = Wish(arguments.model, arguments.to, release)
    reader = verb.reader(repository, arguments, world, wishes=(wish,))
    found = reconcile.reconcile(reader, signer=signer, now=world.now)
    after = Snapshot(found.tree or snapshot.tree)
    answered = _answered(after, wish, world)
    repaired = derived.repair(after, world)
    if arguments.format == "json":
        document = {
            "result": _result(found, answered),
            "commit": found.commits[-1] if found.commits else None,
            "commits": list(found.commits),
            "dryRun": False,
            "promotions": [wording.answered_document(answered)],
            "pullRequest": _url(found),
            "derived": {"mlflow": repaired.document()},
        }
        world.print(json.dumps(document, indent=2))
    else:
        if answered.decision is not None:
            world.print(wording.decision_text(answered.decision))
        world.print(report.text(found, dry=False))
        for line in repaired.texts():
            world.print(line)
    return repaired.exit_code(_exit_code(found, answered))


def _answered(snapshot: Snapshot, wish: Wish, world: World) -> Answered:
    """The decision as it is after all was done."""
    environment = snapshot.environment(wish.environment)
    release = wish.release or snapshot.candidate(wish.model, environment)
    case = plan.situation(snapshot, model=wish.model, environment=wish.environment, release=release)
    return Answered(wish, plan.decide(case, now=world.now()), None)


def _url(found: Reconciled) -> str | None:
    """Where the pull request is."""
    pulls = [one.pull.url for one in found.left.requests if one.pull is not None] if found.left else []
    urls = [one.url for one in found.did if one.url is not None]
    return next(iter([*pulls, *urls[::-1]]), None)


def _result(found: Reconciled, answered: Answered) -> str:
    if any(one.verb in {"merged", "promoted"} for one in found.did):
        return "promoted"
    if report.failures(found):
        return "failed"
    outcome = answered.decision.outcome if answered.decision else Outcome.NOTHING
    return "proposed" if outcome in {Outcome.MOVE, Outcome.PENDING} else wording.RESULTS[outcome]


def _exit_code(found: Reconciled, answered: Answered) -> int:
    """Done where it runs there now; not yet where the pull request waits."""
    code = verb.exit_code(found)
    if code != EXIT_DONE or answered.decision is None:
        return code
    return _EXITS.get(answered.decision.outcome, NotYet.exit_code)
