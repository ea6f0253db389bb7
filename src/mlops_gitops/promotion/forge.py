"""What promotion asks of the place where pull requests live.

A ``Forge`` lists, opens, updates, closes and merges pull requests of the environment repository and says who reviewed
them; ``adapters/github.py`` is the real one.  A ``Store`` beside it reads and writes the commits.  Everything that a
forge answers is a frozen record, and is believed only as far as ``evidence/reviews.py`` says.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol

from mlops_gitops.evidence.reviews import Review, Said, Voice, last_words
from mlops_gitops.records import record

State = Literal["open", "closed", "merged"]


@record
class Merged:
    """How a pull request came into its base branch: the commit that holds it there, by whom, and when."""

    commit: str
    by: str
    at: datetime


@record
class Dismissal:
    """That a review was dismissed: which one, by the forge's name for it, what it had said, and when it ended."""

    review: str
    said: Said
    at: datetime


@record
class Pull:
    """One pull request.

    ``branch`` and ``head`` are its source branch and newest commit, ``base`` the branch that it wants into.
    ``fork``: its branch lies in another repository.  ``paths`` is every path that differs from the merge base, and
    ``author``, ``authors`` and ``pusher`` are logins; ``authors`` also holds e-mail addresses where a commit or a
    ``Co-authored-by`` trailer names no login.  ``pusher`` is ``None`` where the forge does not say who pushed last.
    ``voices`` is every review that was ever submitted, in the order of submission, and ``dismissals`` when those among
    them ended that were dismissed.  ``partial`` says why the forge did not tell everything; then nothing of it counts.
    """

    number: int
    url: str
    title: str
    body: str
    state: State
    draft: bool
    branch: str
    head: str
    base: str
    fork: bool
    author: str
    authors: tuple[str, ...]
    pusher: str | None
    paths: tuple[str, ...]
    voices: tuple[Voice, ...]
    merged: Merged | None = None
    dismissals: tuple[Dismissal, ...] = ()
    partial: str | None = None


class Forge(Protocol):
    """The pull requests of one repository.

    Every method raises ``WorldFailed`` where the forge cannot be asked or does not let this token, and says which
    permission is missing.  A write whose answer was lost is judged by reading, never repeated blindly.
    """

    @property
    def repository(self) -> str:
        """``owner/name``."""

    def open_pulls(self, prefix: str) -> tuple[Pull, ...]:
        """Every open pull request of this repository (no fork's) whose branch begins with ``prefix``; one request.

        One that the forge tells only in part is ``partial``, so that it does not stop the others.
        """

    def pull(self, number: int) -> Pull | None:
        """One pull request, whatever its state; ``None`` where there is none of this number."""

    def pull_of(self, commit: str) -> Pull | None:
        """The merged pull request that brought ``commit`` into its base branch, if one did."""

    def pusher(self, pull: Pull) -> str | None:
        """Who pushed its head, as ``pull`` would say; a list may know no better than what a commit claims."""

    def open_pull(self, branch: str, *, base: str, title: str, body: str) -> Pull:
        """The open pull request from ``branch``; opened where there is none, and never a second one."""

    def update_pull(self, number: int, *, title: str, body: str) -> None:
        """Give it another title and text."""

    def close_pull(self, number: int, *, comment: str) -> None:
        """Close it, saying why; nothing where it is closed already."""

    def merge_pull(self, number: int, *, head: str, title: str, message: str) -> str | None:
        """Merge it if its head still is ``head``, and return the commit in the base branch that holds it.

        The same where it had been merged before.  ``None``: its head has moved or it conflicts; judge again.
        """

    def read_branch(self, branch: str) -> str | None:
        """The commit that a branch points at, or ``None`` where there is no such branch."""

    def delete_branch(self, branch: str) -> None:
        """Delete it; nothing where it is gone already."""

    def members(self, team: str) -> frozenset[str] | None:
        """The logins in a team of the forge (``organisation/team``); ``None`` where this token may not read it."""


def review_of(pull: Pull, *, forge: str, repository: str, groups: Sequence[tuple[str, frozenset[str]]] = ()) -> Review:
    """What a pull request says about its reviews, as evidence can carry it.

    ``groups`` are those whose members the forge named.
    """
    return Review(
        forge=forge,
        repository=repository,
        number=pull.number,
        head=pull.head,
        author=pull.author,
        authors=pull.authors,
        pusher=pull.pusher,
        voices=last_words(pull.voices),
        groups=tuple((name, tuple(sorted(logins))) for name, logins in groups),
    )
