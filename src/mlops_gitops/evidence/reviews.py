"""What reviews on a forge say, as a record that evidence can carry.

A ``Review`` is one look at one pull request at one head: who wrote it, who pushed last, and every review that was
submitted.  It says what the forge answered and judges nothing; ``evidence/gates.py`` decides which voices count.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Said = Literal["approved", "changes-requested", "commented", "dismissed"]


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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
