"""Checking everything again, from git alone.

Two looks, neither of which trusts the other:

* **the tip**: every release, piece of evidence, receipt and pointer is byte for byte what its name, its signature and
  its chain say;
* **the past**: along the first-parent line nothing that is append-only was ever changed or removed, no pointer moved
  without a receipt in the same commit, and every receipt's decision, *made again* on the commit before it and at its
  own time, still says that it may move, gives the receipt field for field, and left the pointer that it names.

A signature is judged by the trust of the commit in which it appeared, so that a key can be retired without making the
past unreadable.  Problems are collected, never raised; one broken file does not hide another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from functools import partial

from mlops_gitops import canonical
from mlops_gitops.errors import Failure
from mlops_gitops.evidence.admission import TurnedAway, admit, may_sign, signed_by
from mlops_gitops.promotion import apply, layout, plan, pointer, receipts, rollbacks, verify_seals
from mlops_gitops.promotion.plan import Action, Decision, Outcome, Situation
from mlops_gitops.promotion.problems import Problem, problem
from mlops_gitops.promotion.receipts import PULL_REQUEST, Filed, Receipt
from mlops_gitops.promotion.sealing import WATCHED
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.store import Change, History, Tree
from mlops_gitops.promotion.targets import last_words
from mlops_gitops.promotion.verify_looks import Recount
from mlops_gitops.records import record

__all__ = ["Problem", "Verification", "verify"]


@record
class Verification:
    """All problems, and how much was looked at."""

    tip: str
    problems: tuple[Problem, ...]
    releases: int
    evidence: int
    receipts: int
    commits: int


def verify(history: History, tip: Tree) -> Verification:
    """Check the whole environment repository up to ``tip``."""
    changes = history.changes(tip.commit, WATCHED)
    born = {path: change for change in changes for status, path in change.paths if status == "A"}
    look = _Tip(history, tip, born)
    problems = [*look.trust(), *look.releases(), *look.evidence(), *look.slots(), *look.seals(), *look.controls()]
    problems += _past(history, changes, born)
    unique = dict.fromkeys(problems)
    return Verification(
        tip=tip.commit,
        problems=tuple(sorted(unique, key=lambda one: (one.path, one.id, one.commit or ""))),
        releases=look.counted["releases"],
        evidence=look.counted["evidence"],
        receipts=look.counted["receipts"],
        commits=len(changes),
    )


class _Tip:
    """The newest commit, file by file."""

    def __init__(self, history: History, tip: Tree, born: dict[str, Change]) -> None:
        self._history = history
        self._tree = tip
        self._born = born
        self._snapshot = Snapshot(tip)
        self.counted = {"releases": 0, "evidence": 0, "receipts": 0}

    def trust(self) -> Iterator[Problem]:
        broken = problem("trust", layout.TRUST, lambda: self._snapshot.trust)
        if broken is not None:
            yield broken

    def controls(self) -> Iterator[Problem]:
        for environment in self._tree.names("controls"):
            for name in self._tree.names(f"controls/{environment}"):
                path, model = f"controls/{environment}/{name}", name.removesuffix(".yaml")
                broken = problem("control", path, partial(self._snapshot.controls, environment, model))
                if broken is not None:
                    yield broken

    def releases(self) -> Iterator[Problem]:
        for model in self._tree.names("releases"):
            whole = True
            for name in self._tree.names(f"releases/{model}"):
                self.counted["releases"] += 1
                path = f"releases/{model}/{name}"
                found = problem("release", path, partial(self._snapshot.release, model, name.removesuffix(".yaml")))
                if layout.DIGEST.fullmatch(name.removesuffix(".yaml")) is None or not name.endswith(".yaml"):
                    found = Problem("release", path, "its name is not that of a release")
                if found is not None:
                    whole = False
                    yield found
            broken = (
                problem("release-line", f"releases/{model}", partial(self._snapshot.line, model)) if whole else None
            )
            if broken is not None:
                yield broken

    def evidence(self) -> Iterator[Problem]:
        known = {
            name.removesuffix(".yaml")
            for model in self._tree.names("releases")
            for name in self._tree.names(f"releases/{model}")
        }
        for release in self._tree.names("evidence"):
            if release not in known:
                yield Problem("evidence", f"evidence/{release}", "there is no such release")
            for name in self._tree.names(f"evidence/{release}"):
                self.counted["evidence"] += 1
                path = f"evidence/{release}/{name}"
                data = self._tree.read(path)
                trusted = self._at_birth(path)
                if data is None or isinstance(trusted, Problem):
                    yield trusted if isinstance(trusted, Problem) else Problem("evidence", path, "it is not a file")
                    continue
                judged = admit(name, data, release=release, trust=trusted.trust)
                if isinstance(judged, TurnedAway):
                    yield Problem("evidence", path, judged.reason)

    def slots(self) -> Iterator[Problem]:
        places = {
            (environment, model)
            for folder in ("receipts", "environments")
            for environment in self._tree.names(folder)
            for model in self._tree.names(f"{folder}/{environment}")
            if folder == "receipts" or self._tree.read(layout.pointer(environment, model)) is not None
        }
        for environment in self._tree.names("environments"):  # where people may keep other files and folders too
            path = layout.environment(environment)
            if self._tree.read(path) is not None or any(environment == one for one, _ in places):
                broken = problem("environment", path, partial(self._snapshot.environment, environment))
                if broken is not None:
                    yield broken
        for environment, model in sorted(places):
            yield from self._slot(environment, model)

    def _slot(self, environment: str, model: str) -> Iterator[Problem]:
        folder = layout.receipts(environment, model)
        filed: list[Filed] = []
        for name in self._tree.names(folder):
            self.counted["receipts"] += 1
            path = f"{folder}/{name}"
            try:
                one = receipts.parse(self._tree.read(path) or b"", path=path)
            except Failure as failure:
                yield Problem("receipt", path, failure.message)
                continue
            filed.append(one)
            trusted = self._at_birth(path)
            if isinstance(trusted, Problem):
                yield trusted
                continue
            signer = signed_by(one.sealed, trusted.trust)
            if signer is None or not may_sign(signer, "promotion", environment):
                yield Problem("receipt-signature", path, f"nobody who may promote to {environment} signed it")
            yield from self._kept(one, path)
        try:
            chain = receipts.chained(filed, environment=environment, model=model)
        except Failure as failure:
            yield Problem("receipt-chain", folder, failure.message)
            return
        yield from self._pointers(environment, model, chain)
        yield from verify_seals.running(self._snapshot, environment, model)

    def seals(self) -> Iterator[Problem]:
        trees = {
            path: self._history.tree(change.commit) for path, change in self._born.items() if path.startswith("seals/")
        }
        yield from verify_seals.at_tip(self._snapshot, trees)

    def _kept(self, filed: Filed, path: str) -> Iterator[Problem]:
        """The evidence that decided is still there; a rollback names the receipt that it goes back to instead."""
        if filed.receipt.action == Action.ROLLBACK.value:
            return
        folder = layout.evidence(filed.receipt.release)
        there = {name.rpartition("-")[2].removesuffix(".json") for name in self._tree.names(folder)}
        for digest in sorted({one for judgement in filed.receipt.judgements for one in judgement.evidence} - there):
            yield Problem(
                "evidence", f"{folder}/…{digest}.json", f"receipt {path} was decided by it, and it is missing"
            )

    def _pointers(self, environment: str, model: str, chain: tuple[Filed, ...]) -> Iterator[Problem]:
        """The environment's own pointer, and those of its targets, each against the last receipt that wrote it."""
        arrival = next((one for one in reversed(chain) if one.receipt.whole), None)
        path = layout.pointer(environment, model)
        if not chain or (self._tree.read(path) is None) != (arrival is None):
            yield Problem("pointer", path, "pointer and receipts do not agree: one of them is missing")
        elif arrival is not None:
            yield from self._pointer(path, model, arrival.receipt)
        written = last_words(chain)
        there = self._tree.names(f"{layout.slot(environment, model)}/targets") if written else ()
        for name in sorted({*written, *there}):
            path = layout.pointer(environment, model, name)
            if self._tree.read(path) is None:
                continue  # a target that was given up; whether it was is for the past to say
            if name in written:
                yield from self._pointer(path, model, written[name].receipt)
            else:
                yield Problem("pointer", path, "no receipt wrote it")

    def _pointer(self, path: str, model: str, last: Receipt) -> Iterator[Problem]:
        data = self._tree.read(path)
        broken = problem("pointer", path, partial(self._snapshot.release, model, last.release))
        if broken is not None:
            yield broken
        elif (
            data != pointer.render(self._snapshot.release(model, last.release))
            or canonical.sha256(data) != last.pointer
        ):
            yield Problem("pointer", path, f"it is not the pointer that receipt {last.id[:12]} wrote")

    def _at_birth(self, path: str) -> Snapshot | Problem:
        """The repository as it was when ``path`` appeared, for its trust."""
        change = self._born.get(path)
        snapshot = Snapshot(self._history.tree(change.commit)) if change is not None else self._snapshot
        return problem("trust", layout.TRUST, lambda: snapshot.trust) or snapshot


def _past(history: History, changes: tuple[Change, ...], born: Mapping[str, Change]) -> Iterator[Problem]:
    looks = Recount(history)
    for change in changes:
        yield from looks.of(change)
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
    if set(apply.left_by(receipt, case.slot)) - held:
        yield Problem(
            "no-hold", receipt.path, "a rollback must leave a hold on the release that it left", change.commit
        )


def _other_fields(receipt: Receipt, again: Receipt) -> list[str]:
    """The fields in which two receipts differ.  The words of a reason may change with the program; what it says not."""

    def said(one: Receipt) -> Receipt:
        return replace(one, judgements=tuple(replace(judgement, reason="") for judgement in one.judgements))

    receipt, again = said(receipt), said(again)
    return [one.name for one in fields(Receipt) if getattr(receipt, one.name) != getattr(again, one.name)]
