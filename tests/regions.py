"""An environment repository in memory whose environment prod has regions, and the moves that tests make on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import estate
from estate import MODEL, NOW, Estate
from mlops_gitops.evidence.gates import Answer
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.manifests.release import Release
from mlops_gitops.manifests.rendering import render
from mlops_gitops.promotion import apply, controls, layout, publish, returns
from mlops_gitops.promotion.apply import Answered, Wish
from mlops_gitops.promotion.plan import Decision, Outcome
from mlops_gitops.promotion.slots import Slot
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.store import Files
from mlops_gitops.promotion.transaction import Proposal, Settled, settle
from mlops_gitops.promotion.verify import verify
from stores import MemoryStore

TARGETS = (
    {"name": "eu-west"},
    {"name": "us-east", "wave": 2},
    {"name": "us-west", "wave": 2},
    {"name": "asia", "wave": 3},
)
SETTLE = timedelta(minutes=15)
AUTOMATIC = {"automatic": {"evidence": ["monitoring", "infra-tests"], "within": "P7D"}}


def rollout(**fields: object) -> dict[str, object]:
    """Four regions in three waves; ``fields`` replace or add."""
    return {"targets": [dict(one) for one in TARGETS], "settle": "PT15M", **fields}


def environments(**prod: object) -> dict[str, dict[str, object]]:
    """dev, and prod after it, with regions."""
    return {
        "dev": estate.environment("dev", promotion="automatic"),
        "prod": estate.environment("prod", **{"after": ["dev"], "rollout": rollout(), **prod}),
    }


@dataclass
class Regions:
    """The repository and its clock."""

    store: MemoryStore
    time: datetime = field(default=NOW)
    line: list[Release] = field(default_factory=list)

    @classmethod
    def of(cls, policies: Mapping[str, Mapping[str, object]]) -> Regions:
        return cls(MemoryStore.of(Estate.new(policies).files, NOW))

    def now(self) -> datetime:
        return self.time

    def wait(self, **length: float) -> None:
        self.time += timedelta(**length)

    @property
    def snapshot(self) -> Snapshot:
        return Snapshot(self.store.trees[self.store.tip])

    def slot(self, environment: str = "prod") -> Slot:
        return self.snapshot.slot(environment, MODEL)

    def write(self, files: Files, message: str = "By hand\n") -> None:
        settle(self.store, lambda _: Proposal(None, files, message), now=self.now)

    def policy(self, name: str = "prod", **spec: object) -> None:
        """Another policy of an environment."""
        self.write({layout.environment(name): render(estate.environment(name, **spec))})

    def release(self) -> Release:
        """A new release, which runs in dev."""
        before = self.line[-1] if self.line else None
        made = estate.release(
            f"1.{len(self.line)}.0", supersedes=before.id if before else None, content=chr(97 + len(self.line) % 26)
        )
        self.write(publish.release_files(made), "Release\n")
        self.line.append(made)
        assert self.promote(made, environment="dev").outcome is Outcome.MOVE
        return made

    def promote(self, release: Release | None = None, *, environment: str = "prod") -> Decision:
        wishes = [Wish(MODEL, environment, release.id if release else None)]
        (one,) = apply.promote(self.store, lambda _: wishes, signer=estate.signer("ci"), now=self.now).result
        assert one.decision is not None, one.failure
        return one.decision

    def everywhere(self, release: Release) -> None:
        """The whole rollout, with all its waits."""
        for _ in range(20):
            if self.promote(release).outcome is Outcome.NOTHING:
                return
            self.wait(minutes=15)
        raise AssertionError("it never ends")

    def observe(
        self,
        kind: str,
        about: Release,
        verdict: Verdict = Verdict.FAIL,
        *,
        supersedes: tuple[str, ...] = (),
        **more: object,
    ) -> str:
        """Signed evidence of now; its digest."""
        claim = estate.claim(kind, about, verdict=verdict, issued_at=self.time, supersedes=supersedes, **more)
        files = estate.evidence(claim)
        self.write(files, "Observe\n")
        (path,) = files
        return path.rpartition("-")[2].removesuffix(".json")

    def stop(self, kind: str, release: Release | None = None) -> str:
        slot = self.slot()
        said = controls.new(
            kind, slot, release=release.id if release else None, by="grace", reason="…", since=self.time, until=None
        )
        self.write(controls.adding(slot, said), "Stop\n")
        return said.id

    def lift(self, control: str) -> None:
        self.write(controls.lifting(self.slot(), control), "Lift\n")

    def back(self, to: Release | None = None) -> Settled[Answered]:
        return returns.rollback(
            self.store, Wish(MODEL, "prod", to.id if to else None), signer=estate.signer("ci"), by="grace", reason="…",
            now=self.now, preflight=lambda _: None,
        )  # fmt: skip

    def back_if_due(self) -> tuple[Answered, ...]:
        return returns.rollback_due(
            self.store, signer=estate.signer("ci"), now=self.now, preflight=lambda _: None
        ).result  # fmt: skip

    def running(self) -> dict[str, int | None]:
        """Target → the number of the release that it runs; the environment's own under an empty name."""
        numbers = {one.id: place for place, one in enumerate(self.line)}
        slot = self.slot()
        own = {"": None if slot.current is None else numbers[slot.current]}
        return own | {one.name: None if one.release is None else numbers[one.release] for one in slot.targets}

    def problems(self) -> set[str]:
        return {one.id for one in verify(self.store, self.store.trees[self.store.tip]).problems}


def reasons(decision: Decision, gate: str) -> list[str]:
    """What one gate says in a decision."""
    return [one.reason for one in decision.judgements if one.gate == gate]


def answers(decision: Decision, gate: str) -> set[Answer]:
    """What one gate answers in a decision."""
    return {one.answer for one in decision.judgements if one.gate == gate}
