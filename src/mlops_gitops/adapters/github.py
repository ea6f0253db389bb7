"""Pull requests on GitHub and GitHub Enterprise Server; fits ``promotion.forge.Forge``.

What this room promises:

* **One request lists all** open promotion pull requests with their reviews, commits and files; pages beyond fifty
  branches, and parts of one pull request beyond their page, are asked for when there are any.
* **Never a second pull request** for a branch, also when two runners race: GitHub refuses it, and whatever an attempt
  came to, the open one is looked for.
* **A write is judged by reading** when its answer was lost or is no.  What GitHub says in words decides nothing.
* A pull request that GitHub tells only in part is a failure, and in a list ``partial``: an author or a path that is not
  seen must not pass, and must not keep the others waiting.

What it never does: show the token, interpret a title or a comment, merge another head than the one that was judged.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import quote

from mlops_gitops.adapters import github_activity as activity
from mlops_gitops.adapters import github_pulls as pulls
from mlops_gitops.adapters import github_queries as queries
from mlops_gitops.adapters.github_client import Client, Rejection, understood
from mlops_gitops.adapters.github_failures import Purpose
from mlops_gitops.errors import WorldFailed
from mlops_gitops.promotion.forge import Pull

Method = Literal["squash", "merge", "rebase"]
MERGES = 4
"""How often a merge is tried: GitHub refuses one for a moment after its base has moved."""
_READ, _WRITE, _CONTENTS = "pull-requests: read", "pull-requests: write", "contents: write"
_NOT_FOUND = 404
_METHODS: Mapping[Method, str] = {
    "squash": "squashMergeAllowed",
    "merge": "mergeCommitAllowed",
    "rebase": "rebaseMergeAllowed",
}
"""In the order of our liking: one promotion is one commit, and GitHub signs what it squashes, not what it rebases."""


class GithubForge:
    """The pull requests of one repository."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._owner, _, self._name = client.repository.partition("/")
        self._method: Method | None = None

    @property
    def repository(self) -> str:
        """``owner/name``."""
        return self._client.repository

    def open_pulls(self, prefix: str) -> tuple[Pull, ...]:
        """See ``promotion.forge.Forge``."""
        purpose = self._to("list open pull requests", _READ)
        folder, after, found = prefix[: prefix.rfind("/") + 1], None, []
        while True:
            data = self._ask(
                queries.OPEN_PULLS, purpose,
                prefix=f"refs/heads/{folder}", after=after, commits=queries.COMMITS_IN_LIST,
            )  # fmt: skip
            with understood(purpose):
                self._learn(data)
                refs = data["refs"]
                nodes = [one for ref in refs["nodes"] for one in ref["associatedPullRequests"]["nodes"]]
                found += [
                    one for one in nodes if one["headRefName"].startswith(prefix) and not one["isCrossRepository"]
                ]
                after = refs["pageInfo"]["endCursor"] if refs["pageInfo"]["hasNextPage"] else None
            if after is None:
                return tuple(sorted((self._listed(one) for one in found), key=lambda one: one.number))

    def pull(self, number: int) -> Pull | None:
        """See ``promotion.forge.Forge``; who pushed last is asked of the activity API, where it tells."""
        purpose = self._to(f"read pull request {number}", _READ)
        data = self._ask(queries.ONE_PULL, purpose, number=number, commits=queries.COMMITS)
        with understood(purpose):
            self._learn(data)
            node = data["pullRequest"]
            return None if node is None else pulls.with_pusher(self._whole(node), activity.of_pull(self._client, node))

    def pull_of(self, commit: str) -> Pull | None:
        """See ``promotion.forge.Forge``."""
        purpose = self._to(f"ask which pull request brought commit {commit[:12]}", _READ)
        data = self._ask(queries.PULL_OF_COMMIT, purpose, commit=commit, commits=queries.COMMITS)
        with understood(purpose):
            nodes = (data["object"] or {}).get("associatedPullRequests", {}).get("nodes", [])
            merged = [one for one in nodes if one["state"] == "MERGED"]
        exactly = [one for one in merged if (one["mergeCommit"] or {}).get("oid") == commit]
        for one in exactly or merged:
            return self._whole(one)
        return None

    def pusher(self, pull: Pull) -> str | None:
        """See ``promotion.forge.Forge``."""
        return pulls.with_pusher(pull, activity.of_branch(self._client, self.repository, pull.branch)).pusher

    def open_pull(self, branch: str, *, base: str, title: str, body: str) -> Pull:
        """See ``promotion.forge.Forge``."""
        purpose = self._to(f"open a pull request from {branch}", _WRITE)
        wanted = {
            "repositoryId": self._node(purpose), "headRefName": branch, "baseRefName": base, "title": title,
            "body": body, "maintainerCanModify": False,
        }  # fmt: skip
        made = self._client.mutate(queries.CREATE_PULL, purpose, input=wanted, commits=queries.COMMITS)
        if isinstance(made, Rejection):
            found = None if made.status == _NOT_FOUND else self._open_one(branch, base)
            if found is None:
                raise made.failure
            return found
        with understood(purpose):
            return self._whole(made["createPullRequest"]["pullRequest"])

    def update_pull(self, number: int, *, title: str, body: str) -> None:
        """See ``promotion.forge.Forge``."""
        purpose = self._to(f"update pull request {number}", _WRITE)
        done = self._client.write(
            "PATCH", self._path(f"/pulls/{number}"), purpose, body={"title": title, "body": body}, same=True
        )
        _settled(done)

    def close_pull(self, number: int, *, comment: str) -> None:
        """See ``promotion.forge.Forge``.  The reason is said first: a pull request is never closed without one.

        A run that was killed between the two has said it already, and nobody wants to read it again.
        """
        purpose = self._to(f"close pull request {number}", _WRITE)
        known = self._client.read(self._path(f"/pulls/{number}"), purpose)
        with understood(purpose):
            if known["state"] != "open":
                return
            spoken = known.get("comments") != 0
        if not (spoken and self._has_said(number, comment, purpose)):
            self._say(number, comment, purpose)
        _settled(
            self._client.write("PATCH", self._path(f"/pulls/{number}"), purpose, body={"state": "closed"}, same=True)
        )

    def merge_pull(self, number: int, *, head: str, title: str, message: str) -> str | None:
        """See ``promotion.forge.Forge``."""
        purpose = self._to(f"merge pull request {number}", f"{_CONTENTS}, {_WRITE}")
        rejected: Rejection | None = None
        for attempt in range(MERGES):
            if rejected is not None:
                self._client.pause(2.0 ** (attempt - 1))
            wanted = {
                "sha": head, "merge_method": self._method or "squash", "commit_title": title, "commit_message": message,
            }  # fmt: skip
            done = self._client.write("PUT", self._path(f"/pulls/{number}/merge"), purpose, body=wanted)
            if not isinstance(done, Rejection):
                with understood(purpose):
                    return str(done["sha"])
            rejected = done
            state = self._merge_state(number, purpose)
            if state["state"] == "MERGED":
                return str((state["mergeCommit"] or {}).get("oid") or state["headRefOid"])
            if state["headRefOid"] != head or state["state"] != "OPEN" or state["mergeable"] == "CONFLICTING":
                return None
            if done.status not in {0, 405, 409} and done.status < 500:  # noqa: PLR2004 - no use in asking again
                break
        raise _unmergeable(rejected, number, self.repository)

    def read_branch(self, branch: str) -> str | None:
        """See ``promotion.forge.Forge``."""
        purpose = self._to(f"read branch {branch}", "contents: read")
        data = self._ask(queries.BRANCH, purpose, ref=f"refs/heads/{branch}")
        with understood(purpose):
            return str(data["ref"]["target"]["oid"]) if data["ref"] else None

    def delete_branch(self, branch: str) -> None:
        """See ``promotion.forge.Forge``."""
        purpose = self._to(f"delete branch {branch}", _CONTENTS)
        done = self._client.write("DELETE", self._path(f"/git/refs/heads/{quote(branch)}"), purpose, same=True)
        if isinstance(done, Rejection) and self.read_branch(branch) is not None:
            raise done.failure

    def members(self, team: str) -> frozenset[str] | None:
        """See ``promotion.forge.Forge``.  A token that may not read the team is answered 403 or 404."""
        organisation, _, slug = team.partition("/")
        if not all(re.fullmatch(r"[A-Za-z0-9_-]+", part) for part in (organisation, slug)):
            return None
        purpose = self._to(f"read the team {team}", "organization members: read")
        try:
            listed = list(self._client.pages(f"/orgs/{organisation}/teams/{slug}/members", purpose))
        except WorldFailed as failure:
            if failure.code in {"github-denied", "github-not-found"}:
                return None
            raise
        with understood(purpose):
            return frozenset(str(one["login"]) for one in listed)

    def _to(self, doing: str, permission: str) -> Purpose:
        return Purpose(f"{doing} in {self.repository}", permission)

    def _path(self, rest: str) -> str:
        return f"/repos/{self.repository}{rest}"

    def _ask(self, query: str, purpose: Purpose, **variables: Any) -> dict[str, Any]:
        data = self._client.query(query, purpose, owner=self._owner, name=self._name, **variables)
        with understood(purpose):
            found: dict[str, Any] = data["repository"]
            found.keys()  # an answer without a repository is no answer
        return found

    def _node(self, purpose: Purpose) -> str:
        if self._client.node is None:
            data = self._ask(queries.REPOSITORY, purpose)
            with understood(purpose):
                self._learn(data)
        return str(self._client.node)

    def _learn(self, repository: Mapping[str, Any]) -> None:
        """Which ways to merge the repository allows, and its id."""
        self._client.node = str(repository["id"])
        self._method = next((method for method, told in _METHODS.items() if repository[told]), None)

    def _open_one(self, branch: str, base: str) -> Pull | None:
        purpose = self._to(f"look for the pull request from {branch}", _READ)
        data = self._ask(queries.PULL_OF_BRANCH, purpose, ref=f"refs/heads/{branch}", commits=queries.COMMITS)
        with understood(purpose):
            nodes = data["ref"]["associatedPullRequests"]["nodes"] if data["ref"] else []
            here = [one for one in nodes if one["baseRefName"] == base and not one["isCrossRepository"]]
            return self._whole(min(here, key=lambda one: int(one["number"]))) if here else None

    def _whole(self, node: Mapping[str, Any]) -> Pull:
        """The record of a pull request, after asking for what did not fit on the first pages."""
        purpose = self._to(f"read all of pull request {node.get('number')}", _READ)
        with understood(purpose):
            parts = (
                ("commits", queries.MORE_COMMITS),
                ("reviews", queries.MORE_REVIEWS),
                ("files", queries.MORE_FILES),
            )
            for part, query in parts:
                node = self._continued(node, part, query, purpose)
            if pulls.renamed(node):
                path = self._path(f"/pulls/{node['number']}/files")
                node = pulls.with_files(node, list(self._client.pages(path, purpose)))
            return pulls.pull_of(node)

    def _listed(self, node: Mapping[str, Any]) -> Pull:
        """One of a list: what cannot be told whole is told as that."""
        purpose = self._to(f"read pull request {node.get('number')}", _READ)
        with understood(purpose):
            longest = max(int(node["commits"]["totalCount"]), int(node["changedFiles"]))
            if longest > queries.LONGEST_IN_LIST:
                return pulls.in_part(node, f"it has {longest} commits or files")
        try:
            return self._whole(node)
        except WorldFailed as failure:
            if failure.code != "github-truncated":
                raise
            return pulls.in_part(node, failure.message)

    def _continued(self, node: Mapping[str, Any], part: str, query: str, purpose: Purpose) -> Mapping[str, Any]:
        whole = node[part]
        nodes, page = list(whole["nodes"]), whole["pageInfo"]
        while page["hasNextPage"]:
            data = self._ask(query, purpose, number=node["number"], after=page["endCursor"])
            more = data["pullRequest"][part]
            nodes, page = nodes + list(more["nodes"]), more["pageInfo"]
        return {**node, part: {**whole, "nodes": nodes}}

    def _say(self, number: int, comment: str, purpose: Purpose) -> None:
        said = self._client.write("POST", self._path(f"/issues/{number}/comments"), purpose, body={"body": comment})
        if isinstance(said, Rejection) and (said.certain or not self._has_said(number, comment, purpose)):
            raise said.failure

    def _has_said(self, number: int, comment: str, purpose: Purpose) -> bool:
        said = self._client.pages(self._path(f"/issues/{number}/comments"), purpose)
        return any(one.get("body") == comment for one in said)

    def _merge_state(self, number: int, purpose: Purpose) -> Mapping[str, Any]:
        data = self._ask(queries.MERGE_STATE, purpose, number=number)
        with understood(purpose):
            self._learn(data)
            state: Mapping[str, Any] = data["pullRequest"]
            state["state"], state["headRefOid"], state["mergeable"], state["mergeCommit"]
            return state


def _settled(done: Any) -> None:
    if isinstance(done, Rejection):
        raise done.failure


def _unmergeable(rejected: Rejection | None, number: int, repository: str) -> Exception:
    if rejected is None or rejected.status not in {405, 409}:
        return rejected.failure if rejected else AssertionError("a merge is tried at least once")
    return WorldFailed(
        f"GitHub does not merge pull request {number} of {repository}: {rejected.failure.message}",
        hint="its head is the one that was judged, and nothing conflicts: a rule of the base branch may demand reviews "
        "or checks that are missing, or forbid this token to merge; let the App pass it, or add what is missing",
        code="github-not-mergeable",
    )
