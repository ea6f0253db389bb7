"""The REST API, route by route, with the shapes that GitHub answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

from fakehub import objects
from fakehub.hub import Hub, Refused, invalid, not_found
from fakehub.objects import ZERO, Moved
from fakehub.records import Comment, Pull, Repository, Review, Token

STATUSES = {"A": "added", "M": "modified", "D": "removed", "R": "renamed", "C": "copied", "T": "changed"}


class Asked(NamedTuple):
    """One request to the REST API: who asks, and what."""

    hub: Hub
    token: Token
    path: str
    query: Mapping[str, str]
    body: Mapping[str, Any]

    def text(self, name: str, default: str = "") -> str:
        return str(self.body.get(name) or default)


class Answer(NamedTuple):
    """Status, document and headers."""

    status: int
    document: Any
    headers: Mapping[str, str] = {}


Route = Callable[..., Answer]
ROUTES: list[tuple[str, re.Pattern[str], Route]] = []


def route(method: str, pattern: str) -> Callable[[Route], Route]:
    expression = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern).replace("(?P<rest>[^/]+)", "(?P<rest>.+)"))

    def kept(function: Route) -> Route:
        ROUTES.append((method, expression, function))
        return function

    return kept


def answer(method: str, asked: Asked) -> Answer:
    """What GitHub says.  Raises ``Refused``."""
    for wanted, expression, function in ROUTES:
        match = expression.fullmatch(asked.path)
        if match and wanted == method:
            parts = match.groupdict()
            if "owner" in parts:
                repository = asked.hub.seen(asked.token, f"{parts.pop('owner')}/{parts.pop('name')}")
                return function(asked, repository, **parts)
            return function(asked, **parts)
    raise not_found()


# --- shapes ----------------------------------------------------------------------------------------------------------


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
        "mergeable": None if pull.state != "open" else not hub.conflicts(repository, pull),
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


def paged(asked: Asked, found: list[Any]) -> Answer:
    """One page, with the ``Link`` header that leads to the next."""
    size, page = int(asked.query.get("per_page") or 30), int(asked.query.get("page") or 1)
    size = min(size, 100)
    headers = {}
    if page * size < len(found):
        following = urlencode({**asked.query, "page": str(page + 1)})
        headers["Link"] = f'<{asked.hub.api_url}{asked.path}?{following}>; rel="next"'
    return Answer(200, found[(page - 1) * size : page * size], headers)


# --- routes ----------------------------------------------------------------------------------------------------------


@route("GET", "/rate_limit")
def rate_limit(asked: Asked) -> Answer:  # noqa: ARG001 - every route takes what was asked
    left = {"limit": 5000, "remaining": 4999, "reset": 4102444800, "used": 1}
    return Answer(200, {"resources": {"core": left, "graphql": left}, "rate": left})


@route("GET", "/user")
def me(asked: Asked) -> Answer:
    if asked.token.bot:
        raise Refused(403, "Resource not accessible by integration")
    return Answer(200, user(asked.hub, asked.token.login))


@route("GET", "/repos/{owner}/{name}")
def one_repository(asked: Asked, repository: Repository) -> Answer:
    return Answer(200, repository_document(asked.hub, repository))


@route("GET", "/repos/{owner}/{name}/pulls")
def list_pulls(asked: Asked, repository: Repository) -> Answer:
    state, head, base = (asked.query.get(name, "") for name in ("state", "head", "base"))
    found = [
        pull_document(asked.hub, repository, one)
        for one in sorted(repository.pulls.values(), key=lambda one: -one.number)
        if (state == "all" or one.state == (state or "open"))
        and (not head or head == f"{one.head_repository.split('/', 1)[0]}:{one.branch}")
        and (not base or base == one.base)
    ]
    return paged(asked, found)


@route("POST", "/repos/{owner}/{name}/pulls")
def create_pull(asked: Asked, repository: Repository) -> Answer:
    asked.hub.allowed(asked.token, "pull_requests")
    head, source = asked.text("head"), asked.text("head_repo", repository.name)
    if ":" in head:
        owner, head = head.split(":", 1)
        source = f"{owner}/{repository.name.split('/')[1]}"
    made = asked.hub.open_pull(
        repository, asked.token.login, head, asked.text("base"), asked.text("title"), asked.text("body"),
        head_repository=source, draft=bool(asked.body.get("draft")), token=asked.token,
    )  # fmt: skip
    return Answer(201, pull_document(asked.hub, repository, made))


def _pull(repository: Repository, number: str) -> Pull:
    found = repository.pulls.get(int(number)) if number.isdecimal() else None
    if found is None:
        raise not_found()
    return found


@route("GET", "/repos/{owner}/{name}/pulls/{number}")
def one_pull(asked: Asked, repository: Repository, number: str) -> Answer:
    return Answer(200, pull_document(asked.hub, repository, _pull(repository, number)))


@route("PATCH", "/repos/{owner}/{name}/pulls/{number}")
def edit_pull(asked: Asked, repository: Repository, number: str) -> Answer:
    asked.hub.allowed(asked.token, "pull_requests")
    pull = _pull(repository, number)
    pull.title, pull.body = asked.text("title", pull.title), str(asked.body.get("body", pull.body))
    state = asked.text("state", pull.state)
    if state != pull.state and pull.merged:
        raise invalid("Cannot change the state of a merged pull request", resource="PullRequest", code="invalid")
    pull.state = state
    asked.hub.event(asked.token, "pull_request", repository, number)
    return Answer(200, pull_document(asked.hub, repository, pull))


@route("PUT", "/repos/{owner}/{name}/pulls/{number}/merge")
def merge_pull(asked: Asked, repository: Repository, number: str) -> Answer:
    asked.hub.allowed(asked.token, "contents")
    made = asked.hub.merge(
        repository, _pull(repository, number), asked.token.login, method=asked.text("merge_method", "merge"),
        head=asked.body.get("sha"), title=asked.text("commit_title"), message=asked.text("commit_message"),
        token=asked.token,
    )  # fmt: skip
    return Answer(200, {"sha": made, "merged": True, "message": "Pull Request successfully merged"})


@route("GET", "/repos/{owner}/{name}/pulls/{number}/files")
def pull_files(asked: Asked, repository: Repository, number: str) -> Answer:
    found = []
    for status, path, previous in pull_changes(repository, _pull(repository, number)):
        document = {"filename": path, "status": STATUSES[status]}
        found.append({**document, "previous_filename": previous} if previous else document)
    return paged(asked, found)


def pull_changes(repository: Repository, pull: Pull) -> list[tuple[str, str, str]]:
    base = pull.base_commit or str(objects.tip(repository.folder, pull.base))
    return objects.changed(repository.folder, str(objects.merge_base(repository.folder, base, pull.head)), pull.head)


def pull_commits(repository: Repository, pull: Pull) -> list[objects.Commit]:
    base = pull.base_commit or str(objects.tip(repository.folder, pull.base))
    return objects.commits(repository.folder, f"{base}..{pull.head}")


@route("GET", "/repos/{owner}/{name}/pulls/{number}/commits")
def list_commits(asked: Asked, repository: Repository, number: str) -> Answer:
    found = pull_commits(repository, _pull(repository, number))
    return paged(asked, [commit_document(asked.hub, repository, one) for one in found[:250]])


@route("GET", "/repos/{owner}/{name}/pulls/{number}/reviews")
def list_reviews(asked: Asked, repository: Repository, number: str) -> Answer:
    pull = _pull(repository, number)
    return paged(asked, [review_document(asked.hub, repository, pull, one) for one in pull.reviews])


@route("POST", "/repos/{owner}/{name}/pulls/{number}/reviews")
def create_review(asked: Asked, repository: Repository, number: str) -> Answer:
    asked.hub.allowed(asked.token, "pull_requests")
    pull, event = _pull(repository, number), asked.text("event", "COMMENT")
    if asked.token.kind == "actions" and event == "APPROVE":
        raise Refused(422, "GitHub Actions is not permitted to approve pull requests.")
    state = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED"}.get(event, "COMMENTED")
    made = asked.hub.submit_review(
        repository, pull, asked.token.login, state, asked.text("body"), asked.body.get("commit_id")
    )
    return Answer(200, review_document(asked.hub, repository, pull, made))


@route("PUT", "/repos/{owner}/{name}/pulls/{number}/reviews/{review}/dismissals")
def dismiss_review(asked: Asked, repository: Repository, number: str, review: str) -> Answer:
    asked.hub.allowed(asked.token, "pull_requests")
    pull = _pull(repository, number)
    for one in pull.reviews:
        if str(one.id) == review and one.state in {"APPROVED", "CHANGES_REQUESTED"}:
            one.state = "DISMISSED"
            return Answer(200, review_document(asked.hub, repository, pull, one))
    raise not_found()


@route("GET", "/repos/{owner}/{name}/issues/{number}/comments")
def list_comments(asked: Asked, repository: Repository, number: str) -> Answer:
    found = _pull(repository, number).comments
    return paged(asked, [comment_document(asked.hub, repository, one) for one in found])


@route("POST", "/repos/{owner}/{name}/issues/{number}/comments")
def create_comment(asked: Asked, repository: Repository, number: str) -> Answer:
    asked.hub.allowed(asked.token, "pull_requests")
    made = asked.hub.comment(_pull(repository, number), asked.token.login, asked.text("body"))
    return Answer(201, comment_document(asked.hub, repository, made))


@route("PATCH", "/repos/{owner}/{name}/issues/comments/{comment}")
def edit_comment(asked: Asked, repository: Repository, comment: str) -> Answer:
    asked.hub.allowed(asked.token, "pull_requests")
    for pull in repository.pulls.values():
        for one in pull.comments:
            if str(one.id) == comment:
                one.body = asked.text("body")
                return Answer(200, comment_document(asked.hub, repository, one))
    raise not_found()


@route("GET", "/repos/{owner}/{name}/commits/{commit}/pulls")
def pulls_of_commit(asked: Asked, repository: Repository, commit: str) -> Answer:
    return paged(asked, [pull_document(asked.hub, repository, one) for one in associated(repository, commit)])


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


@route("GET", "/repos/{owner}/{name}/commits/{commit}")
def one_commit(asked: Asked, repository: Repository, commit: str) -> Answer:
    if not objects.exists(repository.folder, commit):
        raise Refused(422, f"No commit found for SHA: {commit}")
    return Answer(200, commit_document(asked.hub, repository, objects.commit(repository.folder, commit)))


@route("GET", "/repos/{owner}/{name}/git/ref/heads/{rest}")
def one_reference(asked: Asked, repository: Repository, rest: str) -> Answer:
    found = objects.tip(repository.folder, rest)
    if found is None:
        raise not_found()
    return Answer(200, reference_document(asked.hub, repository, rest, found))


@route("POST", "/repos/{owner}/{name}/git/refs")
def create_reference(asked: Asked, repository: Repository) -> Answer:
    asked.hub.allowed(asked.token, "contents")
    branch = asked.text("ref").removeprefix("refs/heads/")
    asked.hub.create_ref(asked.token, repository, branch, asked.text("sha"))
    return Answer(201, reference_document(asked.hub, repository, branch, asked.text("sha")))


@route("PATCH", "/repos/{owner}/{name}/git/refs/heads/{rest}")
def update_reference(asked: Asked, repository: Repository, rest: str) -> Answer:
    asked.hub.allowed(asked.token, "contents")
    with repository.lock:
        before, after = objects.tip(repository.folder, rest), asked.text("sha")
        if before is None:
            raise Refused(422, "Reference does not exist")
        if not asked.body.get("force") and not objects.is_ancestor(repository.folder, before, after):
            raise Refused(422, "Update is not a fast forward")
        asked.hub.moved(repository, [(rest, before, after)], asked.token.login, check=True, token=asked.token)
    return Answer(200, reference_document(asked.hub, repository, rest, after))


@route("DELETE", "/repos/{owner}/{name}/git/refs/heads/{rest}")
def delete_reference(asked: Asked, repository: Repository, rest: str) -> Answer:
    asked.hub.allowed(asked.token, "contents")
    found = objects.tip(repository.folder, rest)
    if found is None:
        raise Refused(422, "Reference does not exist")
    try:
        asked.hub.moved(repository, [(rest, found, ZERO)], asked.token.login, check=True, token=asked.token)
    except Moved:
        raise Refused(422, "Reference does not exist") from None
    return Answer(204, None)


@route("GET", "/repos/{owner}/{name}/activity")
def activity(asked: Asked, repository: Repository) -> Answer:
    wanted = asked.query.get("ref", "")
    wanted = f"refs/heads/{wanted}" if wanted and not wanted.startswith("refs/") else wanted
    found = [
        {**one, "actor": user(asked.hub, one["actor"])}
        for one in repository.pushes
        if not wanted or one["ref"] == wanted
    ]
    return paged(asked, found)


@route("GET", "/repos/{owner}/{name}/collaborators/{login}/permission")
def permission(asked: Asked, repository: Repository, login: str) -> Answer:
    level = asked.hub.collaborators.get((repository.name, login), "none")
    return Answer(200, {"permission": level, "role_name": level, "user": user(asked.hub, login)})


@route("GET", "/orgs/{organisation}/teams/{team}/members")
def team_members(asked: Asked, organisation: str, team: str) -> Answer:
    if not asked.token.members:
        raise Refused(403, "Resource not accessible by integration")
    found = asked.hub.teams.get(f"{organisation}/{team}")
    if found is None:
        raise not_found()
    return paged(asked, [user(asked.hub, login) for login in found])
