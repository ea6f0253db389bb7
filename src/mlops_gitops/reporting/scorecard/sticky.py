"""Our one comment on a pull request: how it is known, which one wins, and what a run does to it.

A comment of ours begins with a marker that a reader does not see.  It names whose comment it is (``key``), the run that
wrote it, and a digest of everything, so that words that somebody changed are known.  What decides:

* **Only what the forge says that we wrote is ours**: a stranger's comment with the same marker is never taken.
* **The oldest of ours stays**, whoever asks, so that two runs that both began one agree on which to keep; the others
  are removed.  The newest run's words go into it.
* **An older run never has the last word.**  A forge overwrites without asking, so after each write the history of the
  comment is read: what a newer run wrote there, and an older one wrote over, is put back.
* **A newer run is one that the forge knows.**  Every workflow of a repository comments as the same account, and some
  write what strangers ask them to: a marker alone silences nobody.

Runs are ordered by id and attempt, as GitHub numbers them.  Marks that somebody else edited count for nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

_MARKER = re.compile(
    r"<!-- mlops-gitops: report key=([0-9a-f]{12}) run=([0-9]{1,18})\.([0-9]{1,6}) head=([0-9a-f]{0,64}) "
    r"sha256=([0-9a-f]{64}) -->(?:\n|$)"
)
ROUNDS = 8
"""How often a run looks again; more would mean that as many others write at the same moment."""


@dataclass(frozen=True, slots=True, order=True)
class Stamp:
    """Which run wrote something."""

    run: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Said:
    """One comment, or one revision of one, as the forge tells it.

    ``ours``: the forge says that this token's account wrote it.  ``edited``: somebody else changed it last.
    """

    id: int
    body: str
    ours: bool
    edited: bool = False
    url: str = ""


@dataclass(frozen=True, slots=True)
class Conversation:
    """The comments of a pull request in the order of their ids, its head and whether it is open."""

    head: str
    comments: tuple[Said, ...]


class Forge(Protocol):
    """What commenting asks of the place where the pull request lives."""

    def conversation(self, number: int) -> Conversation | None:
        """All comments; ``None`` where there is no such pull request.  Raises ``WorldFailed``."""

    def history(self, comment: int) -> tuple[Said, ...] | None:
        """Every revision of a comment that the forge still has, in no order; ``None`` where it is gone."""

    def say(self, number: int, body: str) -> None:
        """Write a comment.  When the answer is lost, it may or may not be there.  Raises ``Failure``."""

    def rewrite(self, comment: int, body: str) -> bool:
        """Put new words into a comment; ``False`` where it is gone.  Raises ``Failure``."""

    def follows(self, later: Stamp, mine: Stamp, *, head: str) -> bool:
        """Whether ``later`` is a run of the same workflow on this head; ``False`` where the forge does not say."""

    def remove(self, comment: int) -> None:
        """Remove a comment; nothing where it is gone already.  Raises ``Failure``."""


def key(name: str) -> str:
    """Whose comment it is, from a name that may be anything."""
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def marked(body: str, *, key: str, stamp: Stamp, head: str | None) -> str:
    """A comment with its marker."""
    about = f"key={key} run={stamp.run}.{stamp.attempt} head={head or ''}"
    return _level(f"<!-- mlops-gitops: report {about} sha256={_digest(about, body)} -->\n{body}")


def stamp_of(said: Said, *, key: str) -> Stamp | None:
    """Which run's words these are; ``None`` where they are no comment of ours with this key.

    What somebody edited is still our comment, and as old as can be.
    """
    body = _level(said.body)
    match = _MARKER.match(body)
    if not said.ours or match is None or match[1] != key:
        return None
    about = f"key={match[1]} run={match[2]}.{match[3]} head={match[4]}"
    if said.edited or _digest(about, body[match.end() :]) != match[5]:
        return Stamp(0, 0)
    return Stamp(int(match[2]), int(match[3]))


@dataclass(frozen=True, slots=True)
class Step:
    """What to do now.  ``rewrite``: put ``body`` into the comment ``keep``; else it stays as it is."""

    keep: int | None
    body: str
    rewrite: bool
    remove: tuple[int, ...]
    newer: bool
    """Whether these are the words of a newer run than ours."""


def step(seen: Sequence[Said], mine: str, *, key: str, stamp: Stamp) -> Step:
    """What becomes of the comments that are there, and of what else was ever said in them, with ours.

    ``seen`` holds comments and, under the id of theirs, revisions; the first of one id is what stands there now.
    """
    ours = [(one, found) for one in seen if (found := stamp_of(one, key=key)) is not None]
    if not ours:
        return Step(None, mine, rewrite=True, remove=(), newer=False)
    keep = min(one.id for one, _ in ours)
    newest, best = max(((found, one) for one, found in ours), key=lambda pair: (pair[0], -pair[1].id))
    newer = newest > stamp
    body = _level(best.body if newer else mine)
    standing = next(one for one, _ in ours if one.id == keep)
    return Step(
        keep=keep,
        body=body,
        rewrite=standing.edited or _level(standing.body) != body,
        remove=tuple(sorted({one.id for one, _ in ours} - {keep})),
        newer=newer,
    )


def _level(body: str) -> str:
    """A body as it is compared: a forge may end lines in its own way, and drop empty ones at the end."""
    return body.replace("\r\n", "\n").rstrip()


def _digest(about: str, body: str) -> str:
    return hashlib.sha256(f"{about}\n{body}".rstrip().encode("utf-8", "surrogatepass")).hexdigest()
