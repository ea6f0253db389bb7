"""From GitHub's documents to ``promotion.forge.Pull``; pure.

**Who counts as an author.**  Whoever opened the pull request is ``author``.  ``authors`` are all who had a commit in
their hands: authors and committers as GitHub knows them, and every ``Co-authored-by`` trailer; one without an account
stands there with its e-mail address.  GitHub's own committer (``noreply@github.com``) is nobody.

**Who pushed last.**  A push by force names its actor.  For any other push GraphQL does not say, and the committer of
the head commit stands in, which whoever pushes can write as they like; where GitHub made the commit, its author does.
``github.GithubForge.pull`` asks the activity API, which knows.

**Who is no person.**  What is no ``User`` is a bot: a Bot, an App, a mannequin of an import.  So is an account that was
deleted, whose login is ``ghost``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from mlops_gitops import times
from mlops_gitops.errors import WorldFailed
from mlops_gitops.evidence.reviews import Said, Voice
from mlops_gitops.promotion.forge import Dismissal, Merged, Pull, State

GHOST = "ghost"
_STATES: Final[Mapping[str, State]] = {"OPEN": "open", "CLOSED": "closed", "MERGED": "merged"}
_SAID: Final[Mapping[str, Said]] = {
    "APPROVED": "approved",
    "CHANGES_REQUESTED": "changes-requested",
    "COMMENTED": "commented",
    "DISMISSED": "dismissed",
}
_TRAILER = "co-authored-by:"
_NOREPLY = re.compile(r"(?:\d+\+)?([A-Za-z0-9-]+(?:\[bot\])?)@users\.noreply\.[A-Za-z0-9.-]+")
_WEB_FLOW = "noreply@github.com"
Node = Mapping[str, Any]


def pull_of(node: Node) -> Pull:
    """One pull request with all of its parts.  Raises ``WorldFailed`` where GitHub does not tell all of them."""
    commits, files = node["commits"]["nodes"], node["files"]["nodes"]
    authors = [one["commit"]["authors"] for one in commits]
    for name, told, known in (
        ("authors", sum(len(one["nodes"]) for one in authors), sum(one["totalCount"] for one in authors)),
        ("commits", len(commits), node["commits"]["totalCount"]),
        ("files", len({one["path"] for one in files}), node["changedFiles"]),
        ("reviews", len(node["reviews"]["nodes"]), node["reviews"]["totalCount"]),
    ):
        if told < known:
            raise WorldFailed(
                f"pull request {node['number']} has {known} {name}, and GitHub tells {told} of them",
                hint="nothing is judged on a part of it: split it into smaller ones",
                code="github-truncated",
                retry=False,
            )
    return Pull(
        number=int(node["number"]),
        url=str(node["url"]),
        title=str(node["title"]),
        body=str(node["body"]),
        state=_STATES[node["state"]],
        draft=bool(node["isDraft"]),
        branch=str(node["headRefName"]),
        head=str(node["headRefOid"]),
        base=str(node["baseRefName"]),
        fork=bool(node["isCrossRepository"]),
        author=login_of(node["author"]),
        authors=tuple(sorted({who for one in commits for who in _authors(one["commit"])})),
        pusher=_pusher(node),
        paths=tuple(sorted({path for one in files for path in (one["path"], one.get("previous")) if path})),
        voices=tuple(_voices(node["reviews"]["nodes"])),
        merged=_merged(node),
        dismissals=tuple(_dismissals(node["dismissals"]["nodes"])),
    )


def in_part(node: Node, reason: str) -> Pull:
    """A pull request of which GitHub does not tell everything, or more than can be asked for."""
    untold: dict[str, Any] = {"totalCount": 0, "nodes": []}
    bare = {**node, "commits": untold, "files": untold, "reviews": untold, "changedFiles": 0}
    return replace(pull_of(bare), partial=reason)


def renamed(node: Node) -> bool:
    """Whether a file was renamed: GraphQL does not tell its old path, which differs from the merge base too."""
    return any(one["changeType"] == "RENAMED" for one in node["files"]["nodes"])


def with_files(node: Node, files: Sequence[Node]) -> dict[str, Any]:
    """The same, with files as the REST API lists them: old paths included."""
    nodes = [
        {"path": one["filename"], "changeType": str(one["status"]).upper(), "previous": one.get("previous_filename")}
        for one in files
    ]
    return {**node, "files": {**node["files"], "nodes": nodes}}


def with_pusher(pull: Pull, activity: Sequence[Node]) -> Pull:
    """The same, with who pushed last, as the activity API tells of the branch; it lists the newest first."""
    for one in activity:
        if one.get("after") == pull.head and isinstance(one.get("actor"), dict):
            return replace(pull, pusher=str(one["actor"]["login"]))
    return pull


def login_of(actor: Node | None) -> str:
    """A login as people write it: GraphQL leaves ``[bot]`` away, REST does not."""
    if actor is None or not actor.get("login"):
        return GHOST
    login = str(actor["login"])
    return f"{login}[bot]" if actor.get("__typename") == "Bot" and not login.endswith("[bot]") else login


def _voices(nodes: Sequence[Node]) -> Iterator[Voice]:
    """In the order of submission; a review that was begun and not submitted has none."""
    submitted = [one for one in nodes if one["state"] in _SAID and one["submittedAt"]]
    for one in sorted(submitted, key=lambda one: times.parse_instant(one["submittedAt"])):
        author = one["author"]
        yield Voice(
            login=login_of(author),
            bot=author is None or author.get("__typename") != "User",
            said=_SAID[one["state"]],
            commit=str((one["commit"] or {}).get("oid") or ""),
            at=times.parse_instant(one["submittedAt"]),
            id=str(one["id"]),
        )


def _dismissals(nodes: Sequence[Node]) -> Iterator[Dismissal]:
    for one in nodes:
        said = _SAID.get(one["previousReviewState"]) if one else None
        if said is not None and one["review"]:
            yield Dismissal(str(one["review"]["id"]), said, times.parse_instant(one["createdAt"]))


def _merged(node: Node) -> Merged | None:
    if node["state"] != "MERGED":
        return None
    commit = (node["mergeCommit"] or {}).get("oid") or node["headRefOid"]  # the head itself, where a push brought it in
    return Merged(str(commit), login_of(node["mergedBy"]), times.parse_instant(node["mergedAt"]))


def _authors(commit: Node) -> Iterator[str]:
    named = [commit["author"], commit["committer"], *commit["authors"]["nodes"]]
    people = [one for one in named if one and (one["email"] or "").lower() != _WEB_FLOW]
    known = {(one["email"] or "").lower(): name for one in people if (name := _account(one))}
    yield from known.values()
    yield from (one["email"] for one in people if one["email"] and one["email"].lower() not in known)
    for address in _beside(commit["message"]):
        found = _NOREPLY.fullmatch(address)
        yield known.get(address.lower()) or (found[1] if found else address)


def _beside(message: str) -> Iterator[str]:
    """The address in each trailer that names a co-author, however it is written; no pattern, which could be slow."""
    for line in message.splitlines():
        trailer = line.strip()
        if trailer[: len(_TRAILER)].lower() == _TRAILER:
            address = trailer[len(_TRAILER) :].rpartition("<")[2].rstrip("> \t").strip()
            if address:
                yield address


def _account(actor: Node) -> str | None:
    """The login behind a commit's author: GitHub's own word, else its address for those who show no other."""
    user = actor["user"]
    if user and user.get("login"):
        return str(user["login"])
    found = _NOREPLY.fullmatch(actor["email"] or "")
    return found[1] if found else None


def _pusher(node: Node) -> str | None:
    for event in node["timelineItems"]["nodes"]:
        if event and (event.get("afterCommit") or {}).get("oid") == node["headRefOid"]:
            return login_of(event["actor"])
    head = next((one["commit"] for one in node["commits"]["nodes"] if one["commit"]["oid"] == node["headRefOid"]), None)
    if head is None:
        return None
    ours = head["committer"] is not None and (head["committer"]["email"] or "").lower() == _WEB_FLOW
    who = head["author"] if ours else head["committer"]
    return _account(who) if who else None
