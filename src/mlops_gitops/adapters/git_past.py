"""The past of a repository that lies here: which commits there are, in which order, and what each did.

Order comes from ancestry; of the times in commits only ``commit_at`` takes notice, where a person names one.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence

from mlops_gitops import times
from mlops_gitops.adapters.git_process import LOCAL_SECONDS, run_git
from mlops_gitops.errors import Misused
from mlops_gitops.promotion.store import Change

_PLAIN = (b"100644", b"100755", b"000000")


class Past:
    """What is asked about commits that were fetched; ``environ`` names the repository."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

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

    def commit_at(self, moment: str, tip: str, *, branch: str) -> str:
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
                f"commit {commit[:12]} is not part of branch {branch}",
                hint="name a commit of the environment repository's branch",
                code="no-such-time",
            )
        return commit

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
