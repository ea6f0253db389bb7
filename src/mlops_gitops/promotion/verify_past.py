"""The past, as ``verify`` looks at it: every commit of the first-parent line, one after the other.

Nothing that is append-only was ever changed or removed, no pointer moved without a receipt in the same commit, and the
decision of every receipt is made again on the commit before it and at its own time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace

from mlops_gitops.errors import Failure
from mlops_gitops.evidence.admission import may_sign, signed_by
from mlops_gitops.promotion import (
    apply,
    layout,
    plan,
    pointer,
    receipts,
    reference_looks,
    returns,
    rollbacks,
    verify_seals,
)
from mlops_gitops.promotion.plan import Action, Decision, Outcome, Situation
from mlops_gitops.promotion.problems import Problem
from mlops_gitops.promotion.receipts import PULL_REQUEST, Filed, Receipt
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.store import Change, History, Tree
from mlops_gitops.promotion.verify_looks import Recount


def problems(history: History, changes: tuple[Change, ...], born: Mapping[str, Change]) -> Iterator[Problem]:
    """What is wrong along the first-parent line; ``born`` tells in which commit a path appeared."""
    looks, windows = Recount(history), reference_looks.Recount(history)
    for change in changes:
        yield from looks.of(change)
        yield from windows.of(change)
        for status, path in change.paths:
            if status == "T" and _is_ours(path):
                yield Problem("no-file", path, "it is a link or a submodule, not a file", change.commit)
            elif status != "A" and path.split("/", 1)[0] in layout.APPEND_ONLY:
                did = "removed" if status == "D" else "changed"
                yield Problem("append-only", path, f"it was {did}, and nothing here may ever be", change.commit)
            elif path.startswith("seals/"):
                yield from verify_seals.again(history, change, path, born)
        yield from _moves(history, change)


def _is_ours(path: str) -> bool:
    """Whether we read the path; an overlay, which is people's own, may hold links."""
    folder, *_, name = path.split("/")
    return folder != "environments" or name in {"environment.yaml", "release.yaml"}


def _moves(history: History, change: Change) -> Iterator[Problem]:
    """Every pointer that a commit moved has a receipt in it, and every receipt's decision holds when made again."""
    tree = history.tree(change.commit)
    moved = {path for status, path in change.paths if layout.target_of(path) and not _given_up(tree, status, path)}
    for status, path in change.paths:
        if status != "A" or not path.startswith("receipts/"):
            continue
        try:
            filed = receipts.parse(tree.read(path) or b"", path=path)
            moved -= set(receipts.pointers(filed.receipt))
            yield from _again(history, change, tree, filed)
        except Failure as failure:
            yield Problem("receipt", path, failure.message, change.commit)
    for path in sorted(moved):
        yield Problem("moved-by-hand", path, "the pointer was changed without a receipt", change.commit)


def _given_up(tree: Tree, status: str, path: str) -> bool:
    """Whether a pointer was removed of a target that the policy in the same commit does not name, as people may."""
    place = layout.target_of(path)
    if status != "D" or place is None or place[2] is None:
        return False
    try:
        rollout = Snapshot(tree).environment(place[0]).rollout
    except Failure:
        return False
    return rollout is None or place[2] not in {one.name for one in rollout.targets}


def _again(history: History, change: Change, tree: Tree, filed: Filed) -> Iterator[Problem]:
    receipt = filed.receipt
    if receipt.mode == PULL_REQUEST and change.parent is not None:
        yield from verify_seals.arrived(change, tree, Snapshot(history.tree(change.parent)), filed)
        return
    if change.parent is None or receipt.base != change.parent:
        yield Problem(
            "receipt-base",
            receipt.path,
            f"it was decided on commit {receipt.base[:12]}, not on the one before it",
            change.commit,
        )
        return
    before = Snapshot(history.tree(change.parent))
    case = plan.decisive(before, model=receipt.model, environment=receipt.environment, release=receipt.release)
    back = receipt.action == Action.ROLLBACK.value
    decision = _decision(before, case, receipt)
    if decision is None:
        yield Problem("not-demanded", receipt.path, "made again, no evidence demands this rollback", change.commit)
        return
    if decision.outcome is not Outcome.MOVE:
        why = "; ".join(f"{one.gate}: {one.reason}" for one in decision.blocking) or "it ran there already"
        yield Problem(
            "not-allowed", receipt.path, f"made again, the decision is {decision.outcome.value}: {why}", change.commit
        )
    elif other := _other_fields(
        receipt, apply.move(decision, tree=before.tree, now=receipt.time, reason=receipt.reason)
    ):
        yield Problem(
            "receipt-reasons", receipt.path, f"made again, it would say otherwise in {', '.join(other)}", change.commit
        )
    yield from verify_seals.direct(change, filed, decision)
    for path in receipts.pointers(receipt):
        if tree.read(path) != pointer.render(case.dossier.release):
            yield Problem("pointer", path, f"it is not the pointer that receipt {receipt.id[:12]} wrote", change.commit)
    signer = signed_by(filed.sealed, before.trust)
    if signer is None or not may_sign(signer, "promotion", receipt.environment):
        yield Problem(
            "receipt-signature",
            receipt.path,
            f"nobody who might promote to {receipt.environment} then signed it",
            change.commit,
        )
    if back:
        yield from _unheld(receipt, case, tree, change)


def _decision(before: Snapshot, case: Situation, receipt: Receipt) -> Decision | None:
    """The decision of a receipt, made again; ``None`` for a rollback that says that evidence demanded it, falsely."""
    if rollbacks.is_automatic(receipt):
        return rollbacks.again(before, receipt)
    back = receipt.action == Action.ROLLBACK.value
    return (plan.decide_rollback if back else plan.decide)(case, now=receipt.time)


def _unheld(receipt: Receipt, case: Situation, tree: Tree, change: Change) -> Iterator[Problem]:
    controls = Snapshot(tree).controls(receipt.environment, receipt.model)
    held = {one.release for one in controls if one.type == "hold"}
    if set(returns.left_by(receipt, case.slot)) - held:
        yield Problem(
            "no-hold", receipt.path, "a rollback must leave a hold on the release that it left", change.commit
        )


def _other_fields(receipt: Receipt, again: Receipt) -> list[str]:
    """The fields in which two receipts differ.  The words of a reason may change with the program; what it says not."""

    def said(one: Receipt) -> Receipt:
        return replace(one, judgements=tuple(replace(judgement, reason="") for judgement in one.judgements))

    receipt, again = said(receipt), said(again)
    return [one.name for one in fields(Receipt) if getattr(receipt, one.name) != getattr(again, one.name)]
