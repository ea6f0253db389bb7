"""What the fake remembers: tokens, repositories, pull requests, reviews, and faults that a test has armed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

Kind = Literal["user", "app", "actions", "fork", "expired", "stranger"]
"""``stranger`` is a good token that may see no repository: GitHub answers it 404, as if there were none."""
Level = Literal["none", "read", "write"]
Method = Literal["merge", "squash", "rebase"]
METHODS: tuple[Method, ...] = ("merge", "squash", "rebase")


class Token(NamedTuple):
    """One token: who acts with it, on which repositories (``None``: on all), and what it may do there."""

    kind: Kind
    login: str
    repositories: frozenset[str] | None
    contents: Level
    pulls: Level
    members: bool
    workflows: Level = "none"
    """Whether it may start workflows (``actions``)."""

    @property
    def bot(self) -> bool:
        return self.login.endswith("[bot]")


class Fault(NamedTuple):
    """What goes wrong with a request.

    ``before`` runs first and may move anything under the client's feet; ``after`` runs when the work is done and the
    answer is not yet sent.  ``status`` with ``message`` and ``headers`` is answered instead of doing the work.
    ``errors`` is what GraphQL says in an answer 200, also instead.  ``lose_answer``: the work is done, and the
    connection closes without an answer.  ``cut_after``: so many bytes of the answer are sent.  ``text``: the body of an
    answer that is no JSON.
    """

    status: int | None = None
    message: str = "a fault that the test asked for"
    headers: Mapping[str, str] = {}
    errors: tuple[Mapping[str, Any], ...] = ()
    text: str | None = None
    lose_answer: bool = False
    cut_after: int | None = None
    delay: float = 0.0
    before: Callable[[], object] | None = None
    after: Callable[[], object] | None = None


def secondary_limit(seconds: int) -> Fault:
    """GitHub's answer to too many requests at once."""
    text = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
    return Fault(status=403, message=text, headers={"Retry-After": str(seconds)})


def primary_limit(reset: int) -> Fault:
    """GitHub's answer when the hour's requests are used up; ``reset`` is seconds since 1970."""
    headers = {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(reset)}
    return Fault(status=403, message="API rate limit exceeded for installation ID 1.", headers=headers)


class Request(NamedTuple):
    """One request to the API, in order of completion; ``operation`` is the name of a GraphQL operation, else empty."""

    method: str
    path: str
    operation: str
    token: str | None
    body: Any
    status: int


@dataclass
class Armed:
    """A fault that waits for the next ``times`` requests that it fits."""

    fault: Fault
    method: str
    path: str
    operation: str
    times: int


@dataclass
class Review:
    """One review, as it was submitted."""

    id: int
    login: str
    state: str
    body: str
    commit: str
    at: str
    dismissed: tuple[str, str] | None = None
    """What it had said, and when it was dismissed."""


@dataclass
class Comment:
    """One comment in the conversation of a pull request; ``revisions`` is who wrote what, the newest last."""

    id: int
    login: str
    body: str
    editor: str | None = None
    revisions: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Pull:
    """One pull request.  ``head`` follows its branch while it is open, and stays when it is not."""

    number: int
    login: str
    branch: str
    head_repository: str
    base: str
    head: str
    title: str
    body: str
    draft: bool = False
    state: str = "open"
    merged_commit: str | None = None
    merged_by: str | None = None
    merged_at: str | None = None
    base_commit: str | None = None
    reviews: list[Review] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    forced: tuple[str, str] | None = None
    """Who pushed last by force, and which commit that brought."""

    @property
    def merged(self) -> bool:
        return self.merged_commit is not None


@dataclass
class Repository:
    """One repository: its bare git folder, and what git does not know."""

    name: str
    folder: Path
    id: str
    pulls: dict[int, Pull] = field(default_factory=dict)
    methods: tuple[Method, ...] = METHODS
    private: bool = True
    pushes: list[dict[str, str]] = field(default_factory=list)
    """What the activity API lists, newest first."""
    runs: dict[int, dict[str, Any]] = field(default_factory=dict)
    """Runs of workflows by id, as the API tells them."""
    protected_reviews: int = 0
    """How many approvals branch protection demands before a merge."""
    lock: threading.RLock = field(default_factory=threading.RLock)
