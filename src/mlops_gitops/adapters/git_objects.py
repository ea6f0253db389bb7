"""Reading commits: files and folders out of git's object store, through one helper process.

**What is missing is told from what is damaged.**  A file that the commit lists and the cache cannot give is a failure,
never an absent file: a hold that cannot be read must not read as no hold.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Protocol

from mlops_gitops.adapters.git_process import SAFE
from mlops_gitops.errors import WorldFailed

_SUBMODULE, _FOLDER = "160000 ", "40000 "
_ENTRY = {size: re.compile(rb"([0-7]+) ([^\0]+)\0(.{%d})" % size, re.DOTALL) for size in (20, 32)}
_FOUND = re.compile(rb"[0-9a-f]+ (\w+) (\d+)\n")
_PIPE = 512
"""A pipe holds at least this many bytes, whatever the system is short of: POSIX promises it."""
LARGEST = 16 * 1024 * 1024
"""No document of ours comes near this many bytes; of a larger file only the beginning is read, which is none."""
_FEW = 50
"""A folder with more names than that stays listed until all is let go: listing it again costs too much."""
_KEPT = 256 * 1024
"""Files up to this size are kept when they are read ahead; a larger one is read again when it is asked for."""


@dataclass(frozen=True, slots=True)
class GitTree:
    """The files of one commit; fits ``promotion.store.Tree``.

    A single path is looked up by git, which does not take a folder of ten thousand names apart to find one.  What lies
    in a folder that was listed here is asked for by its id.
    """

    commit: str
    _objects: Objects
    _past: Past
    _folders: dict[str, dict[str, str]] = field(default_factory=dict, compare=False, repr=False)
    _ahead: dict[str, bytes] = field(default_factory=dict, compare=False, repr=False)
    _passing: list[str] = field(default_factory=list, compare=False, repr=False)

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, or ``None`` where there is none.  Raises ``WorldFailed`` where the cache is damaged."""
        found = self._object(path)
        return found[1] if found is not None and found[0] == "blob" else None

    def names(self, folder: str) -> tuple[str, ...]:
        """The names directly inside a folder, sorted.  Raises ``WorldFailed`` where the cache is damaged."""
        return tuple(sorted(self._entries(folder)))

    def contents(self, folder: str) -> Mapping[str, str]:
        """The names directly inside a folder, each with git's mode and id for what it holds."""
        return self._entries(folder)

    def prefetch(self, paths: Iterable[str]) -> None:
        """Read files, and the files directly in folders, in two conversations with git; the next call lets go."""
        for folder in self._passing:
            self._folders.pop(folder, None)
        self._passing.clear()
        self._ahead.clear()
        with contextlib.suppress(WorldFailed):  # whoever reads what is damaged is told, and nobody else
            self._read_ahead(paths)

    def _read_ahead(self, paths: Iterable[str]) -> None:
        asked = [path for path in paths if path not in self._folders]
        self._list({path.rpartition("/")[0] for path in asked})
        listed = [(path, entry) for path in asked if (entry := self._listed(path)) is not None]
        folders = [(path, _id(entry)) for path, entry in listed if entry.startswith(_FOLDER)]
        wanted = dict.fromkeys(_id(entry) for _, entry in listed if entry.startswith("10"))
        for (path, _), found in zip(folders, self._objects.get_all([one for _, one in folders]), strict=True):
            if found is not None:
                self._folders[path] = _tree_entries(found[1], id_bytes=len(self.commit) // 2)
                self._passing.append(path)
                wanted |= dict.fromkeys(_id(one) for one in self._folders[path].values() if one.startswith("10"))
        for name, found in zip(wanted, self._objects.get_all(list(wanted)), strict=True):
            if found is not None and found[0] == "blob" and len(found[1]) <= _KEPT:
                self._ahead[name] = found[1]

    def _list(self, folders: set[str]) -> None:
        """List folders, those beside each other in one conversation; the small ones pass with what was announced."""
        above = {folder.rpartition("/")[0] for folder in folders if folder and folder not in self._folders}
        if above:
            self._list(above)
        missing = [folder for folder in folders if folder not in self._folders]
        if not above:
            for folder in missing:
                self._entries(folder)
            return
        there = [(one, entry) for one in missing if (entry := self._listed(one) or "").startswith(_FOLDER)]
        self._folders.update((folder, {}) for folder in missing)
        self._passing.extend(missing)
        for (folder, _), found in zip(there, self._objects.get_all([_id(one) for _, one in there]), strict=True):
            if found is None:  # whoever reads it is told that it is damaged
                del self._folders[folder]
                continue
            content = found[1] if found[0] == "tree" else b""
            self._folders[folder] = _tree_entries(content, id_bytes=len(self.commit) // 2)
            if len(self._folders[folder]) > _FEW:
                self._passing.remove(folder)

    def before(self, path: str) -> GitTree | None:
        """The commit before the one in which ``path`` appeared, or ``None`` where there is none."""
        parent = self._past.birth(self.commit, path)
        return GitTree(parent, self._objects, self._past) if parent else None

    def follows(self, commit: str) -> bool:
        """Whether ``commit`` is this one or lies before it on the first-parent line."""
        return commit == self.commit or self._past.follows(self.commit, commit)

    def _object(self, path: str) -> tuple[str, bytes] | None:
        if "\n" in path:  # cannot be asked for, and no document of ours is called so
            return None
        name = self._name(path)
        if name is None:
            return None
        if name in self._ahead:
            return "blob", self._ahead[name]
        found = self._objects.get(name)
        if found is None and (":" not in name or not self._is_absent(path)):
            raise WorldFailed(
                f"the cache of the environment repository is damaged: {path or 'the commit'} cannot be read",
                hint="remove the cache folder (MG_CACHE, else ~/.cache/mlops-gitops); it is made again",
                code="git-local",
            )
        return found

    def _name(self, path: str) -> str | None:
        """What git is asked for: an id, or a path below one; ``None`` where a folder that was listed has no such file.

        From the nearest folder above that was listed, so that git need not look through those above it again.
        """
        folder, below = path, ""
        while folder:
            folder, _, part = folder.rpartition("/")
            if folder in self._folders:
                entry = self._folders[folder].get(part, _SUBMODULE)
                if entry.startswith(_SUBMODULE) or (below and not entry.startswith(_FOLDER)):
                    return None
                return f"{_id(entry)}:{below}" if below else _id(entry)
            below = f"{part}/{below}" if below else part
        return f"{self.commit}:{path}"

    def _is_absent(self, path: str) -> bool:
        """Whether the folder of a path that git did not find really does not list it."""
        folder, _, name = path.rpartition("/")
        if not path:
            return False
        if folder not in self._folders:
            found = self._object(folder)
            content = found[1] if found is not None and found[0] == "tree" else b""
            sought = b" " + name.encode(errors="surrogateescape") + b"\0"
            if sought not in content and len(content) <= LARGEST:  # told without taking ten thousand names apart
                self._folders[path] = {}  # so nothing below it need be looked for
                return True
        return self._entries(folder).get(name, _SUBMODULE).startswith(_SUBMODULE)

    def _listed(self, path: str) -> str | None:
        """Mode and id of a path, out of folders that are listed down to it."""
        folder, _, name = path.rpartition("/")
        return self._entries(folder).get(name)

    def _entries(self, folder: str) -> dict[str, str]:
        """Names inside a folder, each with mode and id; empty where there is no such folder."""
        if folder not in self._folders:
            found = self._object(folder)
            content = found[1] if found is not None and found[0] == "tree" else b""
            self._folders[folder] = _tree_entries(content, id_bytes=len(self.commit) // 2)
        return self._folders[folder]


class Past(Protocol):
    """What a tree may ask about the commits before it."""

    def birth(self, tip: str, path: str) -> str | None:
        """The first parent of the commit in which ``path`` appeared on the first-parent line to ``tip``."""

    def follows(self, tip: str, commit: str) -> bool:
        """Whether ``commit`` lies on the first-parent line to ``tip``."""


class Objects:
    """One ``git cat-file --batch``, started when first needed and shared by all trees of a repository."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._lock = threading.Lock()

    def get(self, name: str) -> tuple[str, bytes] | None:
        """Type and content of the object with this name, which is one line, or ``None``."""
        return self.get_all([name])[0]

    def get_all(self, names: Sequence[str]) -> list[tuple[str, bytes] | None]:
        """The same for many, asked without waiting for each answer."""
        if not names:
            return []
        with self._lock:
            process = self._running()
            assert process.stdin is not None  # noqa: S101 - opened as a pipe, below
            assert process.stdout is not None  # noqa: S101
            questions = b"".join(name.encode(errors="surrogateescape") + b"\n" for name in names)
            if len(questions) <= _PIPE:
                asking = None
                _ask(process.stdin, questions)
            else:  # git answers while it is asked, and would wait for us to listen
                asking = threading.Thread(target=_ask, args=(process.stdin, questions), daemon=True)
                asking.start()
            answers: list[tuple[str, bytes] | None] = []
            for _ in names:
                line = process.stdout.readline()
                found = _FOUND.fullmatch(line)  # anything else is "NAME missing"
                content = _content(process.stdout, int(found[2])) if found is not None else None
                if not line or (found is not None and content is None):
                    self._process = None
                    raise WorldFailed(
                        "git cat-file ended unexpectedly",
                        hint="run the command again; nothing was changed",
                        code="git-local",
                    )
                answers.append((found[1].decode(), content) if found is not None and content is not None else None)
            if asking is not None:
                asking.join()
            return answers

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._owner != os.getpid():  # after a fork: it answers whoever started it
            self._process = None
        if self._process is None or self._process.poll() is not None:
            self._owner = os.getpid()
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
            if self._process is not None and self._owner == os.getpid():
                self._process.kill()
                self._process.communicate()
                self._process = None

    def __del__(self) -> None:
        self.close()


def _content(stream: IO[bytes], size: int) -> bytes | None:
    """The next object of ``cat-file``, at most ``LARGEST`` bytes of it and one more; ``None`` where it breaks off."""
    if size <= LARGEST:
        content = stream.read(size + 1)
        return content[:-1] if len(content) == size + 1 else None
    content = stream.read(LARGEST + 1)
    left = size + 1 - len(content)
    while left > 0:
        skipped = len(stream.read(min(left, 1 << 20)))
        if not skipped:
            return None
        left -= skipped
    return content


def _ask(stream: IO[bytes], questions: bytes) -> None:
    with contextlib.suppress(OSError, ValueError):  # that git is gone shows where its answers end
        stream.write(questions)
        stream.flush()


def _id(entry: str) -> str:
    return entry[entry.index(" ") + 1 :]


def _tree_entries(content: bytes, *, id_bytes: int) -> dict[str, str]:
    """Names in a raw tree object, each with mode and id: ``mode SP name NUL id``, repeated.

    Raises ``WorldFailed`` where it is anything else, or is cut off: what a folder holds is known whole or not at all.
    """
    entries = _ENTRY[id_bytes].findall(content)
    if sum(len(mode) + len(name) for mode, name, _ in entries) + len(entries) * (2 + id_bytes) != len(content):
        raise WorldFailed(
            "a folder of the environment repository is damaged, or holds more names than can be read",
            hint="remove the cache folder (MG_CACHE, else ~/.cache/mlops-gitops); it is made again",
            code="git-local",
        )
    return {name.decode(errors="surrogateescape"): f"{mode.decode()} {found.hex()}" for mode, name, found in entries}
