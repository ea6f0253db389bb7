"""What GitHub does with git: commits through the API, and the three ways to merge, without a work tree.

What is asked of commits by their full ids is remembered: it cannot change.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from servers.git_http import git

ZERO = "0" * 40
WEB_FLOW = ("GitHub", "noreply@github.com")
Person = tuple[str, str]


class Conflict(Exception):
    """git cannot merge these."""


class Moved(Exception):
    """A reference is not where it was said to be."""


@dataclass(frozen=True)
class Commit:
    """One commit, as git has it."""

    id: str
    tree: str
    parents: tuple[str, ...]
    author: Person
    committer: Person
    message: str
    date: str


def text(folder: Path, *words: str, check: bool = True, stdin: bytes | None = None) -> str:
    return git(*words, folder=folder, check=check, stdin=stdin).stdout.decode(errors="surrogateescape").strip()


def branches(folder: Path) -> dict[str, str]:
    listed = text(folder, "for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/heads")
    return dict(line.split(" ") for line in listed.splitlines())


def tip(folder: Path, branch: str) -> str | None:
    return text(folder, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}", check=False) or None


def exists(folder: Path, commit: str) -> bool:
    if not re.fullmatch(r"[0-9a-f]{7,40}", commit):
        return False
    return git("cat-file", "-e", f"{commit}^{{commit}}", folder=folder, check=False).returncode == 0


@functools.lru_cache(maxsize=4096)
def is_ancestor(folder: Path, older: str, newer: str) -> bool:
    return git("merge-base", "--is-ancestor", older, newer, folder=folder, check=False).returncode == 0


@functools.lru_cache(maxsize=4096)
def merge_base(folder: Path, one: str, other: str) -> str | None:
    return text(folder, "merge-base", one, other, check=False) or None


def commits(folder: Path, *selection: str) -> list[Commit]:
    """The commits of a ``git log`` selection, oldest first."""
    form = "%H%x00%T%x00%P%x00%an%x00%ae%x00%cn%x00%ce%x00%cI%x00%B%x01"
    raw = git("log", "--reverse", "--topo-order", f"--format={form}", *selection, folder=folder).stdout.decode(
        errors="replace"
    )
    found = []
    for entry in raw.split("\x01"):
        fields = entry.lstrip("\n").split("\0")
        if len(fields) == 9:
            name, tree, parents, an, ae, cn, ce, date, message = fields
            found.append(Commit(name, tree, tuple(parents.split()), (an, ae), (cn, ce), message.rstrip("\n"), date))
    return found


@functools.lru_cache(maxsize=4096)
def commit(folder: Path, name: str) -> Commit:
    return commits(folder, "-1", name)[0]


@functools.lru_cache(maxsize=4096)
def changed(folder: Path, old: str, new: str) -> list[tuple[str, str, str]]:
    """``(status, path, previous path)`` of every file that differs, with renames found as GitHub finds them."""
    raw = git("diff", "--name-status", "-z", "--find-renames", old, new, folder=folder).stdout.decode(errors="replace")
    fields, found = iter(raw.split("\0")), []
    for status in fields:
        if status.startswith(("R", "C")):
            previous, path = next(fields), next(fields)
            found.append((status[0], path, previous))
        elif status:
            found.append((status[0], next(fields), ""))
    return found


def move(folder: Path, updates: Iterable[tuple[str, str, str | None]]) -> None:
    """Move branches, all or none: ``(branch, after, before)``; ``before`` of ``None`` asks for nothing.

    ``ZERO`` stands for a branch that is not there, or shall not be.  Raises ``Moved``.
    """
    lines = ["start"]
    for branch, after, before in updates:
        condition = "" if before is None else f" {before}"
        lines.append(
            f"update refs/heads/{branch} {after}{condition}"
            if after != ZERO
            else f"delete refs/heads/{branch}{condition}"
        )
    lines += ["prepare", "commit", ""]
    done = git("update-ref", "--no-deref", "--stdin", folder=folder, stdin="\n".join(lines).encode(), check=False)
    if done.returncode != 0:
        raise Moved(done.stderr.decode(errors="replace"))


def write_tree(folder: Path, base: str, additions: Mapping[str, bytes], deletions: Sequence[str]) -> str:
    """The tree of ``base`` with files added, replaced and taken away."""
    index = {"GIT_INDEX_FILE": str(folder / f"index-{base[:8]}-{id(additions)}")}
    try:
        git("read-tree", base, folder=folder, environ=index)
        lines = []
        for path, content in additions.items():
            blob = git("hash-object", "-w", "--stdin", folder=folder, stdin=content).stdout.decode().strip()
            lines.append(f"100644 {blob}\t{path}\0")
        lines += [f"0 {ZERO}\t{path}\0" for path in deletions]
        git("update-index", "-z", "--index-info", folder=folder, stdin="".join(lines).encode(), environ=index)
        return git("write-tree", folder=folder, environ=index).stdout.decode().strip()
    finally:
        Path(index["GIT_INDEX_FILE"]).unlink(missing_ok=True)


def write_commit(
    folder: Path, tree: str, parents: Sequence[str], *, message: str, author: Person, date: str,
    committer: Person = WEB_FLOW,
) -> str:  # fmt: skip
    who = {
        "GIT_AUTHOR_NAME": author[0], "GIT_AUTHOR_EMAIL": author[1], "GIT_AUTHOR_DATE": date,
        "GIT_COMMITTER_NAME": committer[0], "GIT_COMMITTER_EMAIL": committer[1], "GIT_COMMITTER_DATE": date,
    }  # fmt: skip
    words = [word for parent in parents for word in ("-p", parent)]
    return git("commit-tree", tree, *words, folder=folder, stdin=message.encode(), environ=who).stdout.decode().strip()


@functools.lru_cache(maxsize=4096)
def merged_tree(folder: Path, base: str, head: str) -> str:
    """The tree of a real three-way merge, which git makes without a work tree.  Raises ``Conflict``."""
    done = git("merge-tree", "--write-tree", "--no-messages", "--name-only", base, head, folder=folder, check=False)
    if done.returncode != 0:
        raise Conflict(done.stdout.decode(errors="replace"))
    return done.stdout.decode().strip()


def rebased(folder: Path, base: str, head: str, *, date: str, committer: Person) -> str:
    """The commits of ``head`` that ``base`` lacks, made again on top of it; the newest.  Raises ``Conflict``."""
    at = base
    for one in commits(folder, "--no-merges", f"{base}..{head}"):
        # two commits made for this merge alone, so that git takes the old parent for what they share
        who: Person = ("scratch", "scratch@example.com")
        ours = write_commit(folder, f"{at}^{{tree}}", [one.parents[0]], message="ours", author=who, date=date)
        theirs = write_commit(folder, one.tree, [one.parents[0]], message="theirs", author=who, date=date)
        tree = merged_tree(folder, ours, theirs)
        at = write_commit(folder, tree, [at], message=one.message, author=one.author, date=date, committer=committer)
    return at
