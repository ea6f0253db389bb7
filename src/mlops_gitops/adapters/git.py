"""The environment repository, through git's own plumbing.

What this room promises:

* **No work tree, ever.**  Reading goes through one ``cat-file --batch``, writing through one ``fast-import``, into a
  bare repository in a cache folder that several processes may share.
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
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

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
)  # fmt: skip
_LOCATING = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_NAMESPACE")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def masked(text: str) -> str:
    """``text`` with the user part of every URL hidden, so that a token never reaches a log."""
    return re.sub(r"(\w://)[^/@\s]+@", r"\1***@", text)


class Repository:
    """One environment repository, reached through its URL; fits ``promotion.store.Store``."""

    def __init__(self, url: str, *, branch: str, cache: Path, environ: Mapping[str, str]) -> None:
        """``cache`` is a folder of ours; repositories in it are named by the digest of their URL."""
        if url.startswith("-") or "::" in url or "\n" in url:
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
            **{name: value for name, value in environ.items() if name not in _LOCATING},
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_DIR": str(self._folder),
            "LC_ALL": "C",
        }
        self._objects = _Objects(self._environ)

    def fetch(self) -> GitTree:
        """The newest commit of the branch, as the remote has it now.  Raises ``WorldFailed``."""
        reference = f"refs/environments/{self.branch}"
        with self._locked():
            if not (self._folder / "HEAD").exists():
                self._git("init", "--quiet", "--bare", str(self._folder))
            done = self._git(
                "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", self.url,
                f"+refs/heads/{self.branch}:{reference}",
                seconds=NETWORK_SECONDS, check=False,
            )  # fmt: skip
            if done.returncode != 0:
                raise self._unreachable("read", done)
            return self.tree(self._text("rev-parse", "--verify", reference))

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
        done = self._git(
            "push", "--quiet", f"--force-with-lease={target}:{base}", self.url, f"{commit}:{target}",
            seconds=NETWORK_SECONDS, check=False,
        )  # fmt: skip
        if done.returncode == 0:
            return True
        tip = self.fetch().commit
        if tip == base:
            raise self._unreachable("write to", done)
        return self.is_ancestor(commit, tip)

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether ``older`` is ``newer`` or one of its ancestors."""
        return self._git("merge-base", "--is-ancestor", older, newer, check=False).returncode == 0

    def changes(self, tip: str, folders: Sequence[str]) -> tuple[Change, ...]:
        """Every commit on the first-parent line to ``tip`` that touched ``folders``, oldest first."""
        raw = self._git(
            "log", "--first-parent", "--diff-merges=first-parent", "--reverse", "--no-renames", "--root",
            "--raw", "--no-abbrev", "-z", "--format=%x01%H %P%x00%ct", tip, "--", *folders,
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
            self._folder.parent.mkdir(parents=True, exist_ok=True)
            with self._folder.with_suffix(".lock").open("w") as handle:
                fcntl.flock(handle, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise WorldFailed(
                f"the cache folder {self._folder.parent} cannot be used: {error.strerror or error}",
                hint="free some space, or name another folder in MG_CACHE",
                code="cache",
            ) from error

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
        said = masked(done.stderr.decode(errors="replace").strip()) or "nothing"
        return WorldFailed(
            f"could not {verb} branch {self.branch} of {masked(self.url)}; git said: {said}",
            hint="check the URL, the network and the credentials "
            f"(`git ls-remote {masked(self.url)}` asks the same), then run the command again",
            code="git-remote",
        )


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
        done = subprocess.run(
            ["git", *_SAFE, *arguments],
            env=dict(environ),
            input=stdin,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
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


@dataclass(frozen=True, slots=True)
class GitTree:
    """The files of one commit; fits ``promotion.store.Tree``."""

    commit: str
    _objects: _Objects

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, or ``None`` where there is none."""
        found = self._objects.get(f"{self.commit}:{path}")
        return found[1] if found is not None and found[0] == "blob" else None

    def names(self, folder: str) -> tuple[str, ...]:
        """The names directly inside a folder, sorted."""
        found = self._objects.get(f"{self.commit}:{folder}")
        if found is None or found[0] != "tree":
            return ()
        return tuple(sorted(_tree_names(found[1], id_bytes=len(self.commit) // 2)))

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
        """Type and content of the object with this name, or ``None``."""
        if "\n" in name:
            return None
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
                content = process.stdout.read(int(found[2]) + 1)
                if len(content) == int(found[2]) + 1:
                    return found[1].decode(), content[:-1]
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


def _tree_names(content: bytes, *, id_bytes: int) -> Iterator[str]:
    """Names in a raw tree object: ``mode SP name NUL id``, repeated."""
    position = 0
    while position < len(content):
        space = content.index(b" ", position)
        end = content.index(b"\0", space)
        yield content[space + 1 : end].decode(errors="surrogateescape")
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
    for block in raw.split(b"\x01")[1:]:
        head, stamp, *rest = block.split(b"\0")
        commit, *parents = head.decode().split()
        fields = [part.lstrip(b"\n") for part in rest]
        paths = []
        for index in range(0, len(fields) - 1, 2):
            if fields[index].startswith(b":"):
                status = fields[index].split()[-1].decode()
                paths.append((status, fields[index + 1].decode(errors="surrogateescape")))
        yield Change(
            commit=commit,
            parent=parents[0] if parents else None,
            time=datetime.fromtimestamp(int(stamp), UTC),
            paths=tuple(paths),
        )


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where caches live: ``MG_CACHE``, else the platform's own place for them."""
    named = environ.get("MG_CACHE")
    if named:
        return Path(named)
    root = environ.get("XDG_CACHE_HOME") or os.path.join(environ.get("HOME", "/tmp"), ".cache")  # noqa: S108, PTH118
    return Path(root) / "mlops-gitops"
