"""The state of the fake and what may be done to it; ``rest`` and ``graphql`` are two ways to ask for it.

Every refusal is a ``Refused`` with GitHub's own status and words.
"""

from __future__ import annotations

import contextlib
import fnmatch
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fakehub import objects
from fakehub.objects import ZERO, Conflict, Moved
from fakehub.records import Armed, Comment, Fault, Kind, Level, Method, Pull, Repository, Request, Review, Token
from servers.git_http import Access, GitServer, git

RANKS = {"none": 0, "read": 1, "write": 2}


class Refused(Exception):
    """An answer other than 2xx.  ``kind`` is what GraphQL calls it."""

    def __init__(
        self, status: int, message: str, *, kind: str = "", headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.kind, self.headers, self.more = status, message, kind, headers or {}, more


def not_found() -> Refused:
    return Refused(404, "Not Found", kind="NOT_FOUND")


def invalid(message: str, **error: str) -> Refused:
    text = f"Validation Failed: {message}" if error else message
    errors = [{"message": message, **error}] if error else []
    return Refused(422, "Validation Failed" if error else message, kind="UNPROCESSABLE", errors=errors, text=text)


@dataclass
class Hub(GitServer):
    """A running GitHub.  ``calls`` lists what the API was asked, ``requests`` what git was asked."""

    now: Callable[[], datetime] = datetime.now
    users: dict[str, str] = field(default_factory=dict)
    """Logins, each with its e-mail address."""
    teams: dict[str, list[str]] = field(default_factory=dict)
    """``organisation/team``, each with its members."""
    collaborators: dict[tuple[str, str], str] = field(default_factory=dict)
    tokens_by_value: dict[str, Token] = field(default_factory=dict)
    repositories: dict[str, Repository] = field(default_factory=dict)
    calls: list[Request] = field(default_factory=list)
    started: list[tuple[str, str, str]] = field(default_factory=list)
    """Workflows that would have started: ``(event, repository, what)``; nothing done with GITHUB_TOKEN starts one."""
    prefix: str = "/api/v3"
    _faults: list[Armed] = field(default_factory=list)
    _next: int = 1000

    # --- what tests set up -------------------------------------------------------------------------------------------

    @property
    def api_url(self) -> str:
        """Where the REST API is: as a GitHub Enterprise Server, unless ``prefix`` is empty."""
        return f"{self.url}{self.prefix}"

    @property
    def graphql_url(self) -> str:
        """Where the GraphQL API is."""
        return f"{self.url}{self.prefix.removesuffix('/v3')}/graphql"

    def git_url(self, name: str) -> str:
        """The URL of a repository for git."""
        return self.url_of(name)

    def create(self, name: str, files: Mapping[str, bytes | str] | None = None) -> str:
        """A repository ``owner/name`` with one commit on ``main``; its URL for git."""
        url = super().create(name, files)
        self.adopt(name)
        return url

    def fork(self, name: str, owner: str) -> str:
        """A fork of a repository under another owner; its name."""
        fork = f"{owner}/{name.split('/')[1]}"
        git("clone", "--quiet", "--bare", str(self.folder_of(name)), str(self.folder_of(fork)))
        self.adopt(fork)
        return fork

    def adopt(self, name: str) -> Repository:
        """Take a bare repository that lies in the folder already into service."""
        self.repositories[name] = Repository(name, self.folder_of(name), f"R_{secrets.token_hex(6)}")
        return self.repositories[name]

    def user(self, login: str, email: str = "") -> str:
        """A person; the login."""
        self.users[login] = email or f"{login}@example.com"
        return login

    def team(self, name: str, *logins: str) -> None:
        """A team ``organisation/team``."""
        self.teams[name] = list(logins)

    def token(
        self,
        kind: Kind,
        *,
        login: str = "",
        repositories: tuple[str, ...] | None = None,
        contents: Level = "write",
        pulls: Level = "write",
        members: bool | None = None,
    ) -> str:
        """A new token.  ``login`` is who acts with it: a person for ``user``, the App's name for ``app``."""
        actors = {"user": login or "ada", "app": f"{login or 'promoter'}[bot]"}
        actor = actors.get(kind, "github-actions[bot]")
        if kind == "user" and actor not in self.users:
            self.user(actor)
        if kind == "fork":
            contents, pulls = "read", "read"
        sees = frozenset(repositories) if repositories is not None else None
        may_read_teams = kind in {"user", "app"} if members is None else members and kind != "actions"
        value = f"{kind}_{secrets.token_hex(12)}"
        self.tokens_by_value[value] = Token(kind, actor, sees, contents, pulls, may_read_teams)
        return value

    def review(
        self, name: str, number: int, login: str, state: str = "APPROVED", *, body: str = "", commit: str | None = None
    ) -> Review:
        """A review by ``login``, as a person submits it on the web page.  Raises ``Refused``."""
        if login not in self.users and not login.endswith("[bot]"):
            self.user(login)
        return self.submit_review(self.repository(name), self.pull(name, number), login, state, body, commit)

    def dismiss(self, name: str, number: int, review: int, *, by: str = "katherine") -> None:  # noqa: ARG002 - for the reader
        """Dismiss a review; it keeps its place, its author and its commit."""
        for one in self.pull(name, number).reviews:
            if one.id == review:
                one.state = "DISMISSED"

    def pull(self, name: str, number: int) -> Pull:
        """One pull request, as the fake remembers it."""
        return self.repositories[name].pulls[number]

    def commit(
        self, name: str, files: Mapping[str, bytes | str], *, branch: str = "main", by: str = "katherine",
        message: str = "A change by somebody else\n", base: str | None = None, force: bool = False,
    ) -> str:  # fmt: skip
        """A commit that a person pushes with git; the new tip.  ``base`` is where a new branch begins."""
        repository = self.repository(name)
        email = self.users.get(by) or self.users[self.user(by)]
        with repository.lock:
            before = objects.tip(repository.folder, branch)
            on = base or before or str(objects.tip(repository.folder, "main"))
            content = {path: data.encode() if isinstance(data, str) else data for path, data in files.items()}
            tree = objects.write_tree(repository.folder, on, content, [])
            made = objects.write_commit(
                repository.folder, tree, [on], message=message, author=(by, email), committer=(by, email),
                date=self.date(),
            )  # fmt: skip
            if before is not None and on != before and not force:
                raise Refused(422, "Update is not a fast forward")
            self.moved(repository, [(branch, before or ZERO, made)], by, check=True)
        return made

    def open(self, name: str, branch: str, *, by: str = "ada", base: str = "main", title: str = "A proposal") -> Pull:
        """A pull request that a person opens."""
        if by not in self.users:
            self.user(by)
        return self.open_pull(self.repository(name), by, branch, base, title, "", head_repository=name)

    def human_merge(self, name: str, number: int, *, by: str = "katherine", method: Method = "merge") -> str:
        """The merge button; the commit in the base branch."""
        return self.merge(self.repository(name), self.pull(name, number), by, method=method)

    def arm(
        self, fault: Fault, *, method: str = "*", path: str = "*", operation: str = "", times: int = 1
    ) -> None:  # fmt: skip
        """Let the next ``times`` requests that fit meet ``fault``.

        ``path`` is a pattern for the path after the prefix (``/repos/*/pulls``); ``operation`` is the name of a GraphQL
        operation, and then nothing else is looked at.
        """
        with self._lock:
            self._faults.append(Armed(fault, method, path, operation, times))

    def asked(self, *, since: int = 0) -> list[str]:
        """What the API was asked, one word for each request: the GraphQL operation, or method and path."""
        return [one.operation or f"{one.method} {one.path}" for one in self.calls[since:]]

    # --- what both APIs share ----------------------------------------------------------------------------------------

    def fault(self, method: str, path: str, operation: str) -> Fault:
        """The fault that the next request meets."""
        with self._lock:
            for armed in self._faults:
                if armed.times <= 0:
                    continue
                if armed.operation:
                    fits = armed.operation == operation
                else:
                    fits = armed.method in {"*", method} and fnmatch.fnmatchcase(path, armed.path)
                if fits:
                    armed.times -= 1
                    return armed.fault
        return Fault()

    def number(self) -> int:
        """A number that nothing has yet."""
        with self._lock:
            self._next += 1
            return self._next

    def date(self) -> str:
        """The time, as GitHub writes it."""
        return self.now().strftime("%Y-%m-%dT%H:%M:%SZ")

    def actor(self, value: str | None) -> Token:
        """Who shows this token.  Raises ``Refused`` with 401."""
        found = self.tokens_by_value.get(value or "")
        if found is None or found.kind == "expired":
            raise Refused(401, "Bad credentials" if value else "Requires authentication")
        return found

    def repository(self, name: str) -> Repository:
        """Raises ``Refused`` with 404."""
        found = self.repositories.get(name)
        if found is None:
            raise Refused(
                404, "Not Found", kind="NOT_FOUND", told=f"Could not resolve to a Repository with the name '{name}'."
            )
        return found

    def seen(self, token: Token, name: str) -> Repository:
        """The repository, if this token may see it.  Raises ``Refused`` with 404."""
        found = self.repository(name)
        if token.kind == "stranger" or (token.repositories is not None and name not in token.repositories):
            return self.repository("")
        return found

    def allowed(self, token: Token, permission: str, wanted: Level = "write") -> None:
        """Raises ``Refused`` with 403, as GitHub words it for this kind of token."""
        has = token.contents if permission == "contents" else token.pulls
        if RANKS[has] < RANKS[wanted]:
            kind = "personal access token" if token.kind == "user" else "integration"
            headers = {"X-Accepted-GitHub-Permissions": f"{permission}={wanted}"}
            raise Refused(403, f"Resource not accessible by {kind}", kind="FORBIDDEN", headers=headers)

    def may(self, token: str | None, path: str) -> Access:
        """What git may do with this token."""
        name = path.lstrip("/").split(".git/", 1)[0]
        found = self.tokens_by_value.get(token or "")
        known = self.repositories.get(name)
        if known is not None and not known.private and (found is None or found.contents == "none"):
            return "read"
        if found is None or known is None or found.kind in {"expired", "stranger"}:
            return "none"
        if found.repositories is not None and name not in found.repositories:
            return "none"
        return found.contents

    def event(self, token: Token | None, event: str, repository: Repository, what: str) -> None:
        """Note the workflow that this would start; GITHUB_TOKEN starts none."""
        if token is None or token.kind not in {"actions", "fork"}:
            self.started.append((event, repository.name, what))

    def person(self, login: str) -> tuple[str, str]:
        """Name and e-mail address in commits that the API makes for ``login``."""
        return login, self.users.get(login) or f"41898282+{login}@users.noreply.github.com"

    def login_of(self, email: str) -> str | None:
        """The account of an e-mail address; none for bots, which are no users."""
        return next((login for login, known in self.users.items() if known.lower() == email.lower()), None)

    def moved(
        self, repository: Repository, moves: list[tuple[str, str, str]], login: str, *, check: bool,
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
                        "activity_type": "force_push" if forced else kind, "timestamp": self.date(),
                    },
                )  # fmt: skip
                if after != ZERO:
                    self.event(token, "push", repository, branch)
                self._follow(repository, branch, after, login, forced=forced)

    def _follow(self, repository: Repository, branch: str, after: str, login: str, *, forced: bool) -> None:
        everywhere = [(where, one) for where in self.repositories.values() for one in where.pulls.values()]
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
                    one.merged_commit, one.merged_by, one.merged_at = one.head, login, self.date()
                    one.base_commit = one.head

    # --- pull requests -----------------------------------------------------------------------------------------------

    def open_pull(
        self, repository: Repository, login: str, branch: str, base: str, title: str, body: str, *,
        head_repository: str, draft: bool = False, token: Token | None = None,
    ) -> Pull:  # fmt: skip
        with repository.lock:
            source = self.repository(head_repository)
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
            self.event(token, "pull_request", repository, str(number))
            return made

    def submit_review(
        self, repository: Repository, pull: Pull, login: str, state: str, body: str, commit: str | None
    ) -> Review:
        with repository.lock:
            if login == pull.login and state in {"APPROVED", "CHANGES_REQUESTED"}:
                word = "approve" if state == "APPROVED" else "request changes on"
                raise Refused(422, f"Can not {word} your own pull request")
            made = Review(self.number(), login, state, body, commit or pull.head, self.date())
            pull.reviews.append(made)
            return made

    def comment(self, pull: Pull, login: str, body: str) -> Comment:
        made = Comment(self.number(), login, body)
        pull.comments.append(made)
        return made

    def conflicts(self, repository: Repository, pull: Pull) -> bool:
        base = objects.tip(repository.folder, pull.base)
        try:
            objects.merged_tree(repository.folder, str(base), pull.head)
        except Conflict:
            return True
        return False

    def merge(
        self, repository: Repository, pull: Pull, login: str, *, method: str = "merge", head: str | None = None,
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
            self._protected(repository, pull)
            base = str(objects.tip(repository.folder, pull.base))
            made = self._merged(repository, pull, base, method, title, message, self.person(login))
            pull.state, pull.merged_commit, pull.merged_by, pull.merged_at = "closed", made, login, self.date()
            pull.base_commit = base
            self.moved(repository, [(pull.base, base, made)], login, check=True, token=token)
            return made

    def _protected(self, repository: Repository, pull: Pull) -> None:
        latest = {one.login: one for one in pull.reviews if one.state in {"APPROVED", "CHANGES_REQUESTED", "DISMISSED"}}
        given = [one for one in latest.values() if one.state == "APPROVED" and one.commit == pull.head]
        if len(given) < repository.protected_reviews:
            raise Refused(
                405,
                f"At least {repository.protected_reviews} approving review is required by reviewers with write access.",
            )

    def _merged(
        self, repository: Repository, pull: Pull, base: str, method: str, title: str, message: str, who: tuple[str, str]
    ) -> str:
        folder, date = repository.folder, self.date()
        try:
            if method == "rebase":
                return objects.rebased(folder, base, pull.head, date=date, committer=who)
            tree = objects.merged_tree(folder, base, pull.head)
        except Conflict:
            raise Refused(405, "Pull Request is not mergeable") from None
        if method == "squash":
            text = f"{title or f'{pull.title} (#{pull.number})'}\n\n{message}".strip() + "\n"
            return objects.write_commit(folder, tree, [base], message=text, author=self.person(pull.login), date=date)
        owner = pull.head_repository.split("/", 1)[0]
        named = title or f"Merge pull request #{pull.number} from {owner}/{pull.branch}"
        text = f"{named}\n\n{message or pull.title}".strip() + "\n"
        return objects.write_commit(folder, tree, [base, pull.head], message=text, author=who, date=date)

    # --- branches ----------------------------------------------------------------------------------------------------

    def create_ref(self, token: Token, repository: Repository, branch: str, commit: str) -> None:
        if not objects.exists(repository.folder, commit):
            raise Refused(422, "Object does not exist", kind="UNPROCESSABLE")
        try:
            self.moved(repository, [(branch, ZERO, commit)], token.login, check=True, token=token)
        except Moved:
            told = f'A ref named "refs/heads/{branch}" already exists in the repository.'
            raise Refused(422, "Reference already exists", kind="UNPROCESSABLE", told=told) from None

    def commit_on(
        self, token: Token, repository: Repository, branch: str, expected: str, *, message: str,
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
        who = self.person(token.login)
        made = objects.write_commit(repository.folder, tree, [expected], message=message, author=who, date=self.date())
        try:
            self.moved(repository, [(branch, expected, made)], token.login, check=True, token=token)
        except Moved:
            raise stale from None
        return made

    # --- git -----------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def pushing(self, name: str, value: str | None) -> Iterator[None]:
        """What a push through git has moved is noted when it is done."""
        repository = self.repositories.get(name)
        if repository is None:
            yield
            return
        with repository.lock:
            before = objects.branches(repository.folder)
            yield
            after = objects.branches(repository.folder)
            token = self.tokens_by_value.get(value or "")
            moves = [
                (branch, before.get(branch, ZERO), after.get(branch, ZERO))
                for branch in sorted(before.keys() | after.keys())
                if before.get(branch) != after.get(branch)
            ]
            self.moved(repository, moves, token.login if token else "ghost", check=False, token=token)
