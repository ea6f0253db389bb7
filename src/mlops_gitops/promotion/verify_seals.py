"""The part of ``verify`` that is about pull requests: receipts that came by one, and the seals that complete them.

Two looks here as well.  At the tip every seal is what its name says, signed by somebody who might promote there, about
a receipt that came by a pull request; and what runs anywhere has its seal.  In the past, for each seal the decision is
*made again*: slot, policy and trust before the merge, evidence when the seal came, at the seal's time.

A receipt without a seal that was rolled back is no problem any more: then the record shows what happened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from mlops_gitops.errors import Failure
from mlops_gitops.promotion import layout, pointer, receipts, sealing, seals
from mlops_gitops.promotion.plan import Action, Decision, Outcome
from mlops_gitops.promotion.problems import Problem
from mlops_gitops.promotion.receipts import DIRECT, PULL_REQUEST, Filed
from mlops_gitops.promotion.seals import Seal
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.store import Change, History, Tree
from mlops_gitops.promotion.stored import may_promote


def at_tip(snapshot: Snapshot, trees: Mapping[str, Tree]) -> Iterator[Problem]:
    """Every seal of the newest commit; ``trees`` are the commits in which the seals appeared."""
    tree = snapshot.tree
    for environment in tree.names("seals"):
        for model in tree.names(f"seals/{environment}"):
            for name in tree.names(f"seals/{environment}/{model}"):
                path = f"seals/{environment}/{model}/{name}"
                wrong = _wrong(tree, path, Snapshot(trees.get(path, tree)))
                if wrong:
                    yield Problem("seal", path, wrong)


def _wrong(tree: Tree, path: str, then: Snapshot) -> str | None:
    """What is wrong with one seal by itself, or ``None``."""
    _, environment, model, name = path.split("/")
    receipt = layout.receipt(environment, model, name.removesuffix(".json"))
    try:
        found = seals.parse(tree.read(path) or b"", path=path)
        filed = receipts.parse(tree.read(receipt) or b"", path=receipt)
        trust = then.trust
    except Failure as failure:
        return failure.message
    if filed.receipt.mode == DIRECT:
        return "it belongs to a receipt that did not come by a pull request"
    if not seals.completes(found.seal, filed):
        return "it was made for other bytes than those of its receipt"
    if not may_promote(found.sealed, environment, trust):
        return f"nobody who may promote to {environment} signed it"
    folder = layout.evidence(found.seal.release)
    there = {one.rpartition("-")[2].removesuffix(".json") for one in tree.names(folder)}
    gone = sorted({digest for one in found.seal.judgements for digest in one.evidence} - there)
    return f"it was decided by evidence {gone[0][:12]}, which is missing" if gone else None


def running(snapshot: Snapshot, environment: str, model: str) -> Iterator[Problem]:
    """Whether what runs in a slot has the seal that it needs."""
    try:
        slot = snapshot.slot(environment, model)
    except Failure:  # told elsewhere
        return
    if slot.unsealed:
        path = slot.receipts[-1].receipt.path
        yield Problem("unsealed", path, "it came by a pull request, and no seal shows that this was allowed")


def arrived(change: Change, tree: Tree, before: Snapshot, filed: Filed) -> Iterator[Problem]:
    """What a receipt by pull request must hold also without a seal."""
    receipt = filed.receipt
    release = before.release(receipt.model, receipt.release)
    chain = before.slot(receipt.environment, receipt.model).receipts
    if receipt.previous != (chain[-1].digest if chain else None):
        words = "it does not follow the last receipt before it: an old pull request was merged"
        yield Problem("receipt-chain", receipt.path, words, change.commit)
    if receipt.action != Action.PROMOTE.value:
        yield Problem("receipt-mode", receipt.path, "only a promotion comes by a pull request", change.commit)
    for path in receipts.pointers(receipt):
        if tree.read(path) != pointer.render(release):
            yield Problem("pointer", path, f"it is not the pointer that receipt {receipt.id[:12]} wrote", change.commit)
    if not may_promote(filed.sealed, receipt.environment, before.trust):
        words = f"nobody who might promote to {receipt.environment} then signed it"
        yield Problem("receipt-signature", receipt.path, words, change.commit)


def again(history: History, change: Change, path: str, born: Mapping[str, Change]) -> Iterator[Problem]:
    """The decision that a seal records, made again."""
    present = history.tree(change.commit)
    try:
        seal = seals.parse(present.read(path) or b"", path=path).seal
        wrong = _otherwise(history, seal, present, born)
    except Failure as failure:
        wrong = failure.message
    if wrong:
        yield Problem("seal", path, wrong, change.commit)


def _otherwise(history: History, seal: Seal, present: Tree, born: Mapping[str, Change]) -> str | None:
    receipt_path = layout.receipt(seal.environment, seal.model, seal.promotion)
    came = born.get(receipt_path)
    if came is None or came.parent is None or (came.commit, came.parent) != (seal.commit, seal.base):
        return "it names another commit than the one that brought its receipt"
    before, after = history.tree(came.parent), history.tree(came.commit)
    filed = receipts.parse(after.read(receipt_path) or b"", path=receipt_path)
    wrong = sealing.flaw(filed, came, before=before, after=after)
    if wrong:
        return f"its receipt could not be sealed: {wrong}"
    decision = sealing.decide_again(filed.receipt, before=before, present=present, added={}, now=seal.time)
    if decision.outcome is not Outcome.MOVE:
        why = "; ".join(f"{one.gate}: {one.reason}" for one in decision.blocking)
        return f"made again, the decision is {decision.outcome.value}: {why}"
    if not sealing.moves_the_same(filed.receipt, decision):
        return "made again, the decision moves other targets"
    said = [[replace(one, reason="") for one in judgements] for judgements in (seal.judgements, decision.judgements)]
    if said[0] != said[1]:
        return "made again, the decision has other answers or other evidence"
    return _other_pull(seal, decision)


def _other_pull(seal: Seal, decision: Decision) -> str | None:
    """Whether the reviews that counted are those of the head that was merged."""
    counted = {digest for one in decision.judgements for digest in one.evidence}
    looks = [
        one.claim.review
        for one in decision.situation.dossier.evidence
        if one.digest in counted and one.claim.review is not None and one.claim.review.promotion is not None
    ]
    if any((one.number, one.head) != (seal.pull.number, seal.pull.head) for one in looks):
        return "the reviews that counted are not those of the head that was merged"
    return None


def direct(change: Change, filed: Filed, decision: Decision) -> Iterator[Problem]:
    """Whether a promotion that we wrote ourselves was to come by a pull request."""
    receipt = filed.receipt
    if receipt.mode != PULL_REQUEST and decision.mode == PULL_REQUEST:
        words = f"the policy of {receipt.environment} asks for a pull request, and it came without one"
        yield Problem("receipt-mode", receipt.path, words, change.commit)
