"""Doing all that there is to do, again and again until nothing is left.

One round reads everything once (the branch with all proposals in one fetch, the open pull requests in one request),
plans it all, and does what one commit can hold, or else what the pull requests need.  Then it reads again.  So:

* **Any event may be lost.**  Nothing is remembered between two runs, and nothing depends on why a run was started.
* **Two at once, or one that was killed anywhere, end in the same state.**  Every write is conditional on what was read
  (the tip of the branch, the commit of a proposal, the head that is merged), and is found by reading once it was made.
* **No difference, no write.**  So what this writes starts nothing that would make it write again.

A pull request that the forge does not let us touch does not stop the others, and a forge that is down does not stop
what git alone can do.  All of it is reported.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from mlops_gitops.errors import Failure, WorldFailed
from mlops_gitops.evidence import envelope
from mlops_gitops.promotion import agenda, apply, requests, returns, seals
from mlops_gitops.promotion.agenda import Agenda
from mlops_gitops.promotion.receipts import Receipt
from mlops_gitops.promotion.requests import Did, Run
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.store import Tree
from mlops_gitops.promotion.survey import Reader
from mlops_gitops.promotion.view import Place
from mlops_gitops.records import record

ROUNDS = 100
"""More than any chain of environments has steps: who needs more is racing with others without end."""
FAILING = 3
"""How many pull requests may fail as if the forge were down before it is taken to be."""
DOWN = frozenset({"github-unreachable", "github-rate-limit", "github-token", "github-sso"})
"""What is about the forge as a whole.  Any other failure is of one pull request, and stops no other."""


@record
class Reconciled:
    """What was done, in order; what is left, by the last round; and what failed, with its slot where it has one."""

    did: tuple[Did, ...]
    commits: tuple[str, ...]
    left: Agenda | None
    tree: Tree | None
    failures: tuple[tuple[Place | None, Failure], ...]


def reconcile(
    reader: Reader,
    *,
    signer: envelope.Signer | None,
    now: Callable[[], datetime],
    dry: bool = False,
    sleep: Callable[[float], None] = time.sleep,
) -> Reconciled:
    """Everything, until nothing is left.  With ``dry``, or without a key, one round that changes nothing.

    Raises a ``Failure`` only where it met one before anything was done.
    """
    run = Run(reader, now)
    left: Agenda | None = None
    try:
        for turn in range(ROUNDS):
            moment = run.moment()
            snapshot, view = reader.read(run.memory, moment)
            left = agenda.plan_all(view, signer=signer, now=moment)
            if dry or signer is None:
                break
            landed = _act(run, snapshot, left, signer)
            if landed is None:
                sleep(random.uniform(0, min(2.0, 0.05 * 2**turn)))  # noqa: S311 - to part two runners
            elif not landed:
                break
        else:
            raise _contended()
    except Failure as failure:
        if not run.did:
            raise
        run.memory.failures[None] = failure
    failures = (*run.memory.kept.items(), *run.memory.failures.items())
    return Reconciled(tuple(run.did), tuple(run.commits), left, reader.tree, failures)


def _act(run: Run, snapshot: Snapshot, plan: Agenda, signer: envelope.Signer) -> bool | None:
    """Do one round's work.  Whether another round may find more; ``None``: after a while, for others write as well."""
    if plan.commits:
        return _commit(run, snapshot, plan, signer) or None
    again = False
    for request in plan.requests:
        failed = sum(failure.code in DOWN for failure in run.memory.failures.values())
        if request.step.writes and request.place not in run.memory.failures and failed < FAILING:
            try:
                again |= requests.act(run, request, snapshot, signer=signer, at=plan.at)
            except Failure as failure:
                run.memory.failures[request.place] = failure
    return again


def _commit(run: Run, snapshot: Snapshot, plan: Agenda, signer: envelope.Signer) -> bool:
    """One commit and one push for all moves, reviews and seals.  Whether it landed."""
    tree, files = snapshot.tree, dict[str, bytes | None]()
    moved = _take_back(run, snapshot, plan, signer, files)
    moving = [one.decision for one in plan.moves if one.decision is not None and apply.moves_now(one.decision)]
    did = [Did("rolled-back", one.environment, one.model, one.release, one.reason, one.id) for one in moved]
    for decision in moving:
        receipt = apply.move(decision, tree=tree, now=plan.at, reason="")
        files |= apply.files(receipt, snapshot, signer)
        moved.append(receipt)
        did.append(Did("promoted", receipt.environment, receipt.model, receipt.release, promotion=receipt.id))
    for look in plan.looks:
        files |= look.files
        said = look.receipt
        did.append(Did("recorded", said.environment, said.model, said.release, promotion=said.id, url=look.pull.url))
    for seal in plan.seals:
        files[seal.path] = envelope.seal(seals.statement(seal), signer)
        did.append(Did("sealed", seal.environment, seal.model, seal.release, promotion=seal.promotion))
    if not files:
        return True
    message = apply.message(moved, snapshot) if len(moved) == len(did) else _message(did)
    commit = run.reader.remote.commit(tree.commit, files, message=message, when=plan.at)
    landed = run.reader.remote.push(commit, base=tree.commit)
    if landed is None:
        return False
    run.commits.append(landed)
    run.did += [replace(one, commit=landed) for one in did]
    return True


def _take_back(
    run: Run, snapshot: Snapshot, plan: Agenda, signer: envelope.Signer, files: dict[str, bytes | None]
) -> list[Receipt]:
    """Put the files of every rollback that is due into ``files``; one that cannot be is remembered as failed."""
    moved = []
    for wanted in plan.returning:
        one, written = returns.taken_back(wanted, snapshot, signer, run.reader.preflight, now=plan.at)
        if one.receipt is not None:
            moved.append(one.receipt)
            files |= written
        elif one.failure is not None:
            run.memory.kept[one.wish.place] = one.failure
    return moved


_WORDS = {
    "rolled-back": "Roll back",
    "promoted": "Promote",
    "recorded": "Record the reviews of",
    "sealed": "Seal the promotion of",
}


def _message(did: Sequence[Did]) -> str:
    """The message of a commit that does more than move releases."""
    lines = [f"{_WORDS[one.verb]} {one.model} ({(one.release or '')[:12]}) to {one.environment}" for one in did]
    subject = lines[0] if len(lines) == 1 else f"Reconcile {len(lines)} things"
    trailers = [f"Promotion-Id: {one}" for one in dict.fromkeys(one.promotion for one in did if one.promotion)]
    return "\n".join([subject, *([] if len(lines) == 1 else ["", *lines]), "", *trailers]) + "\n"


def _contended() -> WorldFailed:
    return WorldFailed(
        f"after {ROUNDS} rounds there was still something to do: others keep changing the same things",
        hint="nothing was left half-done; run the command again when fewer runners write",
        code="contention",
    )
