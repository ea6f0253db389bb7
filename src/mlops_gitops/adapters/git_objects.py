"""Reading commits: files and folders out of git's object store, through one helper process.

**What is missing is told from what is damaged.**  A file that the commit lists and the cache cannot give is a failure,
never an absent file: a hold that cannot be read must not read as no hold.
"""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO

from mlops_gitops.adapters.git_process import SAFE
from mlops_gitops.errors import WorldFailed

_SUBMODULE = b"160000"
LARGEST = 16 * 1024 * 1024
"""No document of ours comes near this many bytes; of a larger file only the beginning is read, which is none."""


@dataclass(frozen=True, slots=True)
class GitTree:
    """The files of one commit; fits ``promotion.store.Tree``."""

    commit: str
    _objects: Objects
    _birth: Callable[[str, str], str | None]
    _folders: dict[str, dict[str, bytes]] = field(default_factory=dict, compare=False, repr=False)

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, or ``None`` where there is none.  Raises ``WorldFailed`` where the cache is damaged."""
        found = self._object(path)
        return found[1] if found is not None and found[0] == "blob" else None

    def names(self, folder: str) -> tuple[str, ...]:
        """The names directly inside a folder, sorted.  Raises ``WorldFailed`` where the cache is damaged."""
        return tuple(sorted(self._entries(folder)))

    def _object(self, path: str) -> tuple[str, bytes] | None:
        if "\n" in path:  # cannot be asked for, and no document of ours is called so
            return None
        found = self._objects.get(f"{self.commit}:{path}")
        folder, _, name = path.rpartition("/")
        if found is None and (not path or self._entries(folder).get(name, _SUBMODULE) != _SUBMODULE):
            raise WorldFailed(
                f"the cache of the environment repository is damaged: {path or 'the commit'} cannot be read",
                hint="remove the cache folder (MG_CACHE, else ~/.cache/mlops-gitops); it is made again",
                code="git-local",
            )
        return found

    def _entries(self, folder: str) -> Mapping[str, bytes]:
        """Names inside a folder, each with its mode; empty where there is no such folder."""
        if folder not in self._folders:
            found = self._object(folder)
            content = found[1] if found is not None and found[0] == "tree" else b""
            self._folders[folder] = dict(_tree_entries(content, id_bytes=len(self.commit) // 2))
        return self._folders[folder]

    def before(self, path: str) -> GitTree | None:
        """The commit before the one in which ``path`` appeared, or ``None`` where there is none."""
        parent = self._birth(self.commit, path)
        return GitTree(parent, self._objects, self._birth) if parent else None


class Objects:
    """One ``git cat-file --batch``, started when first needed and shared by all trees of a repository."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def get(self, name: str) -> tuple[str, bytes] | None:
        """Type and content of the object with this name, which is one line, or ``None``."""
        with self._lock:
            process = self._running()
            assert process.stdin is not None  # noqa: S101 - opened as a pipe, below
            assert process.stdout is not None  # noqa: S101
            try:
                process.stdin.write(name.encode(errors="surrogateescape") + b"\n")
                process.stdin.flush()
                line = process.stdout.readline()
            except BrokenPipeError:
                line = b""
            found = re.fullmatch(rb"[0-9a-f]+ (\w+) (\d+)\n", line)  # anything else is "NAME missing"
            if found is not None:
                content = _content(process.stdout, int(found[2]))
                if content is not None:
                    return found[1].decode(), content
            elif line:
                return None
            self._process = None
            raise WorldFailed(
                "git cat-file ended unexpectedly", hint="run the command again; nothing was changed", code="git-local"
            )

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                ["git", *SAFE, "cat-file", "--batch"],
                env=dict(self._environ),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        return self._process

    def close(self) -> None:
        """End the process; the next question starts another."""
        with self._lock:
            if self._process is not None:
                self._process.kill()
                self._process.communicate()
                self._process = None

    def __del__(self) -> None:
        self.close()


def _content(stream: IO[bytes], size: int) -> bytes | None:
    """The next object of ``cat-file``, at most ``LARGEST`` bytes of it and one more; ``None`` where it breaks off."""
    content = stream.read(min(size, LARGEST + 1))
    left = size + 1 - len(content)
    while left > 0:
        skipped = len(stream.read(min(left, 1 << 20)))
        if not skipped:
            return None
        left -= skipped
    return content


def _tree_entries(content: bytes, *, id_bytes: int) -> Iterator[tuple[str, bytes]]:
    """Names and modes in a raw tree object: ``mode SP name NUL id``, repeated."""
    position = 0
    while position < len(content):
        space = content.index(b" ", position)
        end = content.index(b"\0", space)
        yield content[space + 1 : end].decode(errors="surrogateescape"), content[position:space]
        position = end + 1 + id_bytes
