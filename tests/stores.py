"""An environment repository in memory, with a switch for every way in which a runner can die or meet another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from mlops_gitops.canonical import sha256
from mlops_gitops.promotion.store import Change, Files, MemoryTree, Tree
from mlops_gitops.records import record


class Killed(BaseException):
    """The runner is gone; nothing of it catches this."""


@record
class KnownTree(MemoryTree):
    """A tree that can find the commits before it."""

    store: MemoryStore | None = None

    def before(self, path: str) -> Tree | None:
        if self.store is None:
            return None
        parent: str | None = self.commit
        while parent and path in self.store.trees[parent].files:
            parent = self.store.parents[parent][0]
        return self.store.trees[parent] if parent else None

    def follows(self, commit: str) -> bool:
        at: str | None = self.commit
        while at and at != commit:
            at = self.store.parents[at][0] if self.store else None
        return bool(at)


@dataclass
class MemoryStore:
    """Fits ``Store`` and ``History``.  ``step`` is called before and after each of fetch, commit and push.

    ``seen`` is the tip that was known before the first command; ``None``: nothing is ever known without a fetch.
    """

    trees: dict[str, KnownTree] = field(default_factory=dict)
    parents: dict[str, tuple[str | None, datetime]] = field(default_factory=dict)
    tip: str = ""
    seen: str | None = None
    step: Callable[[str], None] = lambda _: None

    @classmethod
    def of(cls, files: Files, when: datetime) -> MemoryStore:
        store = cls()
        store.tip = store.commit("", files, message="start", when=when)
        return store

    def fetch(self) -> Tree:
        self.step("before fetch")
        found = self.trees[self.tip]
        self._see()
        self.step("after fetch")
        return found

    def known(self) -> Tree | None:
        return self.trees[self.seen] if self.seen is not None else None

    def _see(self) -> None:
        self.seen = self.tip if self.seen is not None else None

    def commit(self, base: str, files: Files, *, message: str, when: datetime) -> str:
        self.step("before commit")
        content = dict(self.trees[base].files) if base else {}
        for path, data in files.items():
            if data is None:
                del content[path]
            else:
                content[path] = data
        seen = "\n".join(
            [base, message, str(when), *(f"{path} {sha256(data)}" for path, data in sorted(content.items()))]
        )
        name = sha256(seen.encode())[:40]
        self.trees[name] = KnownTree(content, name, self)
        self.parents[name] = (base or None, when)
        self.step("after commit")
        return name

    def push(self, commit: str, *, base: str) -> str | None:
        self.step("before push")
        if self.tip != base:
            self._see()
            return commit if commit in self.line() else None
        self.tip = commit
        self._see()
        self.step("after push")
        return commit

    def landed(self, base: str, tip: str) -> int:
        count, at = 0, tip
        while at != base:
            count, at = count + 1, self.parents[at][0] or base
        return count

    def line(self) -> list[str]:
        """The commits from the first to the tip."""
        found: list[str] = []
        at: str | None = self.tip
        while at:
            found.append(at)
            at = self.parents[at][0]
        return found[::-1]

    def tree(self, commit: str) -> Tree:
        return self.trees[commit]

    def changes(self, tip: str, folders: Sequence[str]) -> tuple[Change, ...]:
        assert tip == self.tip
        found = []
        for commit in self.line():
            parent, _ = self.parents[commit]
            old = self.trees[parent].files if parent else {}
            new = self.trees[commit].files
            paths = sorted(
                ("A" if path not in old else "D" if path not in new else "M", path)
                for path in old.keys() | new.keys()
                if old.get(path) != new.get(path) and path.split("/")[0] in folders
            )
            found.append(Change(commit, parent, tuple(paths)))
        return tuple(one for one in found if one.paths)
