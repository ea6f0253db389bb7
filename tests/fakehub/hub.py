"""The state of the fake and what may be done to it; ``rest`` and ``graphql`` are two ways to ask for it.

Every refusal is a ``Refused`` with GitHub's own status and words.
"""

from __future__ import annotations

import fnmatch
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from fakehub import objects, pulls, references
from fakehub.objects import ZERO
from fakehub.records import Armed, Fault, Kind, Level, Method, Pull, Repository, Request, Review, Token
from fakehub.refusals import Refused
from servers.git_http import Access, GitServer, git

RANKS = {"none": 0, "read": 1, "write": 2}


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

    # --- what tests set up ---

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
        workflows: Level = "none",
    ) -> str:
        """A new token.  ``login`` is who acts with it: a person for ``user``, the App's name for ``app``."""
        actors = {"user": login or "ada", "app": f"{login or 'promoter'}[bot]"}
        actor = actors.get(kind, "github-actions[bot]")
        if kind == "user" and actor not in self.users:
            self.user(actor)
        if kind == "fork":
            contents, pulls, workflows = "read", "read", "read"
        sees = frozenset(repositories) if repositories is not None else None
        may_read_teams = kind in {"user", "app"} if members is None else members and kind != "actions"
        value = f"{kind}_{secrets.token_hex(12)}"
        self.tokens_by_value[value] = Token(kind, actor, sees, contents, pulls, may_read_teams, workflows)
        return value

    def review(
        self, name: str, number: int, login: str, state: str = "APPROVED", *, body: str = "", commit: str | None = None
    ) -> Review:
        """A review by ``login``, as a person submits it on the web page.  Raises ``Refused``."""
        if login not in self.users and not login.endswith("[bot]"):
            self.user(login)
        return pulls.submit_review(
            self, self.repository(name), self.pull(name, number), login, state=state, body=body, commit=commit
        )

    def dismiss(self, name: str, number: int, review: int, *, by: str = "katherine") -> None:  # noqa: ARG002 - for the reader
        """Dismiss a review; it keeps its place, its author and its commit."""
        for one in self.pull(name, number).reviews:
            if one.id == review:
                one.dismissed, one.state = (one.state, self.date()), "DISMISSED"

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
            references.moved(self, repository, [(branch, before or ZERO, made)], by, check=True)
        return made

    def open(self, name: str, branch: str, *, by: str = "ada", base: str = "main", title: str = "A proposal") -> Pull:
        """A pull request that a person opens."""
        if by not in self.users:
            self.user(by)
        return pulls.open_pull(
            self, self.repository(name), by, branch, base=base, title=title, body="", head_repository=name
        )

    def human_merge(self, name: str, number: int, *, by: str = "katherine", method: Method = "merge") -> str:
        """The merge button; the commit in the base branch."""
        return pulls.merge(self, self.repository(name), self.pull(name, number), by, method=method)

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

    # --- what both APIs share ---

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
        has = {"contents": token.contents, "actions": token.workflows}.get(permission, token.pulls)
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
