"""A file in the cache folder on which one remembered table lies; fits ``promotion.recall.Shelf``.

What lies here is believed, so only this user may have been able to write it: a folder or a file that belongs to
somebody else, or that others may write to, counts as empty.  It is only a cache: whatever goes wrong, nothing was kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

LARGEST = 64 * 1024 * 1024
"""A table of more bytes is not kept; one of fifty thousand slots has about a third of that."""
MOST = 16
"""Tables of so many repositories are kept, the last used ones."""


class Shelf:
    """The table of one branch of one environment repository."""

    def __init__(self, cache: Path, *, url: str, branch: str) -> None:
        """``cache`` is the folder of all caches of this user."""
        name = hashlib.sha256(f"{url}\n{branch}".encode()).hexdigest()[:24]
        self._folder = cache / "tables"
        self._path = self._folder / f"{name}.json"

    def load(self) -> bytes | None:
        """What was kept last, if only this user can have written it."""
        with contextlib.suppress(OSError), self._opened() as handle:
            if _is_ours(os.fstat(handle)) and _is_ours(self._folder.stat()):
                os.utime(handle)
                with os.fdopen(os.dup(handle), "rb") as stream:
                    return stream.read(LARGEST)
        return None

    def keep(self, data: bytes) -> None:
        """Keep it instead of what was kept before: whole, or not at all."""
        if len(data) > LARGEST:
            return
        with contextlib.suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _is_ours(self._folder.stat()):
                return
            handle, fresh = tempfile.mkstemp(dir=self._folder, suffix=".new")  # only this user may read or write it
            try:
                with os.fdopen(handle, "wb") as stream:
                    stream.write(data)
                Path(fresh).replace(self._path)
            except BaseException:
                Path(fresh).unlink(missing_ok=True)
                raise
            self._tidy()

    @contextlib.contextmanager
    def _opened(self) -> Iterator[int]:
        handle = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            yield handle
        finally:
            os.close(handle)

    def _tidy(self) -> None:
        """Let go of the tables that were not used for longest, and of what runs that were killed have left."""
        found = sorted(self._folder.iterdir(), key=lambda one: one.lstat().st_mtime, reverse=True)
        for one in found[MOST:]:
            one.unlink(missing_ok=True)


def _is_ours(found: os.stat_result) -> bool:
    return found.st_uid == os.geteuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
