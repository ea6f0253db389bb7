"""What ``reconcile`` did and what is left, as people and programs read it: a line for each slot, with its reasons."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mlops_gitops.canonical import JSON
from mlops_gitops.errors import Failure, Misused, Refused
from mlops_gitops.promotion.agenda import Agenda
from mlops_gitops.promotion.apply import Answered, moves_now
from mlops_gitops.promotion.plan import Outcome
from mlops_gitops.promotion.pull_steps import Request, Step
from mlops_gitops.promotion.reconcile import Reconciled
from mlops_gitops.promotion.requests import Did
from mlops_gitops.promotion.restrictions import stranded
from mlops_gitops.promotion.sealing import Unsealed
from mlops_gitops.promotion.view import Place
from mlops_gitops.reporting.failures import failure_document
from mlops_gitops.reporting.inert import inert
from mlops_gitops.reporting.promotion import answered_document, judgement_document, short

_DID = {
    "rolled-back": "rolled back",
    "promoted": "promoted",
    "recorded": "reviews recorded",
    "sealed": "sealed",
    "opened": "pull request opened",
    "updated": "pull request updated",
    "merged": "pull request merged",
    "closed": "pull request closed",
    "deleted": "branch deleted",
}
_PLANNED = {
    Step.OPEN: "would open a pull request",
    Step.UPDATE: "would update its pull request",
    Step.MERGE: "would merge its pull request",
    Step.CLOSE: "would close its pull request",
    Step.DELETE: "would delete its branch",
    Step.WAIT: "waits",
    Step.REFUSE: "refused",
    Step.LEAVE: "left alone",
}


def text(found: Reconciled, *, dry: bool) -> str:
    """Everything, a line for each thing."""
    lines = [_did(one) for one in found.did]
    if found.left is not None:
        lines += _left(found.left, dry=dry)
    for place, failure in failures(found):
        where = f"{place[1]} → {place[0]}: " if place else ""
        lines += [f"{where}{inert(failure.message)}", f"  what to do: {inert(failure.hint)}"]
    lines += [f"commit {short(commit)}" for commit in found.commits]
    return "\n".join(lines or ["nothing to do"])


def failures(found: Reconciled) -> list[tuple[Place | None, Failure]]:
    """Everything that failed: on the way, and in reading what is left."""
    left = found.left
    read: list[tuple[Place | None, Failure]] = [*left.failures] if left else []
    moves = [one for one in (left.moves if left else ()) if isinstance(one.failure, Refused | Misused)]
    read += [((one.wish.environment, one.wish.model), one.failure) for one in moves if one.failure is not None]
    told: dict[object, tuple[Place | None, Failure]] = {}
    for place, one in [*found.failures, *read]:  # a slot that cannot be read is met by every part of the plan
        told.setdefault((place, one.code, one.message), (place, one))
    return list(told.values())


def _did(one: Did) -> str:
    because = (
        f" ({inert(one.reason)})" if one.verb in {"closed", "deleted", "updated", "rolled-back"} and one.reason else ""
    )
    where = f" {inert(one.url)}" if one.url else ""
    return f"{one.model} → {one.environment}: {_DID[one.verb]}{because}{where}"


def _left(left: Agenda, *, dry: bool) -> Iterator[str]:
    if dry:
        yield from (f"{one.wish.model} → {one.wish.environment}: would be rolled back" for one in left.returning)
        for move in left.moves:
            if move.decision is not None and moves_now(move.decision):
                yield f"{move.wish.model} → {move.wish.environment}: would be promoted"
        yield from (f"{one.receipt.model} → {one.receipt.environment}: would record its reviews" for one in left.looks)
        yield from (f"{one.model} → {one.environment}: would seal its promotion" for one in left.seals)
    for move in (*left.backs, *left.moves):
        waits = move.decision is not None and move.decision.outcome in {Outcome.PENDING, Outcome.REFUSED}
        if waits and move.decision is not None:
            word = "refused" if move.decision.outcome is Outcome.REFUSED else "waits"
            why = "; ".join(f"{one.gate}: {inert(one.reason)}" for one in move.decision.blocking)
            yield f"{move.wish.model} → {move.wish.environment}: {word}: {why}"
    for request in left.requests:
        if dry or not request.step.writes:
            where = f" {inert(request.pull.url)}" if request.pull else ""
            yield f"{request.model} → {request.environment}: {_PLANNED[request.step]}: {inert(request.reason)}{where}"
    yield from (line for one in left.unsealed for line in _unsealed(one))


def _unsealed(one: Unsealed) -> Iterator[str]:
    receipt = one.filed.receipt
    yield f"{receipt.model} → {receipt.environment}: merged and not sealed: {inert(one.reason)}"
    for judgement in one.decision.blocking if one.decision else ():
        yield f"  {judgement.gate}: {inert(judgement.reason)}"
    yield f"  what to do: {remedy(one)}"


def remedy(one: Unsealed) -> str:
    """What a person can do about a merge that was not allowed."""
    receipt = one.filed.receipt
    if one.decision is not None and stranded(one.decision.situation.slot):
        return "nothing ran there before: a pull request that is approved lets it in rightly"
    return f'`mlops-gitops rollback {receipt.model} --in {receipt.environment} --reason "…"`'


def document(found: Reconciled, *, dry: bool) -> dict[str, JSON]:
    """Everything, as JSON."""
    left = found.left
    return {
        "result": _result(found, dry=dry),
        "dryRun": dry,
        "commits": list(found.commits),
        "did": [_did_document(one) for one in found.did],
        "rollbacks": [answered_document(one) for one in left.backs] if left else [],
        "moves": [answered_document(one) for one in left.moves if _tells(one)] if left else [],
        "pullRequests": [_request(one) for one in left.requests] if left else [],
        "unsealed": [_unsealed_document(one) for one in left.unsealed] if left else [],
        "failures": [
            {
                "environment": place[0] if place else None,
                "model": place[1] if place else None,
                "error": failure_document(failure),
            }
            for place, failure in failures(found)
        ],
    }


def _tells(one: Answered) -> bool:
    return one.decision is not None and one.decision.outcome is not Outcome.NOTHING


def _result(found: Reconciled, *, dry: bool) -> str:
    if failures(found):
        return "failed"
    if found.left is not None and (found.left.unsealed or _stuck(found.left.requests)):
        return "refused"
    if dry:
        return "planned"
    return "changed" if found.did else "nothing-to-do"


def _stuck(requests: Iterable[Request]) -> bool:
    return any(one.step is Step.LEAVE for one in requests)


def _did_document(one: Did) -> JSON:
    return {
        "verb": one.verb,
        "environment": one.environment,
        "model": one.model,
        "release": one.release,
        "promotion": one.promotion,
        "reason": one.reason,
        "url": one.url,
        "commit": one.commit,
    }


def _request(one: Request) -> JSON:
    decision = one.decision
    return {
        "environment": one.environment,
        "model": one.model,
        "step": one.step.value,
        "reason": one.reason,
        "release": decision.release if decision else None,
        "outcome": decision.outcome.value if decision else None,
        "url": one.pull.url if one.pull else None,
        "reasons": [judgement_document(reason) for reason in decision.judgements] if decision else [],
    }


def _unsealed_document(one: Unsealed) -> JSON:
    receipt = one.filed.receipt
    return {
        "environment": receipt.environment,
        "model": receipt.model,
        "release": receipt.release,
        "promotion": receipt.id,
        "reason": one.reason,
        "remedy": remedy(one),
        "reasons": [judgement_document(reason) for reason in one.decision.judgements] if one.decision else [],
    }
