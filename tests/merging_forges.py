"""A forge in memory over ``MemoryStore``: pull requests with real three-way merges, and a switch at every call.

People do here what they can do on a real one: push to a branch, review, merge by any button, close, edit.  ``writes``
counts what our program wrote, so that a run that changes nothing can be told from one that writes the same again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from mlops_gitops.errors import WorldFailed
from mlops_gitops.evidence.reviews import Said, Voice
from mlops_gitops.promotion.forge import Merged, Pull
from mlops_gitops.promotion.store import Branch, Change, Files, Tree
from stores import MemoryStore

BOT = "promoter[bot]"
BASE = "main"
READS = ("survey", "open_pulls", "pull", "pull_of", "read_branch")
WRITES = ("commit", "push", "write_branch", "open_pull", "update_pull", "close_pull", "merge_pull", "delete_branch")
STEPS = [f"{when} {what}" for what in (*READS, *WRITES) for when in ("before", "after")]
Style = Literal["merge", "squash", "rebase"]


@dataclass
class MemoryRemote(MemoryStore):
    """Fits ``Remote``: a store with branches beside its own."""

    refs: dict[str, str] = field(default_factory=dict)
    writers: dict[str, str] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)

    def survey(self, prefix: str) -> tuple[Tree, tuple[Branch, ...]]:
        self.step("before survey")
        found = tuple(self._branch(name) for name in sorted(self.refs) if name.startswith(prefix))
        answer = self.trees[self.tip], found
        self.step("after survey")
        return answer

    def push(self, commit: str, *, base: str) -> str | None:
        landed = super().push(commit, base=base)
        if landed is not None:
            self.writes.append("push")
        return landed

    def write_branch(self, branch: str, *, commit: str, expected: str | None) -> str | None:
        self.step("before write_branch")
        if self.refs.get(branch) != expected:
            return commit if self.refs.get(branch) == commit else None
        self.refs[branch] = commit
        self.writers[commit] = BOT
        self.writes.append("write_branch")
        self.step("after write_branch")
        return commit

    def commit_quietly(self, base: str, files: Files, when: datetime, *, message: str = "By hand") -> str:
        """A commit that no runner of ours makes."""
        step, self.step = self.step, lambda _: None
        try:
            return self.commit(base, files, message=message, when=when)
        finally:
            self.step = step

    def changes(self, tip: str, folders: Sequence[str]) -> tuple[Change, ...]:
        now, self.tip = self.tip, tip
        try:
            return super().changes(tip, folders)
        finally:
            self.tip = now

    def paths(self, old: str, new: str) -> list[str]:
        before, after = self.trees[old].files, self.trees[new].files
        return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))

    def fork_point(self, commit: str) -> str:
        """The newest commit of the line that a commit stands on."""
        line = set(self.line())
        while commit not in line:
            commit = self.parents[commit][0] or ""
        return commit

    def _branch(self, name: str) -> Branch:
        head = self.refs[name]
        parent = self.parents[head][0] or ""
        single = parent in self.line()
        base = self.trees[parent] if single else None
        return Branch(name, self.trees[head], base, tuple(self.paths(self.fork_point(parent), head)))


@dataclass
class MemoryForge:
    """Fits ``Forge``.  The clock is the forge's own."""

    remote: MemoryRemote
    time: datetime
    pulls: dict[int, Pull] = field(default_factory=dict)
    style: Style = "merge"
    repository: str = "airline/environments"
    said: list[str] = field(default_factory=list)

    def now(self) -> datetime:
        self.time += timedelta(seconds=1)
        return self.time

    # what our program asks for

    def open_pulls(self, prefix: str) -> tuple[Pull, ...]:
        self._step("before open_pulls")
        found = [self._seen(one) for one in self.pulls.values() if one.state == "open"]
        answer = tuple(one for one in found if one.branch.startswith(prefix))
        self._step("after open_pulls")
        return answer

    def pull(self, number: int) -> Pull | None:
        self._step("before pull")
        found = self._seen(self.pulls[number]) if number in self.pulls else None
        self._step("after pull")
        return found

    def pull_of(self, commit: str) -> Pull | None:
        self._step("before pull_of")
        found = [one for one in self.pulls.values() if one.merged and one.merged.commit == commit]
        self._step("after pull_of")
        return self._seen(found[0]) if found else None

    def pusher(self, pull: Pull) -> str | None:
        return pull.pusher

    def open_pull(self, branch: str, *, base: str, title: str, body: str) -> Pull:
        self._step("before open_pull")
        known = [one for one in self.pulls.values() if one.branch == branch and one.state == "open"]
        if branch not in self.remote.refs:
            raise WorldFailed("422: the branch is not there", hint="look again", code="github")
        if not known:
            known = [self.opened(branch, title=title, body=body, by=BOT, base=base)]
            self.remote.writes.append("open_pull")
        self._step("after open_pull")
        return self._seen(known[0])

    def update_pull(self, number: int, *, title: str, body: str) -> None:
        self._step("before update_pull")
        self.pulls[number] = replace(self.pulls[number], title=title, body=body)
        self.remote.writes.append("update_pull")
        self._step("after update_pull")

    def close_pull(self, number: int, *, comment: str) -> None:
        self._step("before close_pull")
        if self.pulls[number].state == "open":
            self.close(number)
            self.said.append(comment)
            self.remote.writes.append("close_pull")
        self._step("after close_pull")

    def merge_pull(self, number: int, *, head: str, title: str, message: str) -> str | None:
        self._step("before merge_pull")
        found = self.pulls[number]
        if found.merged is not None:
            return found.merged.commit
        if found.state != "open" or self.remote.refs.get(found.branch) != head:
            return None
        landed = self.merge(number, by=BOT, style=self.style, message=f"{title}\n\n{message}")
        self.remote.writes.append("merge_pull")
        self._step("after merge_pull")
        return landed

    def read_branch(self, branch: str) -> str | None:
        self._step("before read_branch")
        found = self.remote.tip if branch == BASE else self.remote.refs.get(branch)
        self._step("after read_branch")
        return found

    def delete_branch(self, branch: str) -> None:
        self._step("before delete_branch")
        if branch in self.remote.refs:
            self.delete(branch)
            self.remote.writes.append("delete_branch")
        self._step("after delete_branch")

    def members(self, team: str) -> frozenset[str] | None:  # noqa: ARG002 - this token reads no teams
        return None

    # what people do

    def opened(self, branch: str, *, title: str, body: str, by: str, base: str = BASE) -> Pull:
        number = len(self.pulls) + 1
        url = f"https://github.example/{self.repository}/pull/{number}"
        self.pulls[number] = Pull(
            number, url, title, body, "open", False, branch, self.remote.refs[branch], base, False, by, (), None, (), ()
        )
        return self.pulls[number]

    def review(self, number: int, login: str, said: Said) -> None:
        found = self.pulls[number]
        head = self.remote.refs.get(found.branch, found.head)
        voice = Voice(login, False, said, head, self.now(), f"review-{len(found.voices) + 1}")
        self.pulls[number] = replace(found, voices=(*found.voices, voice))

    def work(self, branch: str, files: Files, *, by: str) -> str:
        """Somebody pushes one more commit to a branch."""
        commit = self.remote.commit_quietly(self.remote.refs[branch], files, self.now())
        self.remote.refs[branch], self.remote.writers[commit] = commit, by
        return commit

    def merge(self, number: int, *, by: str, style: Style, message: str = "Merge") -> str | None:
        """The button; ``None`` where it conflicts."""
        found, remote = self.pulls[number], self.remote
        head, at = remote.refs[found.branch], self.now()
        fork = remote.fork_point(head)
        if head == fork:
            return None
        ours, theirs = set(remote.paths(fork, remote.tip)), set(remote.paths(fork, head))
        new, now = remote.trees[head].files, remote.trees[remote.tip].files
        if any(new.get(path) != now.get(path) for path in ours & theirs):
            return None
        commits = self._own(head, fork) if style == "rebase" else [(fork, head)]
        tip = remote.tip
        for old, one in commits:
            after = remote.trees[one].files
            changed = {path: after.get(path) for path in remote.paths(old, one)}
            there = remote.trees[tip].files
            files = {path: data for path, data in changed.items() if data is not None or path in there}
            tip = remote.commit_quietly(tip, files, at, message=message)
        remote.tip = tip
        merged = Merged(tip, by, at)
        self.pulls[number] = replace(self._seen(found), state="merged", merged=merged)
        return tip

    def close(self, number: int) -> None:
        self.pulls[number] = replace(self._seen(self.pulls[number]), state="closed")

    def delete(self, branch: str) -> None:
        for number, one in self.pulls.items():
            if one.branch == branch and one.state == "open":
                self.close(number)
        del self.remote.refs[branch]

    def edit(self, number: int, **fields: object) -> None:
        self.pulls[number] = replace(self.pulls[number], **fields)  # type: ignore[arg-type]

    def _own(self, head: str, fork: str) -> list[tuple[str, str]]:
        found = []
        while head != fork:
            parent = self.remote.parents[head][0] or ""
            found.append((parent, head))
            head = parent
        return found[::-1]

    def _seen(self, one: Pull) -> Pull:
        """A pull request as the forge answers it: what follows from its branch is looked up."""
        head = self.remote.refs.get(one.branch)
        if one.state != "open" or head is None:
            return one
        fork = self.remote.fork_point(head)
        writers = [self.remote.writers.get(new, "somebody") for _, new in self._own(head, fork)]
        paths = tuple(self.remote.paths(fork, head))
        pusher = writers[-1] if writers else None
        return replace(one, head=head, paths=paths, authors=tuple(dict.fromkeys(writers)), pusher=pusher)

    def _step(self, what: str) -> None:
        self.remote.step(what)
