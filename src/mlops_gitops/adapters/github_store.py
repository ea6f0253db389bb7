"""An environment repository on GitHub: read by git, written through the API; fits ``promotion.store.Store``.

A commit that GitHub makes is shown as *verified*, and a rule that demands signed commits lets it pass.  Reading stays
with git, which transfers what is new and nothing else.

* ``createCommitOnBranch`` is a compare-and-swap on GitHub's side: it writes if the tip is what was planned on.
* **What landed is told by content.**  GitHub gives the commit another id than ours.  When an answer is lost, the commit
  above the base with our parent and our tree is the one.
* The branch of a pull request begins and changes in one step: what is new is written aside, and one atomic update moves
  the branch there if it is where it was seen.  Nobody ever sees it empty; GitHub would close its pull request.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mlops_gitops.adapters import github_queries as queries
from mlops_gitops.adapters.git import Repository
from mlops_gitops.adapters.git_commits import refuse_odd
from mlops_gitops.adapters.git_objects import LARGEST, GitTree
from mlops_gitops.adapters.github_client import Client, Rejection, understood
from mlops_gitops.adapters.github_failures import Purpose
from mlops_gitops.errors import Misused
from mlops_gitops.promotion.store import Files, Tree
from mlops_gitops.records import record

WRITING = "mlops-gitops/writing"
"""Branches under this name live for one request; what a killed run left there can be deleted."""
_NONE = "0" * 40
"""In place of a commit: a branch that is not there, before or after."""
_PERMISSION = "contents: write"


@record
class LandedTree:
    """A commit that GitHub made, read from ours: the tree is the same, so it need not be fetched."""

    commit: str
    twin: GitTree

    def read(self, path: str) -> bytes | None:
        """See ``promotion.store.Tree``."""
        return self.twin.read(path)

    def names(self, folder: str) -> tuple[str, ...]:
        """See ``promotion.store.Tree``."""
        return self.twin.names(folder)

    def contents(self, folder: str) -> Mapping[str, str]:
        """See ``promotion.store.Tree``."""
        return self.twin.contents(folder)

    def prefetch(self, paths: Iterable[str]) -> None:
        """See ``promotion.store.Tree``."""
        self.twin.prefetch(paths)

    def before(self, path: str) -> Tree | None:
        """See ``promotion.store.Tree``."""
        return self.twin.before(path)

    def follows(self, commit: str) -> bool:
        """See ``promotion.store.Tree``; what lies before is the same for both."""
        return commit == self.commit or self.twin.follows(commit)


class GithubStore(Repository):
    """One environment repository on GitHub; fits ``Store``, ``Branches`` and ``History``."""

    def __init__(self, url: str, *, branch: str, cache: Path, environ: Mapping[str, str], client: Client) -> None:
        super().__init__(url, branch=branch, cache=cache, environ=environ)
        self.client = client
        self._twins: dict[str, str] = {}

    def push(self, commit: str, *, base: str) -> str | None:
        """See ``promotion.store.Store.push``."""
        purpose = self._to(f"write to branch {self.branch}")
        done = self.client.mutate(queries.CREATE_COMMIT, purpose, input=self._written(commit, base, self.branch))
        if not isinstance(done, Rejection):
            return self._landed(done, commit, purpose)
        tip = self.fetch().commit
        if tip == base:
            raise done.failure
        return self._child(commit, base, tip)

    def known(self) -> None:
        """Nothing: a commit that GitHub made is not in the cache, and a plan on the one before it would be in vain."""
        return

    def tree(self, commit: str) -> Tree:
        """One commit that has been fetched, or that this store has written."""
        twin = self._twins.get(commit)
        return LandedTree(commit, self._tree(twin)) if twin else super().tree(commit)

    def write_branch(self, branch: str, *, commit: str, expected: str | None) -> str | None:
        """See ``promotion.store.Branches``."""
        refuse_odd(branch)
        purpose = self._to(f"write branch {branch}")
        aside = f"{WRITING}/{secrets.token_hex(8)}"
        moved = False
        try:
            made = self._write_aside(aside, commit, purpose)
            moved = self._move(branch, expected, made, aside, purpose)
        finally:
            if not moved:
                self._forget(aside, purpose)
        return made if moved else None

    def _write_aside(self, aside: str, commit: str, purpose: Purpose) -> str:
        """Our commit on a branch that nobody else knows of; its id there."""
        base = self._text("rev-parse", f"{commit}^1")
        start = {"repositoryId": self._repository_id(purpose), "name": f"refs/heads/{aside}", "oid": base}
        done = self.client.mutate(queries.WRITE_ASIDE, purpose, start=start, input=self._written(commit, base, aside))
        if not isinstance(done, Rejection):
            return self._landed(done, commit, purpose)
        found = None if done.certain else self._tip_of(aside, purpose)
        if found is None or not self._is_ours(found, commit, base):
            raise done.failure
        return str(found["oid"])

    def _move(self, branch: str, expected: str | None, made: str, aside: str, purpose: Purpose) -> bool:
        """Both at once: the branch to ``made`` if it is where it was seen, and the branch aside away."""
        updates = [
            {"name": f"refs/heads/{branch}", "beforeOid": expected or _NONE, "afterOid": made, "force": True},
            {"name": f"refs/heads/{aside}", "beforeOid": made, "afterOid": _NONE},
        ]
        wanted = {"repositoryId": self._repository_id(purpose), "refUpdates": updates}
        done = self.client.mutate(queries.MOVE_BRANCH, purpose, input=wanted)
        if not isinstance(done, Rejection):
            return True
        found = self._tip_of(branch, purpose)
        at = found["oid"] if found is not None else None
        if at == expected:
            raise done.failure
        if at == made:  # our answer was lost, or another runner wrote the very same: then ours still lies aside
            self._forget(aside, purpose)
            return True
        return False

    def _forget(self, aside: str, purpose: Purpose) -> None:
        """Take away what was written aside; nobody misses it if that fails."""
        self.client.write("DELETE", f"/repos/{self.client.repository}/git/refs/heads/{quote(aside)}", purpose)

    def _to(self, doing: str) -> Purpose:
        return Purpose(f"{doing} of {self.client.repository}", _PERMISSION)

    def _written(self, commit: str, base: str, branch: str) -> dict[str, Any]:
        headline, _, body = self._text("show", "--no-patch", "--format=%B", commit).partition("\n")
        files = self._difference(base, commit)
        added = [
            {"path": path, "contents": base64.b64encode(data).decode()}
            for path, data in files.items()
            if data is not None
        ]
        return {
            "branch": {"repositoryNameWithOwner": self.client.repository, "branchName": branch},
            "message": {"headline": headline, "body": body.strip()},
            "expectedHeadOid": base,
            "fileChanges": {
                "additions": added,
                "deletions": [{"path": path} for path, data in files.items() if data is None],
            },
        }

    def _difference(self, base: str, commit: str) -> Files:
        """What ``commit`` changes; it was written by us, so every path is plain."""
        listed = self._git("diff-tree", "-r", "-z", "--no-renames", "--name-only", base, commit).stdout
        tree = self._tree(commit)
        files = {path: tree.read(path) for path in listed.decode().split("\0") if path}
        for path, data in files.items():
            if data is not None and len(data) > LARGEST:  # no more of it was read
                raise Misused(
                    f"{path} is larger than {LARGEST // 1024**2} MiB",
                    hint="keep reports and data elsewhere, and name them by digest",
                    code="file-too-large",
                )
        return files

    def _landed(self, data: Mapping[str, Any], commit: str, purpose: Purpose) -> str:
        with understood(purpose):
            made = data["createCommitOnBranch"]["commit"]
            name, tree = str(made["oid"]), made["tree"]["oid"]
        if tree == self._tree_of(commit):
            self._twins[name] = commit
        return name

    def _child(self, commit: str, base: str, tip: str) -> str | None:
        """Our commit among those that came on top of ``base``, known by its parent and its tree."""
        line = self._git("rev-list", "--first-parent", f"{base}..{tip}", check=False).stdout.decode().split()
        if not line or self._text("rev-parse", f"{line[-1]}^1") != base:
            return None
        return line[-1] if self._tree_of(line[-1]) == self._tree_of(commit) else None

    def _tree_of(self, commit: str) -> str:
        return self._text("rev-parse", f"{commit}^{{tree}}")

    def _is_ours(self, found: Mapping[str, Any], commit: str, base: str) -> bool:
        parents = [one["oid"] for one in found["parents"]["nodes"]]
        return parents == [base] and found["tree"]["oid"] == self._tree_of(commit)

    def _tip_of(self, branch: str, purpose: Purpose) -> Mapping[str, Any] | None:
        data = self._asked(purpose, f"refs/heads/{branch}")
        with understood(purpose):
            found: Mapping[str, Any] | None = data["ref"]["target"] if data["ref"] else None
        return found

    def _repository_id(self, purpose: Purpose) -> str:
        if self.client.node is None:
            self._asked(purpose, f"refs/heads/{self.branch}")
        return str(self.client.node)

    def _asked(self, purpose: Purpose, ref: str) -> Mapping[str, Any]:
        owner, _, name = self.client.repository.partition("/")
        data = self.client.query(queries.BRANCH, purpose, owner=owner, name=name, ref=ref)
        with understood(purpose):
            found: Mapping[str, Any] = data["repository"]
            self.client.node = str(found["id"])
        return found
