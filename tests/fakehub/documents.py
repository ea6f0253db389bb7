"""The shapes in which the REST API tells of things, and what a pull request is made of."""

from __future__ import annotations

from typing import Any

from fakehub import objects, pulls
from fakehub.hub import Hub
from fakehub.records import Comment, Pull, Repository, Review
from fakehub.refusals import Refused

STATUSES = {"A": "added", "M": "modified", "D": "removed", "R": "renamed", "C": "copied", "T": "changed"}


def user(hub: Hub, login: str) -> dict[str, Any]:
    return {
        "login": login,
        "id": sum(login.encode()),
        "type": "Bot" if login.endswith("[bot]") else "User",
        "url": f"{hub.api_url}/users/{login}",
    }


def repository_document(hub: Hub, repository: Repository) -> dict[str, Any]:
    owner, name = repository.name.split("/")
    return {
        "id": sum(repository.name.encode()),
        "node_id": repository.id,
        "name": name,
        "full_name": repository.name,
        "private": repository.private,
        "owner": user(hub, owner),
        "default_branch": "main",
        "url": f"{hub.api_url}/repos/{repository.name}",
        "html_url": f"{hub.url}/{repository.name}",
        "clone_url": hub.git_url(repository.name),
        "allow_merge_commit": "merge" in repository.methods,
        "allow_squash_merge": "squash" in repository.methods,
        "allow_rebase_merge": "rebase" in repository.methods,
    }


def pull_document(hub: Hub, repository: Repository, pull: Pull) -> dict[str, Any]:
    url = f"{hub.api_url}/repos/{repository.name}"
    owner = pull.head_repository.split("/", 1)[0]
    return {
        "url": f"{url}/pulls/{pull.number}",
        "issue_url": f"{url}/issues/{pull.number}",
        "html_url": f"{hub.url}/{repository.name}/pull/{pull.number}",
        "number": pull.number,
        "state": pull.state,
        "title": pull.title,
        "body": pull.body,
        "draft": pull.draft,
        "user": user(hub, pull.login),
        "head": {
            "label": f"{owner}:{pull.branch}",
            "ref": pull.branch,
            "sha": pull.head,
            "repo": repository_document(hub, hub.repository(pull.head_repository)),
        },
        "base": {"ref": pull.base, "sha": pull.base_commit, "repo": repository_document(hub, repository)},
        "merged": pull.merged,
        "merged_at": pull.merged_at,
        "merged_by": user(hub, pull.merged_by) if pull.merged_by else None,
        "merge_commit_sha": pull.merged_commit,
        "mergeable": None if pull.state != "open" else not pulls.conflicts(repository, pull),
        "comments": len(pull.comments),
    }


def review_document(hub: Hub, repository: Repository, pull: Pull, review: Review) -> dict[str, Any]:
    known = review.login in hub.users or review.login.endswith("[bot]")
    return {
        "id": review.id,
        "node_id": f"PRR_{review.id}",
        "user": user(hub, review.login) if known else None,
        "body": review.body,
        "state": review.state,
        "commit_id": review.commit,
        "submitted_at": review.at,
        "pull_request_url": f"{hub.api_url}/repos/{repository.name}/pulls/{pull.number}",
    }


def comment_document(hub: Hub, repository: Repository, comment: Comment) -> dict[str, Any]:
    return {
        "id": comment.id,
        "body": comment.body,
        "user": user(hub, comment.login),
        "url": f"{hub.api_url}/repos/{repository.name}/issues/comments/{comment.id}",
    }


def commit_document(hub: Hub, repository: Repository, commit: objects.Commit) -> dict[str, Any]:
    author, committer = hub.login_of(commit.author[1]), hub.login_of(commit.committer[1])
    verified = commit.committer == objects.WEB_FLOW
    people = {
        side: {"name": who[0], "email": who[1], "date": commit.date}
        for side, who in (("author", commit.author), ("committer", commit.committer))
    }
    reason = {"verified": verified, "reason": "valid" if verified else "unsigned"}
    return {
        "sha": commit.id,
        "url": f"{hub.api_url}/repos/{repository.name}/commits/{commit.id}",
        "commit": {**people, "message": commit.message, "tree": {"sha": commit.tree}, "verification": reason},
        "author": user(hub, author) if author else None,
        "committer": user(hub, committer) if committer else None,
        "parents": [{"sha": parent} for parent in commit.parents],
    }


def reference_document(hub: Hub, repository: Repository, branch: str, commit: str) -> dict[str, Any]:
    return {
        "ref": f"refs/heads/{branch}",
        "url": f"{hub.api_url}/repos/{repository.name}/git/refs/heads/{branch}",
        "object": {"type": "commit", "sha": commit},
    }


def pull_changes(repository: Repository, pull: Pull) -> list[tuple[str, str, str]]:
    base = pull.base_commit or str(objects.tip(repository.folder, pull.base))
    return objects.changed(repository.folder, str(objects.merge_base(repository.folder, base, pull.head)), pull.head)


def pull_commits(repository: Repository, pull: Pull) -> list[objects.Commit]:
    base = pull.base_commit or str(objects.tip(repository.folder, pull.base))
    return objects.commits(repository.folder, f"{base}..{pull.head}")


def associated(repository: Repository, commit: str) -> list[Pull]:
    """The merged pull requests that brought a commit into its base, else the open ones that hold it."""
    if not objects.exists(repository.folder, commit):
        raise Refused(422, f"No commit found for SHA: {commit}", kind="NOT_FOUND")
    merged, waiting = [], []
    for pull in repository.pulls.values():
        if pull.merged and commit in _brought(repository, pull):
            merged.append(pull)
        elif not pull.merged and commit in {one.id for one in pull_commits(repository, pull)}:
            waiting.append(pull)
    return merged or waiting


def _brought(repository: Repository, pull: Pull) -> set[str]:
    own = {one.id for one in objects.commits(repository.folder, f"{pull.base_commit}..{pull.head}")}
    after = {one.id for one in objects.commits(repository.folder, f"{pull.base_commit}..{pull.merged_commit}")}
    return own | after | {str(pull.merged_commit)}
