"""The reviews of one pull request, as a record and as the JSON that evidence carries.

A ``Review`` is one look at one pull request at one head: who wrote it, who pushed last, and the last word of everybody
who reviewed.  It says what the forge answered and judges nothing.  What is read back is checked field by field: a field
that is missing, of another type or unknown makes the whole of it no review.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal, cast, get_args

from mlops_gitops import times
from mlops_gitops.canonical import JSON
from mlops_gitops.records import record

Said = Literal["approved", "changes-requested", "commented", "dismissed"]

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_PROMOTION = re.compile(r"[0-9a-f]{64}")


@record
class Voice:
    """One submitted review.  ``commit`` is the head that it was given on, ``id`` the forge's own name for it.

    A dismissed review keeps its place with ``said`` of ``dismissed``.
    """

    login: str
    bot: bool
    said: Said
    commit: str
    at: datetime
    id: str


@record
class Review:
    """The reviews of one pull request at ``head``.

    Logins are as the forge writes them; ``authors`` may hold e-mail addresses too.  ``groups`` are groups whose members
    the forge itself named (its teams, its code owners), each with the logins in it.  ``promotion`` is the id of the
    promotion that the pull request proposes, ``None`` for one in a model repository.
    """

    forge: str
    repository: str
    number: int
    head: str
    author: str
    authors: tuple[str, ...]
    pusher: str | None
    voices: tuple[Voice, ...]
    groups: tuple[tuple[str, tuple[str, ...]], ...] = ()
    promotion: str | None = None


def last_words(voices: Iterable[Voice]) -> tuple[Voice, ...]:
    """The last word of each account, in the order in which they were said; a comment is no word.

    Nothing else can count.  Who may read a repository may comment there as often as they like, and what is kept of a
    pull request is signed and stays for ever: it must not grow with the comments.
    """
    last: dict[tuple[str, bool], tuple[int, Voice]] = {}
    for place, one in enumerate(voices):
        if one.said != "commented":
            last[one.login.lower() if one.login.isascii() else one.login, one.bot] = (place, one)
    return tuple(voice for _, voice in sorted(last.values(), key=lambda one: one[0]))


def document(review: Review) -> dict[str, JSON]:
    """A review as JSON; times to the second, and what says nothing is left out."""
    said: dict[str, JSON] = {
        "forge": review.forge,
        "repository": review.repository,
        "number": review.number,
        "head": review.head,
        "author": review.author,
        "authors": list(review.authors),
        "pusher": review.pusher,
        "voices": [
            {
                "login": one.login,
                "bot": one.bot,
                "said": one.said,
                "commit": one.commit,
                "at": times.format_instant(one.at),
                "id": one.id,
            }
            for one in review.voices
        ],
        "groups": [{"name": name, "members": list(members)} for name, members in review.groups] or None,
        "promotion": review.promotion,
    }
    return {name: value for name, value in said.items() if value is not None}


def parse(value: Any) -> Review:
    """The review in JSON that was read.  Raises ``ValueError`` with what is wrong with it."""
    said = _Fields(value, "a review")
    review = Review(
        forge=said.text("forge"),
        repository=said.text("repository"),
        number=said.count("number"),
        head=said.text("head", _COMMIT),
        author=said.text("author"),
        authors=tuple(_text(one, "one of its authors") for one in said.list("authors")),
        pusher=said.text("pusher") if said.has("pusher") else None,
        voices=tuple(map(_voice, said.list("voices"))),
        groups=tuple(map(_group, said.list("groups"))) if said.has("groups") else (),
        promotion=said.text("promotion", _PROMOTION) if said.has("promotion") else None,
    )
    said.done()
    return review


def _voice(value: Any) -> Voice:
    said = _Fields(value, "a voice of a review")
    words = said.text("said")
    if words not in get_args(Said):
        raise ValueError(f"a voice of a review says {words!r}, which is no answer")
    voice = Voice(
        login=said.text("login"),
        bot=said.truth("bot"),
        said=cast("Said", words),
        commit=said.text("commit", _COMMIT),
        at=times.parse_instant(said.text("at")),
        id=said.text("id"),
    )
    said.done()
    return voice


def _group(value: Any) -> tuple[str, tuple[str, ...]]:
    said = _Fields(value, "a group of a review")
    group = said.text("name"), tuple(_text(one, "a member of a group") for one in said.list("members"))
    said.done()
    return group


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{what} is {value!r}, which should be text")
    return value


class _Fields:
    """The fields of an object, taken one by one, so that an unknown one is noticed at the end."""

    def __init__(self, value: Any, what: str) -> None:
        if not isinstance(value, Mapping):
            raise ValueError(f"{what} is {value!r}, which should be an object")  # noqa: TRY004 - one kind of failure
        self._left = dict(value)
        self._what = what

    def has(self, name: str) -> bool:
        return name in self._left

    def text(self, name: str, form: re.Pattern[str] | None = None) -> str:
        found = _text(self._take(name), f"the {name} of {self._what}")
        if form is not None and form.fullmatch(found) is None:
            raise ValueError(f"the {name} of {self._what} is {found!r}, which has another form")
        return found

    def truth(self, name: str) -> bool:
        found = self._take(name)
        if not isinstance(found, bool):
            raise ValueError(f"the {name} of {self._what} is {found!r}, which should be true or false")  # noqa: TRY004
        return found

    def count(self, name: str) -> int:
        found = self._take(name)
        if type(found) is not int or found < 1:  # not a bool, which Python takes for a number
            raise ValueError(f"the {name} of {self._what} is {found!r}, which should be a number from 1 on")
        return found

    def list(self, name: str) -> list[Any]:
        found = self._take(name)
        if not isinstance(found, list):
            raise ValueError(f"the {name} of {self._what} is {found!r}, which should be a list")  # noqa: TRY004
        return found

    def done(self) -> None:
        if self._left:
            raise ValueError(f"{self._what} has the unknown field {min(map(str, self._left))!r}")

    def _take(self, name: str) -> Any:
        if name not in self._left:
            raise ValueError(f"{self._what} lacks the field {name!r}")
        return self._left.pop(name)
