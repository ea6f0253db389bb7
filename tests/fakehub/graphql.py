"""The GraphQL API: a part of GitHub's own schema, executed by a real GraphQL engine.

So a query that selects a field which GitHub does not have, passes a variable of another type, or forgets to select what
it uses, fails here as it would there.  Connections are real: ``first``, ``after``, ``totalCount`` and ``pageInfo``.
"""

from __future__ import annotations

import base64
import contextlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from graphql import GraphQLError, build_schema, graphql_sync

from fakehub import documents, objects, pulls, references
from fakehub.hub import Hub
from fakehub.objects import ZERO, Moved
from fakehub.records import Comment, Pull, Repository, Token
from fakehub.refusals import Refused

SCHEMA = build_schema(Path(__file__).with_name("schema.graphql").read_text(encoding="utf-8"))
LARGEST_PAGE = 100
PATCHES = {"A": "ADDED", "D": "DELETED", "R": "RENAMED", "C": "COPIED", "M": "MODIFIED", "T": "CHANGED"}


def name_of(document: Any) -> str:
    """The operation that a request names, for faults and for the log."""
    text = str(document.get("query", "")) if isinstance(document, dict) else ""
    match = re.search(r"\b(?:query|mutation)\s+(\w+)", text)
    return match[1] if match else "anonymous"


def execute(hub: Hub, token: Token, document: Any) -> dict[str, Any]:
    """GitHub's answer, with its shape of errors; it is 200 whatever happened.  Nothing moves while it is made."""
    with contextlib.ExitStack() as still:
        for _, repository in sorted(hub.repositories.items()):
            still.enter_context(repository.lock)
        done = graphql_sync(
            SCHEMA,
            str(document.get("query", "")),
            root_value=Root(hub, token),
            variable_values=document.get("variables") or {},
            operation_name=document.get("operationName"),
        )
    answer: dict[str, Any] = {"data": done.data}
    if done.errors:
        answer["errors"] = [_error(one) for one in done.errors]
    return answer


def _error(error: GraphQLError) -> dict[str, Any]:
    cause = error.original_error
    told: dict[str, Any] = {"message": error.message, "path": error.path or []}
    if isinstance(cause, Refused):
        told["type"] = cause.kind or "UNPROCESSABLE"
        told["message"] = str(cause.more.get("told") or cause.more.get("text") or cause.message)
    elif cause is not None:
        raise cause
    return told


def connection(found: Sequence[Any], first: int | None, after: str | None) -> dict[str, Any]:
    """One page.  GitHub insists on ``first``, and on 100 at most."""
    if first is None or first > LARGEST_PAGE:
        raise Refused(200, f"Requesting {first} records on the connection exceeds the `first` limit of 100 records.")
    start = int(base64.b64decode(after).decode()) if after else 0
    end = start + first
    return {
        "totalCount": len(found),
        "nodes": list(found[start:end]),
        "pageInfo": {"hasNextPage": end < len(found), "endCursor": base64.b64encode(str(end).encode()).decode()},
    }


def actor(hub: Hub, login: str | None) -> dict[str, str] | None:
    """A user or a bot; ``None`` for an account that was deleted.  GraphQL leaves ``[bot]`` away."""
    if login is None or (login not in hub.users and not login.endswith("[bot]")):
        return None
    return {"login": login.removesuffix("[bot]"), "__typename": "Bot" if login.endswith("[bot]") else "User"}


