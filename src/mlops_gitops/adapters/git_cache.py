"""The folder in which repositories are kept between runs: ours alone, and used by one process at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from mlops_gitops.errors import Misused, WorldFailed

_PARTS = ("HEAD", "config", "objects", "refs")
"""What git wants to see in a folder before it takes it for a repository."""


def is_whole(folder: Path) -> bool:
    """Whether git takes a folder for a repository."""
    return all((folder / part).exists() for part in _PARTS)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One fetch at a time per cache; the kernel lets go of the lock when a process dies."""
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        refuse_shared(folder.parent)
        with folder.with_suffix(".lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise WorldFailed(
            f"the cache folder {folder.parent} cannot be used: {error.strerror or error}",
            hint="free some space, or name another folder in MG_CACHE",
            code="cache",
        ) from error


def refuse_shared(folder: Path) -> None:
    """Only ours: git obeys the settings that it finds in a repository, so nobody else may have written them."""
    found = folder.stat()
    if found.st_uid != os.geteuid() or found.st_mode & 0o002:
        raise WorldFailed(
            f"the cache folder {folder} belongs to somebody else, or everybody may write to it",
            hint="name a folder of your own in MG_CACHE",
            code="cache",
        )


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where caches live: ``MG_CACHE``, else the platform's own place for them.

    Raises ``Misused`` where there is none; a folder that everybody shares would not do.
    """
    named = environ.get("MG_CACHE")
    if named:
        return Path(named)
    root, home = environ.get("XDG_CACHE_HOME"), environ.get("HOME")
    if not root and not home:
        raise Misused(
            "there is no folder for caches: neither MG_CACHE nor HOME is set", hint="set MG_CACHE", code="cache"
        )
    return Path(root or f"{home}/.cache") / "mlops-gitops"
