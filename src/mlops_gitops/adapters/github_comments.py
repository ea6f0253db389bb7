"""Comments on pull requests of GitHub; fits ``reporting.scorecard.sticky.Forge``.

GitHub itself is asked whether this token's account wrote a comment (``viewerDidAuthor``): names can be alike, and
``GITHUB_TOKEN`` may not ask who it is.  The history of a comment is GitHub's own, and each revision has its whole text.
A comment whose answer was lost is no failure here: the caller looks again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mlops_gitops.adapters.github_client import Client, Rejection, understood
from mlops_gitops.adapters.github_failures import Purpose
from mlops_gitops.errors import WorldFailed
from mlops_gitops.reporting.scorecard.sticky import Conversation, Said, Stamp

CONVERSATION = """query Conversation($owner: String!, $name: String!, $number: Int!, $after: String) {
  repository(owner: $owner, name: $name) { pullRequest(number: $number) { headRefOid
    comments(first: 100, after: $after) { pageInfo { hasNextPage endCursor } nodes {
      id fullDatabaseId body url viewerDidAuthor author { __typename login } editor { __typename login }
    } }
  } }
}"""
HISTORY = """query History($owner: String!, $name: String!, $comment: ID!) {
  repository(owner: $owner, name: $name) { id }
  node(id: $comment) { ... on IssueComment { viewerDidAuthor author { __typename login }
    userContentEdits(first: 100) { nodes { deletedAt editor { __typename login } diff } }
  } }
}"""
OPEN_HEADS = """query OpenHeads($owner: String!, $name: String!, $after: String) {
  repository(owner: $owner, name: $name) {
    pullRequests(states: [OPEN], first: 100, after: $after) { pageInfo { hasNextPage endCursor } nodes {
      number headRefOid
    } }
  }
}"""
_GONE = {404, 410}


class GithubComments:
    """The comments of one repository."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._owner, _, self._name = client.repository.partition("/")
        self._nodes: dict[int, str] = {}
        self._doubted = False

    def conversation(self, number: int) -> Conversation | None:
        """See ``sticky.Forge``."""
        purpose = self._to(f"read the comments of pull request {number}", "pull-requests: read")
        head, said = "", []
        for pull in self._connection(CONVERSATION, purpose, "comments", within="pullRequest", number=number):
            if pull is None:
                return None
            with understood(purpose):
                head = str(pull["headRefOid"])
                said += [self._said(one) for one in pull["comments"]["nodes"] if one is not None]
        return Conversation(head, tuple(sorted(said, key=lambda one: one.id)))

    def history(self, comment: int) -> tuple[Said, ...] | None:
        """See ``sticky.Forge``."""
        purpose = self._to("read what was said before", "pull-requests: read")
        data = self._client.query(
            HISTORY, purpose, owner=self._owner, name=self._name, comment=self._nodes.get(comment, "")
        )
        with understood(purpose):
            node = data["node"]
            if not node:
                return None
            edits = (node["userContentEdits"] or {}).get("nodes") or []
            return tuple(
                Said(comment, str(one["diff"]), bool(node["viewerDidAuthor"]), one["editor"] != node["author"])
                for one in edits
                if one is not None and one["deletedAt"] is None and one["diff"] is not None
            )

    def say(self, number: int, body: str) -> None:
        """See ``sticky.Forge``.  Of two answers that are none, the second is a failure."""
        purpose = self._to(f"comment on pull request {number}", "pull-requests: write")
        path = f"/repos/{self._client.repository}/issues/{number}/comments"
        said = self._client.write("POST", path, purpose, body={"body": body})
        if isinstance(said, Rejection):
            if said.certain or self._doubted:
                raise said.failure
            self._doubted = True

    def rewrite(self, comment: int, body: str) -> bool:
        """See ``sticky.Forge``."""
        purpose = self._to("update a comment", "pull-requests: write")
        return self._written("PATCH", comment, purpose, body={"body": body})

    def follows(self, later: Stamp, mine: Stamp, *, head: str) -> bool:
        """See ``sticky.Forge``.  Without `actions: read` nobody is believed to be newer."""
        purpose = self._to("read a run of this workflow", "actions: read")
        path = f"/repos/{self._client.repository}/actions/runs"
        try:
            theirs, ours = (self._client.read(f"{path}/{one.run}", purpose) for one in (later, mine))
            with understood(purpose):
                same = theirs["workflow_id"] == ours["workflow_id"] and theirs["head_sha"] == head
                return bool(same) and int(theirs["run_attempt"]) >= later.attempt
        except WorldFailed:
            return False

    def remove(self, comment: int) -> None:
        """See ``sticky.Forge``."""
        purpose = self._to("remove a duplicate of our comment", "pull-requests: write")
        self._written("DELETE", comment, purpose)

    def open_heads(self) -> dict[int, str]:
        """The number of every open pull request, each with its head.  Raises ``WorldFailed``."""
        purpose = self._to("list open pull requests", "pull-requests: read")
        found: dict[int, str] = {}
        for page in self._connection(OPEN_HEADS, purpose, "pullRequests"):
            with understood(purpose):
                found |= {int(one["number"]): str(one["headRefOid"]) for one in (page or {})["pullRequests"]["nodes"]}
        return found

    def _connection(
        self, query: str, purpose: Purpose, part: str, *, within: str = "", **variables: Any
    ) -> Iterator[Mapping[str, Any] | None]:
        """What holds the connection ``part``, page by page; ``None`` where it is not there."""
        after = None
        while True:
            data = self._client.query(query, purpose, owner=self._owner, name=self._name, after=after, **variables)
            with understood(purpose):
                node: Mapping[str, Any] | None = data["repository"][within] if within else data["repository"]
                page = node[part]["pageInfo"] if node is not None else {"hasNextPage": False}
            yield node
            if not page["hasNextPage"]:
                return
            after = page["endCursor"]

    def _said(self, node: Mapping[str, Any]) -> Said:
        number = int(node["fullDatabaseId"])
        self._nodes[number] = str(node["id"])
        edited = node["editor"] is not None and node["editor"] != node["author"]
        return Said(number, str(node["body"]), bool(node["viewerDidAuthor"]), edited, str(node["url"]))

    def _written(self, method: str, comment: int, purpose: Purpose, *, body: Mapping[str, Any] | None = None) -> bool:
        """Whether the comment was there to be written to."""
        path = f"/repos/{self._client.repository}/issues/comments/{comment}"
        done = self._client.write(method, path, purpose, body=body, same=True)
        if not isinstance(done, Rejection):
            return True
        if done.status not in _GONE:
            raise done.failure
        return False

    def _to(self, doing: str, permission: str) -> Purpose:
        return Purpose(f"{doing} in {self._client.repository}", permission)
