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

from collections.abc import Iterator
from functools import partial

from mlops_gitops import canonical
from mlops_gitops.errors import Failure
from mlops_gitops.evidence.admission import TurnedAway, admit, may_sign, signed_by
from mlops_gitops.promotion import layout, pointer, receipts, verify_past, verify_seals
from mlops_gitops.promotion.plan import Action
from mlops_gitops.promotion.problems import Problem, problem
from mlops_gitops.promotion.receipts import Filed, Receipt
from mlops_gitops.promotion.sealing import WATCHED
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.store import Change, History, Tree
from mlops_gitops.promotion.targets import last_words
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
    problems += verify_past.problems(history, changes, born)
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
