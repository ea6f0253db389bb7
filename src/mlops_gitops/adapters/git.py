"""The environment repository, through git's own plumbing.

What this room promises:

* **No work tree, ever.**  Reading goes through one ``cat-file --batch``, writing through one ``fast-import``, into a
  bare repository in a cache folder that several processes may share, and that only this user may write.
* **What is missing is told from what is damaged.**  A file that the commit lists and the cache cannot give is a
  failure, never an absent file: a hold that cannot be read must not read as no hold.
* **A push is conditional** on the commit that was planned on.  When it fails, the remote tip is read again and decides;
  what git printed is shown to people and never interpreted.
* Any remote that git can reach: a path, ``file://``, ``http(s)://``, ``ssh``.  Credentials are git's own; none is
  logged, and those inside a URL are masked in every message.

What it never does: run a hook, follow a transport that executes commands, ask a question on a terminal.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO

from mlops_gitops import times
from mlops_gitops.errors import Misused, WorldFailed
from mlops_gitops.promotion.store import Change, Files

NETWORK_SECONDS = 300
LOCAL_SECONDS = 60
_SAFE = (
    "-c", "core.hooksPath=/dev/null",
    "-c", "protocol.ext.allow=never",
    "-c", "fetch.fsckObjects=true",
    "-c", "gc.auto=0",
    "-c", "maintenance.auto=false",
    "-c", "log.showSignature=false",
)  # fmt: skip
_LOCATING = (
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_NAMESPACE"),
    *("GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH", "GIT_SHALLOW_FILE", "GIT_GRAFT_FILE", "GIT_PREFIX"),
    *("GIT_REPLACE_REF_BASE", "GIT_DEFAULT_HASH"),
)
"""What a hook or a test around us may have set, and which would lead git to another repository than ours."""
_PARTS = ("HEAD", "config", "objects", "refs")
"""What git wants to see in a folder before it takes it for a repository."""
_PLAIN = (b"100644", b"100755", b"000000")
_SUBMODULE = b"160000"
LARGEST = 16 * 1024 * 1024
"""No document of ours comes near this many bytes; of a larger file only the beginning is read, which is none."""
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def masked(text: str) -> str:
    """``text`` with the user part of every URL hidden, so that a token never reaches a log."""
    return re.sub(r"(\w://)[^/\s]+@", r"\1***@", text)


class Repository:
    """One environment repository, reached through its URL; fits ``promotion.store.Store``."""

    def __init__(self, url: str, *, branch: str, cache: Path, environ: Mapping[str, str]) -> None:
        """``cache`` is a folder of ours; repositories in it are named by the digest of their URL."""
        if url.startswith("-") or re.match(r"\w+::", url) or re.search(r"[\0-\x1f]", url):
            raise Misused(
                f"{masked(url)!r} cannot be the URL of an environment repository",
                hint="give a path, or a file://, https:// or ssh:// URL",
                code="environments-url",
            )
        if not re.fullmatch(r"(?!-)[\w./-]+", branch) or ".." in branch:
            raise Misused(f"{branch!r} cannot be the name of a branch", hint="name it plainly", code="branch")
        self.url = url
        self.branch = branch
        self._folder = cache / "environments" / f"{hashlib.sha256(url.encode()).hexdigest()[:24]}.git"
        self._environ = {
            **{name: value for name, value in environ.items() if name not in _LOCATING and not _is_key(value)},
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_DIR": str(self._folder),
            "LC_ALL": "C",
        }
        self._objects = _Objects(self._environ)

    def fetch(self) -> GitTree:
        """The newest commit of the branch, as the remote has it now.  Raises ``WorldFailed``."""
        reference = f"refs/environments/{self.branch}"
        with self._locked():
            self._prepare(reference)
            done = self._git(
                "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", self.url,
                f"+refs/heads/{self.branch}:{reference}",
                seconds=NETWORK_SECONDS, check=False,
            )  # fmt: skip
            if done.returncode != 0:
                raise self._unreachable("read", done)
            tip = self._git("rev-parse", "--verify", "--quiet", reference, check=False)
        if tip.returncode != 0:  # git takes nothing from a shallow repository, and calls that a success
            raise WorldFailed(
                f"nothing can be fetched from {masked(self.url)}; git said: {_said(done)}",
                hint="a shallow clone has no past, and every receipt is judged on it: name the full repository",
                code="git-shallow",
            )
        return self.tree(tip.stdout.decode().strip())

    def tree(self, commit: str) -> GitTree:
        """One commit that has been fetched."""
        return GitTree(commit=commit, _objects=self._objects)

    def commit(self, base: str, files: Files, *, message: str, when: datetime) -> str:
        """A new commit on top of ``base``, in one ``fast-import``; nobody sees it before it is pushed."""
        temporary = f"refs/written/{secrets.token_hex(8)}"
        stream = _commit_stream(temporary, base, files, message=message, when=when, who=self._identity())
        try:
            written = self._git("fast-import", "--quiet", "--done", "--cat-blob-fd=1", stdin=stream)
            return written.stdout.decode().strip()
        finally:
            self._git("update-ref", "-d", temporary, check=False)

    def push(self, commit: str, *, base: str) -> bool:
        """See ``promotion.store.Store.push``."""
        target = f"refs/heads/{self.branch}"
        try:
            done = self._git(
                "push", "--quiet", f"--force-with-lease={target}:{base}", self.url, f"{commit}:{target}",
                seconds=NETWORK_SECONDS, check=False,
            )  # fmt: skip
        except WorldFailed as late:  # no answer in time is an answer that was lost: the tip decides
            failure = late
        else:
            if done.returncode == 0:
                return True
            failure = self._unreachable("write to", done)
        tip = self.fetch().commit
        if tip == base:
            raise failure
        return self.is_ancestor(commit, tip)

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether ``older`` is ``newer`` or one of its ancestors."""
        return self._git("merge-base", "--is-ancestor", older, newer, check=False).returncode == 0

    def changes(self, tip: str, folders: Sequence[str]) -> tuple[Change, ...]:
        """Every commit on the first-parent line to ``tip`` that touched ``folders``, oldest first."""
        raw = self._git(
            "log", "--first-parent", "--diff-merges=first-parent", "--reverse", "--no-renames", "--root",
            "--raw", "--no-abbrev", "--ignore-submodules=none", "-z", "--format=%x01%H %P", tip, "--", *folders,
        ).stdout  # fmt: skip
        return tuple(_changes(raw))

    def at(self, moment: str, tip: str) -> GitTree:
        """The commit named by a revision, or the last one on the first-parent line not after an instant."""
        if re.fullmatch(r"[0-9a-f]{7,64}", moment):
            found = self._git("rev-parse", "--verify", "--quiet", f"{moment}^{{commit}}", check=False)
        else:
            found = self._git("rev-list", "-1", "--first-parent", f"--until={_instant(moment)}", tip, check=False)
        commit = found.stdout.decode().strip()
        if found.returncode != 0 or not commit:
            raise Misused(
                f"the environment repository has no commit at {moment!r}",
                hint="name a commit, or a time such as 2026-11-21T12:00:00Z that is not before the first commit",
                code="no-such-time",
            )
        if not self.is_ancestor(commit, tip):
            raise Misused(
                f"commit {commit[:12]} is not part of branch {self.branch}",
                hint="name a commit of the environment repository's branch",
                code="no-such-time",
            )
        return self.tree(commit)

    def close(self) -> None:
        """End the helper process; the repository can still be used, and starts another."""
        self._objects.close()

    def _identity(self) -> str:
        name = self._environ.get("GIT_AUTHOR_NAME") or "mlops-gitops"
        email = self._environ.get("GIT_AUTHOR_EMAIL") or "mlops-gitops@users.noreply.github.com"
        return re.sub(r"[<>\n\0]", "", name) + " <" + re.sub(r"[<>\n\0]", "", email) + ">"

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """One fetch at a time per cache; the kernel lets go of the lock when a process dies."""
        try:
            self._folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _refuse_shared(self._folder.parent)
            with self._folder.with_suffix(".lock").open("w") as handle:
                fcntl.flock(handle, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise WorldFailed(
                f"the cache folder {self._folder.parent} cannot be used: {error.strerror or error}",
                hint="free some space, or name another folder in MG_CACHE",
                code="cache",
            ) from error

    def _prepare(self, reference: str) -> None:
        """A repository to fetch into, whatever a run that was killed left here; called under the lock."""
        if not all((self._folder / part).exists() for part in _PARTS):
            shutil.rmtree(self._folder, ignore_errors=True)
            fresh = tempfile.mkdtemp(dir=self._folder.parent, prefix="new-")
            self._git("init", "--quiet", "--bare", "--template=", f"--object-format={self._object_format()}", fresh)
            Path(fresh).rename(self._folder)
        (self._folder / f"{reference}.lock").unlink(missing_ok=True)

    def _object_format(self) -> str:
        """The hash that the remote's ids are made with; git cannot fetch across."""
        listed = self._git("ls-remote", self.url, seconds=NETWORK_SECONDS, check=False)
        if listed.returncode != 0:
            raise self._unreachable("read", listed)
        return "sha256" if re.match(rb"[0-9a-f]{64}\t", listed.stdout) else "sha1"

    def _git(
        self,
        *arguments: str,
        stdin: bytes | None = None,
        seconds: int = LOCAL_SECONDS,
        check: bool = True,
    ) -> subprocess.CompletedProcess[bytes]:
        return run_git(arguments, environ=self._environ, stdin=stdin, seconds=seconds, check=check)

    def _text(self, *arguments: str) -> str:
        return self._git(*arguments).stdout.decode().strip()

    def _unreachable(self, verb: str, done: subprocess.CompletedProcess[bytes]) -> WorldFailed:
        return WorldFailed(
            f"could not {verb} branch {self.branch} of {masked(self.url)}; git said: {_said(done)}",
            hint="check the URL, the network and the credentials "
            f"(`git ls-remote {masked(self.url)}` asks the same), then run the command again",
            code="git-remote",
        )


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    return masked(done.stderr.decode(errors="replace").strip()) or "nothing"


def run_git(
    arguments: Sequence[str],
    *,
    environ: Mapping[str, str],
    stdin: bytes | None = None,
    seconds: int = LOCAL_SECONDS,
    check: bool = True,
) -> subprocess.CompletedProcess[bytes]:
    """One git command without a shell, hooks or questions.  Raises ``WorldFailed`` where it cannot run."""
    try:
        done = _finished(["git", *_SAFE, *arguments], environ=environ, stdin=stdin, seconds=seconds)
    except FileNotFoundError as error:
        raise WorldFailed("git is not installed", hint="apt-get install git", code="git-missing") from error
    except subprocess.TimeoutExpired as error:
        raise WorldFailed(
            f"git {arguments[0]} gave no answer in {seconds} seconds",
            hint="check the network, then run the command again; nothing was changed",
            code="git-timeout",
        ) from error
    if check and done.returncode != 0:
        raise WorldFailed(
            f"git {arguments[0]} failed: {masked(done.stderr.decode(errors='replace').strip())}",
            hint="if this goes on, remove the cache folder; it is made again",
            code="git-local",
        )
    return done


def _finished(
    argv: Sequence[str], *, environ: Mapping[str, str], stdin: bytes | None, seconds: int
) -> subprocess.CompletedProcess[bytes]:
    """Run to the end, in a session of its own: it has no terminal to ask on, and what it started ends with it."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        argv,
        env=dict(environ),
        stdin=subprocess.DEVNULL if stdin is None else pipe,
        stdout=pipe,
        stderr=pipe,
        start_new_session=True,
    ) as process:
        try:
            out, err = process.communicate(stdin, timeout=seconds)
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(argv, process.returncode, out, err)


@dataclass(frozen=True, slots=True)
class GitTree:
    """The files of one commit; fits ``promotion.store.Tree``."""

    commit: str
    _objects: _Objects
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

    def at(self, commit: str) -> GitTree | None:
        """An earlier commit, or ``None`` where it is not known."""
        known = _COMMIT.fullmatch(commit) is not None and self._objects.get(commit) is not None
        return GitTree(commit, self._objects) if known else None


class _Objects:
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
                ["git", *_SAFE, "cat-file", "--batch"],
                env=dict(self._environ),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        return self._process

    def close(self) -> None:
        with self._lock:
            if self._process is not None:
                self._process.kill()
                self._process.communicate()
                self._process = None

    def __del__(self) -> None:
        self.close()


def _instant(text: str) -> str:
    """A time, checked: git would take any word for one."""
    try:
        return times.format_instant(times.parse_instant(text))
    except ValueError as error:
        raise Misused(
            f"{text!r} is neither a commit nor a time",
            hint="name a commit, or a time such as 2026-11-21T12:00:00Z",
            code="no-such-time",
        ) from error


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


def _commit_stream(reference: str, base: str, files: Files, *, message: str, when: datetime, who: str) -> bytes:
    stamp = f"{who} {int(when.timestamp())} +0000".encode()
    text = message.encode()
    parts = [
        b"commit " + reference.encode() + b"\nmark :1\n",
        b"author " + stamp + b"\ncommitter " + stamp + b"\n",
        b"data %d\n" % len(text) + text + b"\nfrom " + base.encode() + b"\n",
    ]
    for path, content in sorted(files.items()):
        _refuse_unsafe(path)
        if content is None:
            parts.append(b"D " + path.encode() + b"\n")
        else:
            parts.append(b"M 100644 inline " + path.encode() + b"\ndata %d\n" % len(content) + content + b"\n")
    parts.append(b"\nget-mark :1\ndone\n")
    return b"".join(parts)


def _refuse_unsafe(path: str) -> None:
    """Paths are made from names that were checked; this is the last line of defence, not the first."""
    if not re.fullmatch(r"[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*", path) or {".", "..", ".git"} & set(path.split("/")):
        raise Misused(f"{path!r} cannot be a path of the environment repository", hint="rename it", code="path")


def _changes(raw: bytes) -> Iterator[Change]:
    """``git log --raw -z``, field by field: what follows a change's description is a path, whatever it looks like."""
    fields = iter(raw.split(b"\0"))
    commit, paths = b"", []
    for one in fields:
        described = one.lstrip(b"\n")
        if described.startswith(b":"):
            paths.append((_status(described), next(fields).decode(errors="surrogateescape")))
        elif described.startswith(b"\x01"):
            if commit:
                yield _change(commit, paths)
            commit, paths = described[1:], []
    if commit:
        yield _change(commit, paths)


def _change(commit: bytes, paths: Sequence[tuple[str, str]]) -> Change:
    name, *parents = commit.decode().split()
    return Change(commit=name, parent=parents[0] if parents else None, paths=tuple(paths))


def _status(described: bytes) -> str:
    """``A``, ``M`` or ``D``; and ``T`` for what is now no plain file, however it came."""
    _, mode, *_, status = described.split()
    if mode not in _PLAIN:
        return "T"
    return "M" if status == b"T" else status.decode()


def _is_key(value: str) -> bool:
    """Whether a variable holds a private key, which is no business of git and of what git starts."""
    return "PRIVATE KEY-----" in value


def _refuse_shared(folder: Path) -> None:
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
