"""A checkout of the environment repository, read as a tree: what lies in the folder, committed or not.

For looking at what is about to be committed.  Links are not followed, and nothing outside the folder is read.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlops_gitops.errors import WorldFailed
from mlops_gitops.promotion.store import Tree

_LARGEST = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Folder:
    """The files below ``root``.  It has no commit and no past."""

    root: Path
    commit: str = ""

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, or ``None`` where there is none."""
        place = self._place(path)
        if place is None or not place.is_file():
            return None
        try:
            handle = os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
            with os.fdopen(handle, "rb") as file:
                return file.read(_LARGEST) if stat.S_ISREG(os.fstat(handle).st_mode) else None
        except OSError as error:
            raise WorldFailed(
                f"{path} cannot be read: {error.strerror}", hint="check the file and its permissions", code="disk"
            ) from error

    def names(self, folder: str) -> tuple[str, ...]:
        """The names directly inside a folder, sorted; empty where there is no such folder."""
        place = self._place(folder)
        if place is None or not place.is_dir():
            return ()
        return tuple(sorted(one.name for one in place.iterdir() if one.name != ".git"))

    def contents(self, folder: str) -> Mapping[str, str]:
        """The names directly inside a folder, each with an id of what it holds."""
        names = [(name, f"{folder}/{name}" if folder else name) for name in self.names(folder)]
        held = [(name, self.read(path), path) for name, path in names]
        return {
            name: hashlib.sha256(data).hexdigest() if data is not None else str(self.contents(path))
            for name, data, path in held
        }

    def prefetch(self, paths: Iterable[str]) -> None:
        """Nothing: a disk is read when it is asked."""

    def follows(self, commit: str) -> bool:
        """Whether it is this one: a folder has no past."""
        return commit == self.commit

    def before(self, path: str) -> Tree | None:  # noqa: ARG002 - a folder has no past
        """Nothing: a folder has no past."""
        return None

    def _place(self, path: str) -> Path | None:
        """Where a path leads without leaving the folder by a name or a link, or ``None``."""
        place = self.root
        for step in path.split("/"):
            place = place / step
            if step in {"", ".", ".."} or place.is_symlink():
                return None
        return place
