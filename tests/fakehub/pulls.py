"""Pull requests: opened once, reviewed by others than their author, and merged for real."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fakehub import objects, references
from fakehub.objects import Conflict
from fakehub.records import Comment, Pull, Repository, Review, Token
from fakehub.refusals import Refused, invalid
from servers.git_http import git

if TYPE_CHECKING:
    from fakehub.hub import Hub


def open_pull(
    hub: Hub, repository: Repository, login: str, branch: str, *, base: str, title: str, body: str,
    head_repository: str, draft: bool = False, token: Token | None = None,
) -> Pull:  # fmt: skip
    with repository.lock:
        source = hub.repository(head_repository)
        head, onto = objects.tip(source.folder, branch), objects.tip(repository.folder, base)
        if head is None or onto is None:
            field_name = "head" if head is None else "base"
            raise invalid("", resource="PullRequest", field=field_name, code="invalid")
        if source is not repository:
            git("fetch", "--quiet", str(source.folder), head, folder=repository.folder)
        owner = head_repository.split("/", 1)[0]
        for one in repository.pulls.values():
            if (one.state, one.branch, one.head_repository, one.base) == ("open", branch, head_repository, base):
                raise invalid(
                    f"A pull request already exists for {owner}:{branch}.", resource="PullRequest", code="custom"
                )
        if objects.is_ancestor(repository.folder, head, onto):
            raise invalid(f"No commits between {base} and {branch}", resource="PullRequest", code="custom")
        number = len(repository.pulls) + 1
        made = Pull(number, login, branch, head_repository, base, head, title, body, draft=draft)
        repository.pulls[number] = made
        hub.event(token, "pull_request", repository, str(number))
        return made


def submit_review(
    hub: Hub, repository: Repository, pull: Pull, login: str, *, state: str, body: str, commit: str | None
) -> Review:
    with repository.lock:
        if login == pull.login and state in {"APPROVED", "CHANGES_REQUESTED"}:
            word = "approve" if state == "APPROVED" else "request changes on"
            raise Refused(422, f"Can not {word} your own pull request")
        made = Review(hub.number(), login, state, body, commit or pull.head, hub.date())
        pull.reviews.append(made)
        return made


def comment(hub: Hub, pull: Pull, login: str, body: str) -> Comment:
    made = Comment(hub.number(), login, body, revisions=[(login, body)])
    pull.comments.append(made)
    return made


def edit_comment(found: Comment, login: str, body: str) -> None:
    """Other words in a comment; whoever may write may edit everybody's."""
    found.revisions.append((login, body))
    found.editor, found.body = login, body


def conflicts(repository: Repository, pull: Pull) -> bool:
    base = objects.tip(repository.folder, pull.base)
    try:
        objects.merged_tree(repository.folder, str(base), pull.head)
    except Conflict:
        return True
    return False


def merge(
    hub: Hub, repository: Repository, pull: Pull, login: str, *, method: str = "merge", head: str | None = None,
    title: str = "", message: str = "", token: Token | None = None,
) -> str:  # fmt: skip
    """Merge a pull request; the new tip of its base.  Raises ``Refused`` with 405 or 409."""
    with repository.lock:
        if pull.merged:
            raise Refused(405, "Pull Request is not mergeable")
        if pull.state != "open" or pull.draft:
            raise Refused(405, "Pull Request is still a draft" if pull.draft else "Pull Request is not mergeable")
        if head is not None and head != pull.head:
            raise Refused(409, "Head branch was modified. Review and try the merge again.")
        if method not in repository.methods:
            words = {"merge": "Merge commits are", "squash": "Squash merges are", "rebase": "Rebase merges are"}
            raise Refused(405, f"{words[method]} not allowed on this repository.")
        _protected(repository, pull)
        base = str(objects.tip(repository.folder, pull.base))
        made = _merged(hub, repository, pull, base, method=method, title=title, message=message, who=hub.person(login))
        pull.state, pull.merged_commit, pull.merged_by, pull.merged_at = "closed", made, login, hub.date()
        pull.base_commit = base
        references.moved(hub, repository, [(pull.base, base, made)], login, check=True, token=token)
        return made


def _protected(repository: Repository, pull: Pull) -> None:
    latest = {one.login: one for one in pull.reviews if one.state in {"APPROVED", "CHANGES_REQUESTED", "DISMISSED"}}
    given = [one for one in latest.values() if one.state == "APPROVED" and one.commit == pull.head]
    if len(given) < repository.protected_reviews:
        raise Refused(
            405,
            f"At least {repository.protected_reviews} approving review is required by reviewers with write access.",
        )


def _merged(
    hub: Hub, repository: Repository, pull: Pull, base: str, *, method: str, title: str, message: str,
    who: tuple[str, str],
) -> str:  # fmt: skip
    folder, date = repository.folder, hub.date()
    try:
        if method == "rebase":
            return objects.rebased(folder, base, pull.head, date=date, committer=who)
        tree = objects.merged_tree(folder, base, pull.head)
    except Conflict:
        raise Refused(405, "Pull Request is not mergeable") from None
    if method == "squash":
        text = f"{title or f'{pull.title} (#{pull.number})'}\n\n{message}".strip() + "\n"
        return objects.write_commit(folder, tree, [base], message=text, author=hub.person(pull.login), date=date)
    owner = pull.head_repository.split("/", 1)[0]
    named = title or f"Merge pull request #{pull.number} from {owner}/{pull.branch}"
    text = f"{named}\n\n{message or pull.title}".strip() + "\n"
    return objects.write_commit(folder, tree, [base, pull.head], message=text, author=who, date=date)
