"""A checkout of the environment repository, read as a tree: what lies in the folder, committed or not.

For looking at what is about to be committed.  Links are not followed, and nothing outside the folder is read.
"""

from __future__ import annotations

import os
import stat
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
