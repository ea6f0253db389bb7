"""Branches beside the one that is followed, out of git's own listing, as ``promotion.proposals`` wants to see them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from mlops_gitops.adapters.git_objects import GitTree
from mlops_gitops.promotion.store import Branch

KEPT = "refs/proposals"
"""Where the cache keeps them, each under its own name."""

Ask = Callable[..., str]
"""A git command, answering its output as text."""


def refspec(prefix: str) -> str:
    """What to fetch for every branch that begins with ``prefix``, which ends in a slash."""
    return f"+refs/heads/{prefix}*:{KEPT}/{prefix}*"


def unlock(folder: Path) -> None:
    """Remove what a fetch that was killed left locked; called by whoever holds the lock of the cache."""
    for left in (folder / KEPT).rglob("*.lock"):
        left.unlink(missing_ok=True)


def found(prefix: str, *, tip: str, git: Ask, tree: Callable[[str], GitTree]) -> Iterator[Branch]:
    """Every branch that was fetched, with the commit that it stands on and the paths in which it differs from that."""
    listed = git("for-each-ref", "--format=%(refname)%00%(objectname)%00%(parent)", f"{KEPT}/{prefix}")
    for line in listed.splitlines():
        name, commit, parents = line.split("\0")
        base = parents if parents and " " not in parents and _holds(tip, parents, git) else None
        fork = base or git("merge-base", "--all", tip, commit).partition("\n")[0]
        raw = git("diff-tree", "-r", "-z", "--no-renames", "--name-only", fork, commit) if fork else ""
        paths = tuple(sorted(path for path in raw.split("\0") if path))
        yield Branch(name.removeprefix(f"{KEPT}/"), tree(commit), tree(base) if base else None, paths)


def _holds(tip: str, commit: str, git: Ask) -> bool:
    """Whether ``commit`` is on the followed branch."""
    return git("rev-list", "--count", commit, f"^{tip}") == "0"
