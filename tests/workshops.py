"""An environment repository with a forge, in memory, whose production moves by pull requests, and people who review."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import estate
from estate import MODEL, NOW, Estate
from merging_forges import BASE, MemoryForge, MemoryRemote
from mlops_gitops.errors import Misused
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.manifests.release import Release
from mlops_gitops.manifests.rendering import render
from mlops_gitops.promotion import layout, publish, reconcile, returns
from mlops_gitops.promotion.apply import Wish
from mlops_gitops.promotion.forge import Forge, Pull
from mlops_gitops.promotion.reconcile import Reconciled
from mlops_gitops.promotion.returns import Preflight
from mlops_gitops.promotion.slots import Slot
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.store import Files
from mlops_gitops.promotion.survey import Reader
from mlops_gitops.promotion.transaction import Proposal, settle
from mlops_gitops.promotion.verify import verify
from mlops_gitops.reporting import pull_request

LOGINS = {"ada": "ada-example", "grace": "grace-example", "katherine": "katherine-example"}


def trust() -> dict[str, object]:
    """The estate's, where people have logins and the machine may record reviews."""
    made = estate.trust()
    for one in made["spec"]["signers"]:  # type: ignore[index]
        if one["name"] in LOGINS:
            one["identities"].append(f"github:{LOGINS[one['name']]}")
        else:
            one["signs"][0]["kinds"].append("review")
    return made


def environments(**prod: object) -> dict[str, dict[str, object]]:
    """dev and staging take what comes; prod wants tests and two approvals, in a pull request."""
    approvals = {"approvals": {"quorum": 2, "groups": [{"name": "risk", "min": 1}], "maxAge": "P7D"}}
    gates = [{"evidence": "model-tests"}, approvals]
    fields = {"promotion": "automatic", "mode": "pull-request", "after": ["staging"], "gates": gates, **prod}
    return {
        "dev": estate.environment("dev", promotion="automatic"),
        "staging": estate.environment("staging", promotion="automatic", after=["dev"]),
        "prod": estate.environment("prod", **fields),
    }


@dataclass
class Workshop:
    """Everything in memory, with the clock of our runs and that of the forge."""

    remote: MemoryRemote
    forge: MemoryForge
    time: datetime = NOW
    releases: list[Release] = field(default_factory=list)
    preflight: Preflight = lambda _: None

    @classmethod
    def new(cls, policies: dict[str, dict[str, object]] | None = None) -> Workshop:
        files = {**Estate.new(policies or environments()).files, layout.TRUST: render(trust())}
        remote = MemoryRemote.of(files, NOW)
        assert isinstance(remote, MemoryRemote)
        return cls(remote, MemoryForge(remote, NOW))

    def now(self) -> datetime:
        self.time += timedelta(seconds=1)
        return self.time

    def publish(self, *, model: str = MODEL, tests: bool = True) -> Release:
        """One more release of a model, tested."""
        before = [one for one in self.releases if one.name == model]
        made = estate.release(
            f"1.{len(before)}.0",
            supersedes=before[-1].id if before else None,
            content=chr(97 + len(before) % 26),
            model=model,
        )
        files = dict(Estate({}).with_release(made).files)
        if not tests:
            files = {path: data for path, data in files.items() if "/model-tests-" not in path}
        self.push(files)
        self.releases.append(made)
        return made

    def push(self, files: Files) -> str:
        """A commit by hand."""
        remote = self.remote
        remote.tip = remote.commit_quietly(remote.tip, files, self.now())
        return remote.tip

    def reconcile(self, *, key: str | None = "ci", dry: bool = False, wishes: tuple[Wish, ...] = ()) -> Reconciled:
        signer = estate.signer(key) if key else None
        return reconcile.reconcile(
            self.reader(wishes=wishes), signer=signer, now=self.now, dry=dry, sleep=lambda _: None
        )

    def reader(self, *, forge: Callable[[], Forge] | None = None, wishes: tuple[Wish, ...] = ()) -> Reader:
        return Reader(
            self.remote,
            forge or (lambda: self.forge),
            BASE,
            pull_request.describe,
            pull_request.farewell,
            self.preflight,
            wishes=wishes,
        )

    def rollback(self, environment: str = "prod") -> None:
        returns.rollback(
            self.remote, Wish(MODEL, environment), signer=estate.signer("ci"), by="grace", reason="too many late ones",
            now=self.now, preflight=lambda _: None,
        )  # fmt: skip

    def observe(self, kind: str, about: Release, verdict: Verdict = Verdict.FAIL) -> None:
        """What monitoring or a test says of a release now; it replaces what was said before of its kind."""
        before = self.snapshot().dossier(about.name, about.id).evidence
        old = tuple(sorted(one.digest for one in before if one.claim.kind == kind))
        claim = estate.claim(kind, about, verdict=verdict, issued_at=self.now(), supersedes=old)
        self.push(estate.evidence(claim, model=about.name))

    def wait(self, **length: float) -> None:
        """Both clocks."""
        self.time += timedelta(**length)
        self.forge.time = max(self.forge.time + timedelta(**length), self.time)

    def control(self, files: Callable[[Slot], Files], environment: str = "prod") -> None:
        settle(self.remote, lambda tree: Proposal(None, files(Snapshot(tree).slot(environment, MODEL))), now=self.now)

    def approve(self, *who: str, number: int | None = None) -> None:
        for one in who:
            self.forge.review(number or self.open().number, LOGINS[one], "approved")

    def sign(self, who: str, verdict: Verdict, environment: str = "prod") -> None:
        """An approval or a rejection by key."""
        publish.approve(
            self.remote, model=MODEL, environment=environment, release=None, signer=estate.signer(who),
            verdict=verdict, comment="read it", now=self.now,
        )  # fmt: skip

    def open(self) -> Pull:
        """The one open pull request."""
        (found,) = [one for one in self.forge.pulls.values() if one.state == "open"]
        return found

    def snapshot(self) -> Snapshot:
        return Snapshot(self.remote.trees[self.remote.tip])

    def slot(self, environment: str = "prod", model: str = MODEL) -> Slot:
        return self.snapshot().slot(environment, model)

    def problems(self) -> set[str]:
        return {one.id for one in verify(self.remote, self.remote.trees[self.remote.tip]).problems}


def no_forge() -> Forge:
    raise Misused("no forge is configured", hint="name one", code="no-forge")
