"""Branches that move: what pull requests do about it, and what the activity API tells of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from fakehub import objects
from fakehub.objects import ZERO, Moved
from fakehub.records import Repository, Token
from fakehub.refusals import Refused
from servers.git_http import git

if TYPE_CHECKING:
    from fakehub.hub import Hub


def moved(
    hub: Hub, repository: Repository, moves: list[tuple[str, str, str]], login: str, *, check: bool,
    token: Token | None = None,
) -> None:  # fmt: skip
    """Move branches ``(branch, before, after)``, or note that git has moved them, and let pull requests follow.

    Raises ``Moved``.
    """
    with repository.lock:
        if check:
            objects.move(repository.folder, [(branch, after, before) for branch, before, after in moves])
        for branch, before, after in moves:
            forced = ZERO not in (before, after) and not objects.is_ancestor(repository.folder, before, after)
            kind = "branch_creation" if before == ZERO else "branch_deletion" if after == ZERO else "push"
            repository.pushes.insert(
                0,
                {
                    "ref": f"refs/heads/{branch}", "before": before, "after": after, "actor": login,
                    "activity_type": "force_push" if forced else kind, "timestamp": hub.date(),
                },
            )  # fmt: skip
            if after != ZERO:
                hub.event(token, "push", repository, branch)
            _follow(hub, repository, branch, after, login, forced=forced)


def _follow(hub: Hub, repository: Repository, branch: str, after: str, login: str, *, forced: bool) -> None:
    everywhere = [(where, one) for where in hub.repositories.values() for one in where.pulls.values()]
    for where, one in everywhere:
        if one.state != "open":
            continue
        if one.branch == branch and one.head_repository == repository.name:
            if after == ZERO:
                one.state = "closed"
                continue
            if where is not repository:
                git("fetch", "--quiet", str(repository.folder), after, folder=where.folder)
            one.head, one.forced = after, (login, after) if forced else None
        base = objects.tip(where.folder, one.base)
        if base is not None and objects.is_ancestor(where.folder, one.head, base):
            # reachable from its base: GitHub marks it as merged when the base was pushed, and closes it otherwise
            one.state = "closed"
            if one.base == branch and where is repository:
                one.merged_commit, one.merged_by, one.merged_at = one.head, login, hub.date()
                one.base_commit = one.head


def create_ref(hub: Hub, token: Token, repository: Repository, branch: str, commit: str) -> None:
    if not objects.exists(repository.folder, commit):
        raise Refused(422, "Object does not exist", kind="UNPROCESSABLE")
    try:
        moved(hub, repository, [(branch, ZERO, commit)], token.login, check=True, token=token)
    except Moved:
        told = f'A ref named "refs/heads/{branch}" already exists in the repository.'
        raise Refused(422, "Reference already exists", kind="UNPROCESSABLE", told=told) from None


def commit_on(
    hub: Hub, token: Token, repository: Repository, branch: str, expected: str, *, message: str,
    additions: Mapping[str, bytes], deletions: list[str],
) -> str:  # fmt: skip
    """``createCommitOnBranch``: a compare-and-swap over git."""
    stale = Refused(
        409, f'Expected branch to point to "{expected}" but it did not.  Pull and try again.', kind="STALE_DATA"
    )
    if objects.tip(repository.folder, branch) is None:
        raise Refused(404, f"No such branch: {branch}", kind="NOT_FOUND")
    if not objects.exists(repository.folder, expected):
        raise stale
    tree = objects.write_tree(repository.folder, expected, additions, deletions)
    who = hub.person(token.login)
    made = objects.write_commit(repository.folder, tree, [expected], message=message, author=who, date=hub.date())
    try:
        moved(hub, repository, [(branch, expected, made)], token.login, check=True, token=token)
    except Moved:
        raise stale from None
    return made


@contextlib.contextmanager
def pushing(hub: Hub, name: str, value: str | None) -> Iterator[None]:
    """What a push through git has moved is noted when it is done."""
    repository = hub.repositories.get(name)
    if repository is None:
        yield
        return
    with repository.lock:
        before = objects.branches(repository.folder)
        yield
        after = objects.branches(repository.folder)
        token = hub.tokens_by_value.get(value or "")
        moves = [
            (branch, before.get(branch, ZERO), after.get(branch, ZERO))
            for branch in sorted(before.keys() | after.keys())
            if before.get(branch) != after.get(branch)
        ]
        moved(hub, repository, moves, token.login if token else "ghost", check=False, token=token)
