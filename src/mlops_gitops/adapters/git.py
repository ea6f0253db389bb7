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
import hashlib
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from mlops_gitops.adapters import git_branches, git_cache, git_commits
from mlops_gitops.adapters.git_errand import Errand
from mlops_gitops.adapters.git_objects import GitTree, Objects
from mlops_gitops.adapters.git_past import Past
from mlops_gitops.adapters.git_process import NETWORK_SECONDS, located, masked
from mlops_gitops.errors import Misused, WorldFailed
from mlops_gitops.promotion.store import Branch, Files, Tree


class Repository(Past):
    """One environment repository, reached through its URL; fits ``promotion.store.Store``."""

    def __init__(self, url: str, *, branch: str, cache: Path, environ: Mapping[str, str]) -> None:
        """``cache`` is a folder of ours; repositories in it are named by the digest of their URL."""
        if url.startswith("-") or re.match(r"\w+::", url) or re.search(r"[\0-\x1f]", url):
            raise Misused(
                f"{masked(url)!r} cannot be the URL of an environment repository",
                hint="give a path, or a file://, https:// or ssh:// URL",
                code="environments-url",
            )
        git_commits.refuse_odd(branch)
        self.url = url
        self.branch = branch
        self._reference = f"refs/environments/{branch}"
        self._folder = cache / "environments" / f"{hashlib.sha256(url.encode()).hexdigest()[:24]}.git"
        super().__init__(located(self._folder, environ))
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
        with git_cache.locked(self._folder):
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
        with git_cache.locked(self._folder):
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
            git_cache.refuse_shared(self._folder.parent)
            tip = (self._folder / self._reference).read_text().strip()
        except (OSError, UnicodeDecodeError):
            return None
        return (
            self._tree(tip)
            if git_cache.is_whole(self._folder) and re.fullmatch(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", tip)
            else None
        )

    def tree(self, commit: str) -> Tree:
        """One commit that has been fetched."""
        return self._tree(commit)

    def _tree(self, commit: str) -> GitTree:
        return GitTree(commit, self._objects, self)

    def commit(self, base: str, files: Files, *, message: str, when: datetime) -> str:
        """A new commit on top of ``base``, in one ``fast-import``; nobody sees it before it is pushed."""
        temporary = f"refs/written/{secrets.token_hex(8)}"
        stream = git_commits.stream(
            temporary, base, files, message=message, when=when, who=git_commits.identity(self._environ)
        )
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
        git_commits.refuse_odd(branch)
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
        with git_cache.locked(self._folder):
            self._git("update-ref", self._reference, commit, base, check=False)

    def at(self, moment: str, tip: str) -> GitTree:
        """The commit named by a revision, or the last one on the first-parent line not after an instant."""
        return self._tree(self.commit_at(moment, tip, branch=self.branch))

    def close(self) -> None:
        """End the helper processes; the repository can still be used, and starts others."""
        self._objects.close()
        with self._errand_done():
            pass

    def _prepare(self) -> None:
        """A repository to fetch into, whatever a run that was killed left here; called under the lock."""
        if not git_cache.is_whole(self._folder):
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
