"""A change in the repository that lies here: which files differ between two commits, and the models of the later one.

Only plumbing is asked, by commit id and with no hook, filter or external diff, so that what a repository is configured
to run is not run.  **A clone that was cut is told from a commit that does not exist**: the first is put right by
fetching more, and nothing is guessed.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from mlops_gitops.adapters.git_process import WITHIN, run_git
from mlops_gitops.errors import Misused, Refused
from mlops_gitops.manifests.reach import MANIFEST, MODELS, PROJECT, Repository
from mlops_gitops.manifests.text import MAX_BYTES

_SETTINGS = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM")
_QUIET = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_LITERAL_PATHSPECS": "1",
    "LC_ALL": "C",
}
_LINK, _FILE = "120000", "100"
_LONGEST_LINK = 4096
_ENTRY = re.compile(rb"([0-7]+) (\w+) ([0-9a-f]+)\t(.+)", re.DOTALL)


class Range(NamedTuple):
    """Two commits by id."""

    base: str
    head: str


class Clone(NamedTuple):
    """The repository around a folder."""

    folder: Path
    environ: Mapping[str, str]

    def commit(self, reference: str) -> str | None:
        """The id of a commit that is here."""
        done = self._git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}", check=False)
        return done.decode("ascii", "replace").strip() or None

    def needed(self, reference: str) -> str:
        """The id of a commit.  Raises ``Misused`` where it is not here, saying whether the clone was cut."""
        found = self.commit(reference)
        if found is None:
            raise self._missing(reference)
        return found

    @property
    def is_cut(self) -> bool:
        """Whether a part of the history was left out: a shallow clone.  Raises ``Refused`` outside of a repository."""
        told = self._git("rev-parse", "--is-shallow-repository", check=False).strip()
        if not told:
            raise Refused(
                f"{self.folder} is not in a git repository",
                hint="run it in a clone; in a workflow, put `actions/checkout` before it",
                code="source-missing",
            )
        return told == b"true"

    def fork_point(self, base: str, head: str) -> str:
        """Where two lines of history parted; ``base`` where they never were one.  Raises ``Misused`` in a cut clone."""
        found = self._git("merge-base", base, head, check=False).decode("ascii").strip()
        if not found and self.is_cut:
            raise self._missing(base)
        return found or base

    def parents(self, commit: str) -> tuple[str, ...]:
        """The parents that a commit names, whether they are here or not."""
        text = self._git("cat-file", "commit", commit).partition(b"\n\n")[0].decode("utf-8", "replace")
        return tuple(re.findall(r"^parent ([0-9a-f]+)$", text, flags=re.MULTILINE))

    def changed(self, span: Range) -> list[str]:
        """The paths that differ, as seen from the folder; a file that was moved counts with both names."""
        words = ["diff-tree", "-r", "-z", "--name-only", "--no-renames", "--no-ext-diff", span.base, span.head]
        paths = [path.decode("utf-8", "surrogateescape") for path in self._git(*words).split(b"\0") if path]
        prefix = self._prefix()
        return [posixpath.relpath(path, prefix) for path in paths] if prefix else paths

    def models(self, commit: str) -> Repository:
        """The models of a commit below the folder, without touching the work tree."""
        manifests, links, project = {}, {}, None
        for entry in self._git("ls-tree", "-r", "-z", commit, "--", MODELS, PROJECT).split(b"\0"):
            match = _ENTRY.fullmatch(entry)
            if match is None:
                continue
            mode, name, path = match[1].decode(), match[3].decode(), match[4].decode("utf-8", "surrogateescape")
            if mode == _LINK:
                links[path] = name
            elif mode.startswith(_FILE) and path == PROJECT:
                project = name
            elif mode.startswith(_FILE) and re.fullmatch(f"{MODELS}/[^/]+/{re.escape(MANIFEST)}", path):
                manifests[path.split("/")[1]] = name
        wanted = [*manifests.values(), *links.values(), *([project] if project else [])]
        held = self._blobs(list(dict.fromkeys(wanted)))
        return Repository(
            {name: held[one] for name, one in manifests.items()},
            {path: held[one][:_LONGEST_LINK].decode("utf-8", "surrogateescape") for path, one in links.items()},
            held[project] if project else None,
        )

    def file(self, commit: str, path: str) -> bytes | None:
        """A file below the folder as it is in a commit; ``None`` where it is not there, or larger than any document."""
        whole = posixpath.join(self._prefix(), path)
        asked = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}:{whole}")
        name = self._git(*asked, check=False).decode("ascii", "replace").strip()
        found = self._blobs([name]).get(name) if name else None
        return None if found == b"\\" else found

    def _prefix(self) -> str:
        """Where the folder lies in the repository; empty at its root."""
        told = self._git("rev-parse", "--show-prefix").rstrip(b"\n")
        return told.decode("utf-8", "surrogateescape").rstrip("/")

    def _blobs(self, names: Sequence[str]) -> dict[str, bytes]:
        """Files by id; of one that is larger than any document may be nothing is read, which no reader takes."""
        if not names:
            return {}
        asked = "".join(f"{one}\n" for one in names).encode()
        sizes = self._git("cat-file", "--batch-check=%(objectname) %(objectsize)", stdin=asked).decode().split("\n")
        small = [line.split()[0] for line in sizes if line and int(line.split()[1]) <= MAX_BYTES]
        told = self._git("cat-file", "--batch", stdin="".join(f"{one}\n" for one in small).encode()) if small else b""
        found, at = dict.fromkeys(names, b"\\"), 0
        while at < len(told):
            end = told.index(b"\n", at)
            name, _, size = told[at:end].split()
            found[name.decode()] = told[end + 1 : end + 1 + int(size)]
            at = end + 2 + int(size)
        return found

    def _missing(self, reference: str) -> Misused:
        if self.is_cut:
            return Misused(
                f"{reference!r} is not in this clone, which holds only the newest commits",
                hint="fetch the whole history: `fetch-depth: 0` of actions/checkout, or `git fetch --unshallow`",
                code="shallow",
            )
        return Misused(
            f"there is no commit {reference!r} here",
            hint="name a branch, a tag or a commit that was fetched",
            code="no-commit",
        )

    def _git(self, *words: str, stdin: bytes | None = None, check: bool = True) -> bytes:
        kept = {name: value for name, value in self.environ.items() if not name.startswith("GIT_")}
        kept |= {name: self.environ[name] for name in _SETTINGS if name in self.environ}
        done = run_git([*WITHIN, "-C", str(self.folder), *words], environ={**kept, **_QUIET}, stdin=stdin, check=check)
        return done.stdout
