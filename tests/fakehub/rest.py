"""The REST API, route by route, with the shapes that GitHub answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

from fakehub import documents, objects, pulls, references
from fakehub.hub import Hub
from fakehub.objects import ZERO, Moved
from fakehub.records import Comment, Pull, Repository, Token
from fakehub.refusals import Refused, invalid, not_found


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


LONGEST_COMMENT = 65_536
"""What GitHub documents; it was seen to take more, and nobody should count on that."""
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


def paged(asked: Asked, found: list[Any]) -> Answer:
    """One page, with the ``Link`` header that leads to the next."""
    size, page = int(asked.query.get("per_page") or 30), int(asked.query.get("page") or 1)
    size = min(size, 100)
    headers = {}
    if page * size < len(found):
        following = urlencode({**asked.query, "page": str(page + 1)})
        headers["Link"] = f'<{asked.hub.api_url}{asked.path}?{following}>; rel="next"'
    return Answer(200, found[(page - 1) * size : page * size], headers)


@route("GET", "/rate_limit")
def rate_limit(asked: Asked) -> Answer:  # noqa: ARG001 - every route takes what was asked
    left = {"limit": 5000, "remaining": 4999, "reset": 4102444800, "used": 1}
    return Answer(200, {"resources": {"core": left, "graphql": left}, "rate": left})


@route("GET", "/user")
def me(asked: Asked) -> Answer:
    if asked.token.bot:
        raise Refused(403, "Resource not accessible by integration")
    return Answer(200, documents.user(asked.hub, asked.token.login))


@route("GET", "/repos/{owner}/{name}")
def one_repository(asked: Asked, repository: Repository) -> Answer:
    return Answer(200, documents.repository_document(asked.hub, repository))


@route("GET", "/repos/{owner}/{name}/pulls")
def list_pulls(asked: Asked, repository: Repository) -> Answer:
    state, head, base = (asked.query.get(name, "") for name in ("state", "head", "base"))
    found = [
        documents.pull_document(asked.hub, repository, one)
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
    made = pulls.open_pull(asked.hub,
        repository, asked.token.login, head, base=asked.text("base"), title=asked.text("title"),
        body=asked.text("body"),
        head_repository=source, draft=bool(asked.body.get("draft")), token=asked.token,
    )  # fmt: skip
    return Answer(201, documents.pull_document(asked.hub, repository, made))


def _pull(repository: Repository, number: str) -> Pull:
    found = repository.pulls.get(int(number)) if number.isdecimal() else None
    if found is None:
        raise not_found()
    return found


@route("GET", "/repos/{owner}/{name}/pulls/{number}")
def one_pull(asked: Asked, repository: Repository, number: str) -> Answer:
    return Answer(200, documents.pull_document(asked.hub, repository, _pull(repository, number)))


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
    return Answer(200, documents.pull_document(asked.hub, repository, pull))


@route("PUT", "/repos/{owner}/{name}/pulls/{number}/merge")
def merge_pull(asked: Asked, repository: Repository, number: str) -> Answer:
    asked.hub.allowed(asked.token, "contents")
    made = pulls.merge(asked.hub,
        repository, _pull(repository, number), asked.token.login, method=asked.text("merge_method", "merge"),
        head=asked.body.get("sha"), title=asked.text("commit_title"), message=asked.text("commit_message"),
        token=asked.token,
    )  # fmt: skip
    return Answer(200, {"sha": made, "merged": True, "message": "Pull Request successfully merged"})


@route("GET", "/repos/{owner}/{name}/pulls/{number}/files")
def pull_files(asked: Asked, repository: Repository, number: str) -> Answer:
    found = []
    for status, path, previous in documents.pull_changes(repository, _pull(repository, number)):
        document = {"filename": path, "status": documents.STATUSES[status]}
        found.append({**document, "previous_filename": previous} if previous else document)
    return paged(asked, found)


@route("GET", "/repos/{owner}/{name}/pulls/{number}/commits")
def list_commits(asked: Asked, repository: Repository, number: str) -> Answer:
    found = documents.pull_commits(repository, _pull(repository, number))
    return paged(asked, [documents.commit_document(asked.hub, repository, one) for one in found[:250]])


@route("GET", "/repos/{owner}/{name}/pulls/{number}/reviews")
def list_reviews(asked: Asked, repository: Repository, number: str) -> Answer:
    pull = _pull(repository, number)
    return paged(asked, [documents.review_document(asked.hub, repository, pull, one) for one in pull.reviews])


@route("POST", "/repos/{owner}/{name}/pulls/{number}/reviews")
def create_review(asked: Asked, repository: Repository, number: str) -> Answer:
    asked.hub.allowed(asked.token, "pull_requests")
    pull, event = _pull(repository, number), asked.text("event", "COMMENT")
    if asked.token.kind == "actions" and event == "APPROVE":
        raise Refused(422, "GitHub Actions is not permitted to approve pull requests.")
    state = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED"}.get(event, "COMMENTED")
    made = pulls.submit_review(
        asked.hub,
        repository,
        pull,
        asked.token.login,
        state=state,
        body=asked.text("body"),
        commit=asked.body.get("commit_id"),
    )
    return Answer(200, documents.review_document(asked.hub, repository, pull, made))


@route("PUT", "/repos/{owner}/{name}/pulls/{number}/reviews/{review}/dismissals")
def dismiss_review(asked: Asked, repository: Repository, number: str, review: str) -> Answer:
    asked.hub.allowed(asked.token, "pull_requests")
    pull = _pull(repository, number)
    for one in pull.reviews:
        if str(one.id) == review and one.state in {"APPROVED", "CHANGES_REQUESTED"}:
            one.dismissed, one.state = (one.state, asked.hub.date()), "DISMISSED"
            return Answer(200, documents.review_document(asked.hub, repository, pull, one))
    raise not_found()


@route("GET", "/repos/{owner}/{name}/issues/{number}/comments")
def list_comments(asked: Asked, repository: Repository, number: str) -> Answer:
    found = _pull(repository, number).comments
    return paged(asked, [documents.comment_document(asked.hub, repository, one) for one in found])


def _comment_body(asked: Asked) -> str:
    body = asked.text("body")
    if len(body) > LONGEST_COMMENT:
        words = f"Body is too long (maximum is {LONGEST_COMMENT} characters)"
        raise invalid(words, resource="IssueComment", code="unprocessable")
    return body


@route("POST", "/repos/{owner}/{name}/issues/{number}/comments")
def create_comment(asked: Asked, repository: Repository, number: str) -> Answer:
    asked.hub.allowed(asked.token, "pull_requests")
    made = pulls.comment(asked.hub, _pull(repository, number), asked.token.login, _comment_body(asked))
    return Answer(201, documents.comment_document(asked.hub, repository, made))


def _comment(repository: Repository, comment: str) -> tuple[Pull, Comment]:
    for pull in repository.pulls.values():
        for one in pull.comments:
            if str(one.id) == comment:
                return pull, one
    raise not_found()


@route("PATCH", "/repos/{owner}/{name}/issues/comments/{comment}")
def edit_comment(asked: Asked, repository: Repository, comment: str) -> Answer:
    asked.hub.allowed(asked.token, "pull_requests")
    _, found = _comment(repository, comment)
    pulls.edit_comment(found, asked.token.login, _comment_body(asked))
    return Answer(200, documents.comment_document(asked.hub, repository, found))


@route("DELETE", "/repos/{owner}/{name}/issues/comments/{comment}")
def delete_comment(asked: Asked, repository: Repository, comment: str) -> Answer:
    asked.hub.allowed(asked.token, "pull_requests")
    pull, found = _comment(repository, comment)
    pull.comments.remove(found)
    return Answer(204, None)


@route("GET", "/repos/{owner}/{name}/commits/{commit}/pulls")
def pulls_of_commit(asked: Asked, repository: Repository, commit: str) -> Answer:
    return paged(
        asked, [documents.pull_document(asked.hub, repository, one) for one in documents.associated(repository, commit)]
    )


@route("GET", "/repos/{owner}/{name}/commits/{commit}")
def one_commit(asked: Asked, repository: Repository, commit: str) -> Answer:
    if not objects.exists(repository.folder, commit):
        raise Refused(422, f"No commit found for SHA: {commit}")
    return Answer(200, documents.commit_document(asked.hub, repository, objects.commit(repository.folder, commit)))


@route("GET", "/repos/{owner}/{name}/git/ref/heads/{rest}")
def one_reference(asked: Asked, repository: Repository, rest: str) -> Answer:
    found = objects.tip(repository.folder, rest)
    if found is None:
        raise not_found()
    return Answer(200, documents.reference_document(asked.hub, repository, rest, found))


@route("POST", "/repos/{owner}/{name}/git/refs")
def create_reference(asked: Asked, repository: Repository) -> Answer:
    asked.hub.allowed(asked.token, "contents")
    branch = asked.text("ref").removeprefix("refs/heads/")
    references.create_ref(asked.hub, asked.token, repository, branch, asked.text("sha"))
    return Answer(201, documents.reference_document(asked.hub, repository, branch, asked.text("sha")))


@route("PATCH", "/repos/{owner}/{name}/git/refs/heads/{rest}")
def update_reference(asked: Asked, repository: Repository, rest: str) -> Answer:
    asked.hub.allowed(asked.token, "contents")
    with repository.lock:
        before, after = objects.tip(repository.folder, rest), asked.text("sha")
        if before is None:
            raise Refused(422, "Reference does not exist")
        if not asked.body.get("force") and not objects.is_ancestor(repository.folder, before, after):
            raise Refused(422, "Update is not a fast forward")
        references.moved(
            asked.hub, repository, [(rest, before, after)], asked.token.login, check=True, token=asked.token
        )
    return Answer(200, documents.reference_document(asked.hub, repository, rest, after))


@route("DELETE", "/repos/{owner}/{name}/git/refs/heads/{rest}")
def delete_reference(asked: Asked, repository: Repository, rest: str) -> Answer:
    asked.hub.allowed(asked.token, "contents")
    found = objects.tip(repository.folder, rest)
    if found is None:
        raise Refused(422, "Reference does not exist")
    try:
        references.moved(asked.hub, repository, [(rest, found, ZERO)], asked.token.login, check=True, token=asked.token)
    except Moved:
        raise Refused(422, "Reference does not exist") from None
    return Answer(204, None)


@route("GET", "/repos/{owner}/{name}/activity")
def activity(asked: Asked, repository: Repository) -> Answer:
    wanted = asked.query.get("ref", "")
    wanted = f"refs/heads/{wanted}" if wanted and not wanted.startswith("refs/") else wanted
    found = [
        {**one, "actor": documents.user(asked.hub, one["actor"])}
        for one in repository.pushes
        if not wanted or one["ref"] == wanted
    ]
    return paged(asked, found)


@route("GET", "/repos/{owner}/{name}/actions/runs/{run}")
def one_run(asked: Asked, repository: Repository, run: str) -> Answer:
    asked.hub.allowed(asked.token, "actions", "read")
    if not run.isdigit() or int(run) not in repository.runs:
        raise not_found()
    return Answer(200, repository.runs[int(run)])


@route("POST", "/repos/{owner}/{name}/actions/workflows/{file}/dispatches")
def start_workflow(asked: Asked, repository: Repository, file: str) -> Answer:
    """The one event, with ``repository_dispatch``, that GITHUB_TOKEN may cause."""
    asked.hub.allowed(asked.token, "actions")
    tip = objects.tip(repository.folder, asked.text("ref"))
    if tip is None or f".github/workflows/{file}" not in asked.hub.files(repository.name, tip):
        raise not_found() if tip else invalid(f"No ref found for: {asked.text('ref')}")
    asked.hub.started.append(("workflow_dispatch", repository.name, file))
    return Answer(204, None)


@route("GET", "/repos/{owner}/{name}/collaborators/{login}/permission")
def permission(asked: Asked, repository: Repository, login: str) -> Answer:
    level = asked.hub.collaborators.get((repository.name, login), "none")
    return Answer(200, {"permission": level, "role_name": level, "user": documents.user(asked.hub, login)})


@route("GET", "/orgs/{organisation}/teams/{team}/members")
def team_members(asked: Asked, organisation: str, team: str) -> Answer:
    if not asked.token.members:
        raise Refused(403, "Resource not accessible by integration")
    found = asked.hub.teams.get(f"{organisation}/{team}")
    if found is None:
        raise not_found()
    return paged(asked, [documents.user(asked.hub, login) for login in found])
