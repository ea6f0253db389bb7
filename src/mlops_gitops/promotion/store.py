"""What promotion asks of the place where the environment repository lives.

A ``Tree`` is one commit, read-only.  A ``Store`` reads the newest one, writes a commit on top of a known one, and
pushes it on the condition that nothing has moved meanwhile.  ``adapters/git.py`` is the real one; ``MemoryTree`` is a
tree of plain bytes, for decisions that are tested by the thousand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from mlops_gitops.canonical import digest, sha256
from mlops_gitops.records import record

Files = Mapping[str, "bytes | None"]
"""Changes of a commit: path → new bytes, or ``None`` to remove the file."""


class Tree(Protocol):
    """The files of one commit."""

    @property
    def commit(self) -> str:
        """The commit's id."""

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, or ``None`` where there is none."""

    def names(self, folder: str) -> tuple[str, ...]:
        """The names directly inside a folder, sorted; empty where there is no such folder."""

    def contents(self, folder: str) -> Mapping[str, str]:
        """The names directly inside a folder, each with an id of what it holds: equal ids, equal content."""

    def prefetch(self, paths: Iterable[str]) -> None:
        """These files, and the files directly in these folders, are read next.

        It changes no answer.  What an earlier call announced may be let go.
        """

    def before(self, path: str) -> Tree | None:
        """The commit before the one in which ``path`` appeared, or ``None`` where that is not known."""

    def follows(self, commit: str) -> bool:
        """Whether ``commit`` is this one or lies before it on the first-parent line."""


class Store(Protocol):
    """An environment repository that can be read and moved forward."""

    def fetch(self) -> Tree:
        """The newest commit of the branch, as the remote has it now."""

    def known(self) -> Tree | None:
        """The newest commit of the branch that was seen here, without asking the remote; ``None`` where none was.

        It may be behind.  What is planned on it holds exactly if the push on it succeeds.
        """

    def commit(self, base: str, files: Files, *, message: str, when: datetime) -> str:
        """A new commit on top of ``base``; nobody sees it before it is pushed."""

    def push(self, commit: str, *, base: str) -> str | None:
        """Make ``commit`` the tip if the tip is still ``base``.

        The commit as it is in the branch now, also when the answer to the push was lost: a forge that signs what comes
        through its API gives it another id.  ``None``: somebody was first, or the answer is not known; read the tip,
        look whether it ``follows`` the commit, and plan again.  Anything else raises ``WorldFailed``, and the branch is
        as it was.  A tip that was read is ``known`` from now on.
        """

    def landed(self, base: str, tip: str) -> int:
        """How many commits the branch has moved from ``base`` to ``tip``, both of which were seen here."""


class Branches(Protocol):
    """The branches beside the one that a ``Store`` moves: each holds what one pull request proposes."""

    def write_branch(self, branch: str, *, commit: str, expected: str | None) -> str | None:
        """Make ``commit``, one commit on top of one that the remote has, the tip of ``branch``; what was there goes.

        ``expected`` is the commit that the branch was seen at, ``None`` where it was not there.  The answer is the tip
        of the branch as it landed, which may have another id as in ``Store.push``, also when the answer to the write
        was lost.  ``None``: the branch is not where it was seen; look again.  Anything else raises ``WorldFailed``,
        and the branch is as it was.
        """


@record
class Branch:
    """A branch as the remote has it: its newest commit, the one before that, and every path in which they differ.

    ``base`` is ``None`` where there is more than one commit on top of the base branch, or a merge.
    """

    name: str
    tree: Tree
    base: Tree | None
    paths: tuple[str, ...]


@record
class Change:
    """One commit of the first-parent line: its first parent, and what it did to each path.

    ``A`` added, ``M`` changed, ``D`` removed; ``T``: it is now no plain file but a symbolic link or a submodule.
    """

    commit: str
    parent: str | None
    paths: tuple[tuple[str, str], ...]


class History(Protocol):
    """The past of an environment repository."""

    def tree(self, commit: str) -> Tree:
        """One commit."""

    def changes(self, tip: str, folders: Sequence[str]) -> tuple[Change, ...]:
        """Every commit on the first-parent line to ``tip`` that touched ``folders``, oldest first."""


@record
class MemoryTree:
    """A tree of plain bytes."""

    files: Mapping[str, bytes]
    commit: str = "0" * 40

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, or ``None`` where there is none."""
        return self.files.get(path)

    def names(self, folder: str) -> tuple[str, ...]:
        """The names directly inside a folder, sorted."""
        prefix = f"{folder}/" if folder else ""
        return tuple(sorted({path[len(prefix) :].split("/", 1)[0] for path in self.files if path.startswith(prefix)}))

    def before(self, path: str) -> Tree | None:  # noqa: ARG002 - it has no past
        """Nothing: these files have no past."""
        return None

    def contents(self, folder: str) -> Mapping[str, str]:
        """The names directly inside a folder, each with a digest of all that lies there."""
        prefix, found = f"{folder}/" if folder else "", {}
        for name in self.names(folder):
            path = f"{prefix}{name}"
            lying = sorted(one for one in self.files if one == path or one.startswith(f"{path}/"))
            found[name] = digest([[one, sha256(self.files[one])] for one in lying])
        return found

    def prefetch(self, paths: Iterable[str]) -> None:
        """Nothing: everything is at hand."""

    def follows(self, commit: str) -> bool:
        """Whether it is this one: these files have no past."""
        return commit == self.commit
