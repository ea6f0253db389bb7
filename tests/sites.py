"""An environment repository on disk with a clock that the test moves, and the moves that tests make on it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import estate
from estate import MODEL, NOW, Estate
from mlops_gitops.adapters.git import Repository
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.manifests.release import Release
from mlops_gitops.promotion import apply, publish, returns
from mlops_gitops.promotion.apply import Answered, Wish
from mlops_gitops.promotion.plan import Outcome
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.store import Change, MemoryTree, Tree
from mlops_gitops.promotion.transaction import Proposal, Settled, settle
from mlops_gitops.promotion.verify import verify


@dataclass
class Site:
    """An environment repository with a clock that the test moves."""

    bare: Path
    repository: Repository
    time: datetime = field(default=NOW)

    def now(self) -> datetime:
        self.time += timedelta(seconds=1)
        return self.time

    def snapshot(self) -> Snapshot:
        return Snapshot(self.repository.fetch())

    def publish(self, about: Release, *, champion: str | None = None, **verdicts: Verdict) -> None:
        files = Estate({}).with_release(about, champion=champion, **verdicts).files
        settle(self.repository, lambda _: Proposal(None, files, "Release\n"), now=self.now)

    def promote(self, environment: str, release: str | None = None) -> Settled[tuple[Answered, ...]]:
        wishes = [Wish(MODEL, environment, release)]
        return apply.promote(self.repository, lambda _: wishes, signer=estate.signer("ci"), now=self.now)

    def outcome(self, environment: str, release: str | None = None) -> Outcome:
        (one,) = self.promote(environment, release).result
        assert one.decision is not None
        return one.decision.outcome

    def approve(self, who: str, environment: str = "prod", verdict: Verdict = Verdict.PASS) -> None:
        publish.approve(
            self.repository, model=MODEL, environment=environment, release=None, signer=estate.signer(who),
            verdict=verdict, comment="read it", now=self.now,
        )  # fmt: skip

    def rollback(self, environment: str, to: str | None = None) -> Settled[Answered]:
        return returns.rollback(
            self.repository, Wish(MODEL, environment, to), signer=estate.signer("ci"), by="grace",
            reason="too many late flights", now=self.now, preflight=lambda _: None,
        )  # fmt: skip


def site_of(start: Estate, folder: Path) -> Site:
    folder.mkdir(parents=True, exist_ok=True)
    bare = start.bare(folder)
    return Site(bare, Repository(f"file://{bare}", branch="main", cache=folder / "cache", environ=os.environ))


def in_production(site: Site) -> tuple[Release, Release]:
    """Two releases, one after the other, all the way."""
    first = estate.release("1.0.0")
    second = estate.release("1.1.0", supersedes=first.id, content="b")
    for about, champion in ((first, None), (second, first.id)):
        site.publish(about, champion=champion)
        assert site.outcome("dev") is Outcome.MOVE
        assert site.outcome("staging") is Outcome.MOVE
        site.approve("grace")
        site.approve("katherine")
        assert site.outcome("prod") is Outcome.MOVE
    return first, second


@dataclass(frozen=True)
class MemoryHistory:
    """A whole history held in memory, for checks that are made by the thousand."""

    trees: dict[str, MemoryTree]
    changed: tuple[Change, ...]

    def tree(self, commit: str) -> Tree:
        return self.trees[commit]

    def changes(self, tip: str, folders: object) -> tuple[Change, ...]:  # noqa: ARG002 - all folders, up to any tip
        return self.changed


def remembered(repository: Repository) -> MemoryHistory:
    """The history of a real repository, copied into memory."""
    tip = repository.fetch().commit
    changed = repository.changes(tip, ["releases", "evidence", "receipts", "environments", "trust", "controls"])
    return MemoryHistory(
        {one.commit: MemoryTree(everything(repository.tree(one.commit)), one.commit) for one in changed}, changed
    )


def everything(tree: Tree) -> dict[str, bytes]:
    """Every file of a commit."""
    files: dict[str, bytes] = {}
    folders = [""]
    while folders:
        folder = folders.pop()
        for name in tree.names(folder):
            path = f"{folder}/{name}" if folder else name
            data = tree.read(path)
            if data is None:
                folders.append(path)
            else:
                files[path] = data
    return files


def guarded(tree: MemoryTree) -> list[str]:
    """Every receipt, release, piece of evidence and pointer."""
    return sorted(
        path
        for path in tree.files
        if path.startswith(("receipts/", "releases/", "evidence/")) or path.endswith("/release.yaml")
    )


def problems_after(past: MemoryHistory, path: str, data: bytes | None) -> set[str]:
    """What ``verify`` says of the newest commit with one file replaced, while the history knows of no change."""
    tip = past.trees[past.changed[-1].commit]
    files = {name: content for name, content in tip.files.items() if name != path}
    if data is not None:
        files[path] = data
    changed = MemoryHistory({**past.trees, tip.commit: MemoryTree(files, tip.commit)}, past.changed[:-1])
    return {one.id for one in verify(changed, changed.trees[tip.commit]).problems}
