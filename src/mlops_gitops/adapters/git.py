"""The environment repository, through git's own plumbing.

What this room promises:

* **No work tree, ever.**  Reading goes through one ``cat-file --batch``, writing through one ``fast-import``, into a
  bare repository in a cache folder that several processes may share, and that only this user may write.
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
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from mlops_gitops import times
from mlops_gitops.adapters import git_branches
from mlops_gitops.adapters.git_errand import Errand
from mlops_gitops.adapters.git_objects import GitTree, Objects
from mlops_gitops.adapters.git_process import LOCAL_SECONDS, NETWORK_SECONDS, masked, run_git, shareable
from mlops_gitops.errors import Misused, WorldFailed
from mlops_gitops.promotion.store import Branch, Change, Files, Tree

_LOCATING = (
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_NAMESPACE"),
    *("GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH", "GIT_SHALLOW_FILE", "GIT_GRAFT_FILE", "GIT_PREFIX"),
    *("GIT_REPLACE_REF_BASE", "GIT_DEFAULT_HASH"),
)
"""What a hook or a test around us may have set, and which would lead git to another repository than ours."""
_PARTS = ("HEAD", "config", "objects", "refs")
"""What git wants to see in a folder before it takes it for a repository."""
_PLAIN = (b"100644", b"100755", b"000000")


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
        refuse_odd(branch)
        self.url = url
        self.branch = branch
        self._reference = f"refs/environments/{branch}"
        self._folder = cache / "environments" / f"{hashlib.sha256(url.encode()).hexdigest()[:24]}.git"
        self._environ = {
            **{name: value for name, value in shareable(environ).items() if name not in _LOCATING},
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_DIR": str(self._folder),
            "LC_ALL": "C",
        }
        self._objects = Objects(self._environ)
        self._errand: Errand | None = None
        self._pushes = self._answered = False
        self._unsure: str | None = None

    def expect_push(self) -> None:
        """Say that a push will follow, so that what it has to ask first is asked while that is being planned.

        Such a push is not judged when it was not answered with success: ``transaction.settle`` does it when it reads.
        """
        self._pushes = self.url.startswith(("http://", "https://"))
        if self._pushes and self._errand is None and self.known() is not None:
            self._errand, self._answered = Errand(self.url, environ=self._environ), False

    @contextlib.contextmanager
    def _errand_done(self) -> Iterator[Errand | None]:
        """The errand that is under way, for the last time."""
        errand, self._errand = self._errand, None
        with errand or contextlib.nullcontext():
            yield errand

    def fetch(self) -> GitTree:
        """The newest commit of the branch, as the remote has it now.  Raises ``WorldFailed``."""
        heard, known = self._heard(), self.known()
        if heard and known:
            found = known if known.commit == heard else self._exactly(heard)
            if found:
                return found
        return self._newest()

    def _heard(self) -> str | None:
        """What the remote says in answer to the first question of a push, which is asked anew for each fetch.

        The conversation goes on, for what is planned on this; a remote that says nothing is not asked like this again.
        """
        if self._answered:
            with self._errand_done():
                pass
        if self._pushes:
            self.expect_push()
        if self._errand is None:
            return None
        self._answered = True
        heard = self._errand.tip(f"refs/heads/{self.branch}")
        self._pushes = heard is not None
        return heard

    def _exactly(self, commit: str) -> GitTree | None:
        """The commit that the remote has just named, without asking for names; ``None`` where that does not do."""
        with self._locked():
            self._prepare()
            self._git(
                "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", self.url, f"{commit}:{self._reference}",
                seconds=NETWORK_SECONDS, check=False,
            )  # fmt: skip
        found = self.known()
        return found if found and found.commit == commit else None

    def survey(self, prefix: str) -> tuple[Tree, tuple[Branch, ...]]:
        """See ``promotion.proposals.Remote``; one fetch for all."""
        tip = self._newest(git_branches.refspec(prefix))
        return tip, tuple(git_branches.found(prefix, tip=tip.commit, git=self._text, tree=self._tree))

    def _newest(self, *more: str) -> GitTree:
        """The newest commit of the branch, fetched together with ``more`` references."""
        with self._locked():
            self._prepare()
            done = self._fetched(*more)
            if done.returncode != 0:
                self._adapt(done)
                done = self._fetched(*more)
                if done.returncode != 0:
                    raise self._unreachable("read", done)
            tip = self._git("rev-parse", "--verify", "--quiet", self._reference, check=False)
        if tip.returncode != 0:  # git takes nothing from a shallow repository, and calls that a success
            raise WorldFailed(
                f"nothing can be fetched from {masked(self.url)}; git said: {_said(done)}",
                hint="a shallow clone has no past, and every receipt is judged on it: name the full repository",
                code="git-shallow",
            )
        return self._tree(tip.stdout.decode().strip())

    def known(self) -> GitTree | None:
        """See ``promotion.store.Store.known``: the tip that the last fetch or push here has seen."""
        try:
            _refuse_shared(self._folder.parent)
            tip = (self._folder / self._reference).read_text().strip()
        except (OSError, UnicodeDecodeError):
            return None
        whole = all((self._folder / part).exists() for part in _PARTS)
        return self._tree(tip) if whole and re.fullmatch(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", tip) else None

    def tree(self, commit: str) -> Tree:
        """One commit that has been fetched."""
        return self._tree(commit)

    def _tree(self, commit: str) -> GitTree:
        return GitTree(commit, self._objects, self)

    def commit(self, base: str, files: Files, *, message: str, when: datetime) -> str:
        """A new commit on top of ``base``, in one ``fast-import``; nobody sees it before it is pushed."""
        temporary = f"refs/written/{secrets.token_hex(8)}"
        stream = _commit_stream(temporary, base, files, message=message, when=when, who=self._identity())
        written = self._git("fast-import", "--quiet", "--done", "--cat-blob-fd=1", stdin=stream)
        return written.stdout.decode().strip()

    def push(self, commit: str, *, base: str) -> str | None:
        """See ``promotion.store.Store.push``."""
        target = f"refs/heads/{self.branch}"
        heard = self._errand.tip(target) if self._errand else None
        if heard not in {None, base} and self.fetch().commit != base:
            return None  # never sent: somebody was first
        with self._errand_done() as errand:
            if errand and errand.tip(target) == base != self._unsure:
                if errand.push(commit, target):
                    self._remember(commit, base=base)
                    return commit
                self._unsure = base  # where nobody was first, the next push from here says in words what is wrong
                return None
        try:
            done = self._git(
                "push", "--quiet", f"--force-with-lease={target}:{base}", self.url, f"{commit}:{target}",
                seconds=NETWORK_SECONDS, check=False,
            )  # fmt: skip
        except WorldFailed as late:  # no answer in time is an answer that was lost: the tip decides
            failure = late
        else:
            if done.returncode == 0:
                self._remember(commit, base=base)
                return commit
            failure = self._unreachable("write to", done)
        tip = self.fetch().commit
        if tip == base:
            raise failure
        return commit if self.is_ancestor(commit, tip) else None

    def write_branch(self, branch: str, *, commit: str, expected: str | None) -> str | None:
        """See ``promotion.store.Branches``."""
        refuse_odd(branch)
        target = f"refs/heads/{branch}"
        try:
            done = self._git(
                "push", "--quiet", f"--force-with-lease={target}:{expected or ''}", self.url, f"{commit}:{target}",
                seconds=NETWORK_SECONDS, check=False,
            )  # fmt: skip
        except WorldFailed as late:
            failure = late
        else:
            if done.returncode == 0:
                return commit
            failure = self._unreachable("write to", done, branch=branch)
        tip = self._tip_of_remote(target)
        if tip == commit:
            return commit
        if tip == expected:
            raise failure
        return None

    def _remember(self, commit: str, *, base: str) -> None:
        """The tip is known now without a fetch.  What another process has seen since is newer, and stays."""
        with self._locked():
            self._git("update-ref", self._reference, commit, base, check=False)

    def landed(self, base: str, tip: str) -> int:
        """See ``promotion.store.Store.landed``."""
        return int(self._text("rev-list", "--count", "--first-parent", f"{base}..{tip}"))

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
        return self._tree(commit)

    def birth(self, tip: str, path: str) -> str | None:
        """The first parent of the commit in which ``path`` appeared on the first-parent line to ``tip``."""
        told = self._text(
            "log", "--first-parent", "--diff-merges=first-parent", "--no-patch", "--no-renames", "--diff-filter=A",
            "--format=%P", tip, "--", path,
        )  # fmt: skip
        parents = told.splitlines()[-1].split() if told else []
        return parents[0] if parents else None

    def follows(self, tip: str, commit: str) -> bool:
        """Whether ``commit`` lies on the first-parent line to ``tip``."""
        return self.is_ancestor(commit, tip) and commit in self._text("rev-list", "--first-parent", tip).split()

    def close(self) -> None:
        """End the helper processes; the repository can still be used, and starts others."""
        self._objects.close()
        with self._errand_done():
            pass

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

    def _prepare(self) -> None:
        """A repository to fetch into, whatever a run that was killed left here; called under the lock."""
        if not all((self._folder / part).exists() for part in _PARTS):
            self._start("sha1")
        (self._folder / f"{self._reference}.lock").unlink(missing_ok=True)
        git_branches.unlock(self._folder)

    def _start(self, object_format: str) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        fresh = tempfile.mkdtemp(dir=self._folder.parent, prefix="new-")
        self._git("init", "--quiet", "--bare", "--template=", f"--object-format={object_format}", fresh)
        Path(fresh).rename(self._folder)

    def _fetched(self, *more: str) -> subprocess.CompletedProcess[bytes]:
        """What git says to a fetch; with ``more`` references, those of them that are gone go here, too."""
        prune = ["--prune"] if more else []
        return self._git(
            "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", *prune, self.url,
            f"+refs/heads/{self.branch}:{self._reference}", *more,
            seconds=NETWORK_SECONDS, check=False,
        )  # fmt: skip

    def _adapt(self, failed: subprocess.CompletedProcess[bytes]) -> None:
        """Find out why a fetch failed, and start anew where the remote's ids are made with another hash than ours.

        Asked only after a failure: git cannot fetch across, and almost every remote has the usual hash.  Raises
        ``Misused`` where there is no such branch, and ``WorldFailed`` for everything else.
        """
        listed = self._git("ls-remote", "--heads", self.url, seconds=NETWORK_SECONDS, check=False)
        if listed.returncode != 0:
            raise self._unreachable("read", failed)
        heads = dict(line.split("\t")[::-1] for line in listed.stdout.decode(errors="replace").splitlines())
        found = heads.get(f"refs/heads/{self.branch}")
        if found is None:
            raise Misused(
                f"{masked(self.url)} has no branch {self.branch}",
                hint="push a first commit there, or name another branch with --branch",
                code="no-branch",
            )
        ours = self._git("rev-parse", "--show-object-format", check=False).stdout.decode().strip()
        theirs = "sha256" if len(found) == 64 else "sha1"  # noqa: PLR2004 - hexadecimal digits
        if ours == theirs:
            raise self._unreachable("read", failed)
        self._start(theirs)

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

    def _tip_of_remote(self, reference: str) -> str | None:
        """The commit that a reference of the remote points at now."""
        listed = self._git("ls-remote", self.url, reference, seconds=NETWORK_SECONDS, check=False)
        if listed.returncode != 0:
            raise self._unreachable("read", listed, branch=reference)
        return listed.stdout.decode().partition("\t")[0] or None

    def _unreachable(
        self, verb: str, done: subprocess.CompletedProcess[bytes], *, branch: str | None = None
    ) -> WorldFailed:
        return WorldFailed(
            f"could not {verb} branch {branch or self.branch} of {masked(self.url)}; git said: {_said(done)}",
            hint="check the URL, the network and the credentials "
            f"(`git ls-remote {masked(self.url)}` asks the same), then run the command again",
            code="git-remote",
        )


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    return masked(done.stderr.decode(errors="replace").strip()) or "nothing"


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
    gone = b"0" * len(base)
    parts.append(b"\nget-mark :1\nreset " + reference.encode() + b"\nfrom " + gone + b"\n\ndone\n")
    return b"".join(parts)


def refuse_odd(branch: str) -> None:
    """Raises ``Misused`` for what cannot be the name of a branch, or could be read as an option."""
    if not re.fullmatch(r"(?!-)[\w./-]+", branch) or ".." in branch:
        raise Misused(f"{branch!r} cannot be the name of a branch", hint="name it plainly", code="branch")


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