class Root:
    """The roots of queries and mutations, asked by one token."""

    def __init__(self, hub: Hub, token: Token) -> None:
        self.hub, self.token = hub, token

    def viewer(self, _: Any) -> dict[str, str]:
        return {"login": self.token.login}

    def repository(self, _: Any, *, owner: str, name: str) -> RepositoryNode:
        return RepositoryNode(self.hub, self.hub.seen(self.token, f"{owner}/{name}"), self.token)

    def node(self, _: Any, *, id: str) -> CommentNode:  # noqa: A002 - GitHub's name
        for repository in self.hub.repositories.values():
            for pull in repository.pulls.values():
                for one in pull.comments:
                    if f"IC_{one.id}" == id:
                        return CommentNode(self.hub, self.hub.seen(self.token, repository.name), pull, one, self.token)
        raise Refused(
            404, "Not Found", kind="NOT_FOUND", told=f"Could not resolve to a node with the global id of '{id}'"
        )

    def createPullRequest(self, _: Any, *, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002, N802
        repository = self._named(input["repositoryId"])
        self.hub.allowed(self.token, "pull_requests")
        made = pulls.open_pull(
            self.hub, repository, self.token.login, input["headRefName"], base=input["baseRefName"],
            title=input["title"], body=input.get("body") or "", head_repository=repository.name,
            draft=bool(input.get("draft")), token=self.token,
        )  # fmt: skip
        return {"pullRequest": PullNode(self.hub, repository, made)}

    def createRef(self, _: Any, *, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002, N802 - GitHub's names
        repository = self._named(input["repositoryId"])
        self.hub.allowed(self.token, "contents")
        branch = input["name"].removeprefix("refs/heads/")
        references.create_ref(self.hub, self.token, repository, branch, input["oid"])
        return {"ref": RefNode(self.hub, repository, branch)}

    def createCommitOnBranch(self, _: Any, *, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002, N802
        repository = self.hub.seen(self.token, input["branch"]["repositoryNameWithOwner"])
        self.hub.allowed(self.token, "contents")
        changes, told = input.get("fileChanges") or {}, input["message"]
        body = told.get("body") or ""
        made = references.commit_on(self.hub,
            self.token, repository, input["branch"]["branchName"], input["expectedHeadOid"],
            message=f"{told['headline']}\n" + (f"\n{body.rstrip()}\n" if body else ""),
            additions={one["path"]: base64.b64decode(one["contents"]) for one in changes.get("additions", [])},
            deletions=[one["path"] for one in changes.get("deletions", [])],
        )  # fmt: skip
        return {"commit": CommitNode(self.hub, repository, made)}

    def updateRefs(self, _: Any, *, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002, N802
        repository = self._named(input["repositoryId"])
        self.hub.allowed(self.token, "contents")
        refused = Refused(422, "Reference update failed", kind="UNPROCESSABLE")
        with repository.lock:
            moves = []
            for one in input["refUpdates"]:
                branch, after = one["name"].removeprefix("refs/heads/"), one["afterOid"]
                now = objects.tip(repository.folder, branch) or ZERO
                forward = ZERO in (now, after) or objects.is_ancestor(repository.folder, now, after)
                if one.get("beforeOid") not in {None, now} or not (forward or one.get("force")):
                    raise refused
                moves.append((branch, now, after))
            try:
                references.moved(self.hub, repository, moves, self.token.login, check=True, token=self.token)
            except Moved:
                raise refused from None
        return {"clientMutationId": input.get("clientMutationId")}

    def _named(self, node: str) -> Repository:
        for one in self.hub.repositories.values():
            if one.id == node:
                return self.hub.seen(self.token, one.name)
        raise Refused(
            404, "Not Found", kind="NOT_FOUND", told=f"Could not resolve to a node with the global id of '{node}'"
        )


class RepositoryNode:
    def __init__(self, hub: Hub, repository: Repository, token: Token | None = None) -> None:
        self._hub, self._repository, self._token = hub, repository, token
        self.id, self.nameWithOwner = repository.id, repository.name
        self.mergeCommitAllowed = "merge" in repository.methods
        self.squashMergeAllowed = "squash" in repository.methods
        self.rebaseMergeAllowed = "rebase" in repository.methods

    def ref(self, _: Any, *, qualifiedName: str) -> RefNode | None:  # noqa: N803 - GitHub's name
        branch = qualifiedName.removeprefix("refs/heads/")
        return RefNode(self._hub, self._repository, branch) if objects.tip(self._repository.folder, branch) else None

    def refs(self, _: Any, *, refPrefix: str, first: int | None = None, after: str | None = None) -> dict[str, Any]:  # noqa: N803
        if not (refPrefix.startswith("refs/") and refPrefix.endswith("/")):
            raise Refused(200, "refPrefix must start with refs/ and end with a slash")
        prefix = refPrefix.removeprefix("refs/heads/")
        found = [name for name in objects.branches(self._repository.folder) if name.startswith(prefix)]
        page = connection(found, first, after)
        return {**page, "nodes": [RefNode(self._hub, self._repository, name, under=prefix) for name in page["nodes"]]}

    def object(self, _: Any, *, oid: str) -> CommitNode | None:
        known = objects.exists(self._repository.folder, oid)
        return CommitNode(self._hub, self._repository, oid) if known else None

    def pullRequest(self, _: Any, *, number: int) -> PullNode:  # noqa: N802
        found = self._repository.pulls.get(number)
        if found is None:
            told = f"Could not resolve to a PullRequest with the number of {number}."
            raise Refused(404, "Not Found", kind="NOT_FOUND", told=told)
        return PullNode(self._hub, self._repository, found, self._token)

    def pullRequests(  # noqa: N802
        self, _: Any, *, states: list[str] | None = None, first: int | None = None, after: str | None = None
    ) -> dict[str, Any]:
        nodes = [PullNode(self._hub, self._repository, one) for one in self._repository.pulls.values()]
        return connection([one for one in nodes if states is None or one.state in states], first, after)


class RefNode:
    def __init__(self, hub: Hub, repository: Repository, branch: str, under: str = "") -> None:
        self._hub, self._repository, self._branch = hub, repository, branch
        self.name = branch.removeprefix(under)

    def target(self, _: Any) -> CommitNode | None:
        found = objects.tip(self._repository.folder, self._branch)
        return CommitNode(self._hub, self._repository, found) if found else None

    def associatedPullRequests(  # noqa: N802
        self, _: Any, *, states: list[str] | None = None, first: int | None = None, after: str | None = None
    ) -> dict[str, Any]:
        found = [
            node
            for node in (PullNode(self._hub, self._repository, one) for one in self._repository.pulls.values())
            if node.headRefName == self._branch
            and not node.isCrossRepository
            and (states is None or node.state in states)
        ]
        return connection(found, first, after)


class CommitNode:
    __typename = "Commit"

    def __init__(self, hub: Hub, repository: Repository, name: str) -> None:
        self._hub, self._repository, self.oid = hub, repository, name
        self._found = objects.commit(repository.folder, name)
        self.message, self.tree = self._found.message, {"oid": self._found.tree, "__typename": "Tree"}
        self.author, self.committer = self._actor(self._found.author), self._actor(self._found.committer)

    def _actor(self, who: objects.Person) -> dict[str, Any]:
        login = self._hub.login_of(who[1])
        return {"name": who[0], "email": who[1], "user": {"login": login} if login else None}

    def parents(self, _: Any, *, first: int | None = None, after: str | None = None) -> dict[str, Any]:
        return connection([CommitNode(self._hub, self._repository, one) for one in self._found.parents], first, after)

    def authors(self, _: Any, *, first: int | None = None, after: str | None = None) -> dict[str, Any]:
        lines = [line.strip() for line in self.message.splitlines()]
        told = [line.partition(":")[2] for line in lines if line.lower().startswith("co-authored-by:")]
        named = [one.strip().removesuffix(">").rpartition("<") for one in told if one.endswith(">") and "<" in one]
        beside = [(name.strip(), email) for name, _, email in named if email]
        return connection([self._actor(one) for one in [self._found.author, *beside]], first, after)

    def associatedPullRequests(self, _: Any, *, first: int | None = None, after: str | None = None) -> dict[str, Any]:  # noqa: N802
        found = documents.associated(self._repository, self.oid)
        return connection([PullNode(self._hub, self._repository, one) for one in found], first, after)


class CommentNode:
    """A comment, as one token sees it."""

    __typename = "IssueComment"

    def __init__(self, hub: Hub, repository: Repository, pull: Pull, comment: Comment, token: Token | None) -> None:
        self._hub, self._comment = hub, comment
        self.id, self.fullDatabaseId = f"IC_{comment.id}", str(comment.id)
        self.body, self.url = comment.body, f"{hub.url}/{repository.name}/pull/{pull.number}#issuecomment-{comment.id}"
        self.viewerDidAuthor = token is not None and token.login == comment.login
        self.author, self.editor = actor(hub, comment.login), actor(hub, comment.editor)

    def userContentEdits(self, _: Any, *, first: int | None = None, after: str | None = None) -> dict[str, Any]:  # noqa: N802
        """The newest first; GitHub tells none as long as nobody has edited."""
        found = [
            {"diff": body, "editor": actor(self._hub, login), "editedAt": self._hub.date(), "deletedAt": None}
            for login, body in reversed(self._comment.revisions)
        ]
        return connection(found if len(found) > 1 else [], first, after)


class PullNode:
    def __init__(self, hub: Hub, repository: Repository, pull: Pull, token: Token | None = None) -> None:
        self._hub, self._repository, self._pull, self._token = hub, repository, pull, token
        self.number, self.title, self.body, self.isDraft = pull.number, pull.title, pull.body, pull.draft
        self.url = f"{hub.url}/{repository.name}/pull/{pull.number}"
        self.state = "MERGED" if pull.merged else pull.state.upper()
        self.headRefName, self.headRefOid, self.baseRefName = pull.branch, pull.head, pull.base
        self.isCrossRepository = pull.head_repository != repository.name
        self.author, self.mergedBy = actor(hub, pull.login), actor(hub, pull.merged_by)
        self.mergedAt = pull.merged_at

    def headRepository(self, _: Any) -> RepositoryNode:  # noqa: N802
        return RepositoryNode(self._hub, self._hub.repository(self._pull.head_repository))

    def mergeable(self, _: Any) -> str:
        if self._pull.state != "open":
            return "UNKNOWN"
        return "CONFLICTING" if pulls.conflicts(self._repository, self._pull) else "MERGEABLE"

    def mergeCommit(self, _: Any) -> CommitNode | None:  # noqa: N802
        merged = self._pull.merged_commit
        return CommitNode(self._hub, self._repository, merged) if merged else None

    def changedFiles(self, _: Any) -> int:  # noqa: N802
        return len(documents.pull_changes(self._repository, self._pull))

    def files(self, _: Any, *, first: int | None = None, after: str | None = None) -> dict[str, Any]:
        changes = documents.pull_changes(self._repository, self._pull)
        found = [{"path": path, "changeType": PATCHES[status]} for status, path, _previous in changes]
        return connection(found, first, after)

    def commits(self, _: Any, *, first: int | None = None, after: str | None = None) -> dict[str, Any]:
        found = documents.pull_commits(self._repository, self._pull)
        page = connection(found, first, after)
        return {**page, "nodes": [{"commit": CommitNode(self._hub, self._repository, one.id)} for one in page["nodes"]]}

    def reviews(self, _: Any, *, first: int | None = None, after: str | None = None) -> dict[str, Any]:
        found = [
            {
                "id": f"PRR_{one.id}", "state": one.state, "author": actor(self._hub, one.login), "submittedAt": one.at,
                "commit": {"oid": one.commit, "__typename": "Commit"},
            }
            for one in self._pull.reviews
        ]  # fmt: skip
        return connection(found, first, after)

    def comments(self, _: Any, *, first: int | None = None, after: str | None = None) -> dict[str, Any]:
        found = [CommentNode(self._hub, self._repository, self._pull, one, self._token) for one in self._pull.comments]
        return connection(found, first, after)

    def timelineItems(self, _: Any, *, last: int | None = None, itemTypes: list[str] | None = None) -> dict[str, Any]:  # noqa: N802, N803
        found: list[dict[str, Any]] = []
        if "HEAD_REF_FORCE_PUSHED_EVENT" in (itemTypes or ()) and self._pull.forced is not None:
            login, after = self._pull.forced
            event = {"__typename": "HeadRefForcePushedEvent", "actor": actor(self._hub, login)}
            found.append({**event, "afterCommit": {"oid": after, "__typename": "Commit"}})
        if "REVIEW_DISMISSED_EVENT" in (itemTypes or ()):
            found += [
                {
                    "__typename": "ReviewDismissedEvent", "previousReviewState": one.dismissed[0],
                    "createdAt": one.dismissed[1], "review": {"id": f"PRR_{one.id}"},
                }
                for one in self._pull.reviews if one.dismissed
            ]  # fmt: skip
        return {"nodes": found[-(last or 100) :]}
