"""Putting our comment on a pull request, through a ``sticky.Forge``: look, write, and look again until it stands.

It can be killed anywhere and run again, or run beside others: what is left is put right by whoever comes next.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from mlops_gitops.errors import Misused, WorldFailed
from mlops_gitops.reporting.scorecard import sticky
from mlops_gitops.reporting.scorecard.sticky import Conversation, Forge, Said, Stamp

Result = Literal["created", "updated", "unchanged", "older", "denied", "failed"]


@dataclass(frozen=True, slots=True)
class Placed:
    """What became of the comment; ``removed`` counts duplicates of ours."""

    result: Result
    url: str | None = None
    removed: int = 0
    note: str | None = None


def place(forge: Forge, number: int, body: str, *, name: str, stamp: Stamp, head: str | None) -> Placed:
    """Write ``body`` where our comment is.

    Raises ``Misused`` where there is no such pull request, ``WorldFailed`` where the forge cannot be reached, refuses,
    or too many write at once.
    """
    key = sticky.key(name)
    mine = sticky.marked(body, key=key, stamp=stamp, head=head)
    wrote: Result | None = None
    removed = 0
    known: dict[Stamp, bool] = {}
    for _ in range(sticky.ROUNDS):
        talk = _conversation(forge, number)
        if head is not None and talk.head != head:
            note = f"the head has moved on to {talk.head[:12]}, whose run will tell"
            return Placed("older", removed=removed, note=note)
        seen = _with_history(forge, talk, key) if wrote else talk.comments
        seen = tuple(_believed(forge, one, key=key, stamp=stamp, head=talk.head, known=known) for one in seen)
        now = sticky.step(seen, mine, key=key, stamp=stamp)
        if now.keep is None:
            forge.say(number, mine)
            wrote = "created"
            continue
        rewritten = now.rewrite and forge.rewrite(now.keep, now.body)
        if rewritten:
            wrote = wrote or "updated"
        for one in now.remove:
            forge.remove(one)
            removed += 1
        if not now.rewrite:
            url = next(one.url for one in talk.comments if one.id == now.keep)
            if now.newer:
                return Placed("older", url, removed, "a newer run has spoken")
            return Placed(wrote or "unchanged", url, removed)
    raise WorldFailed(
        f"the comment on pull request {number} was overwritten {sticky.ROUNDS} times while it was written",
        hint="too many runs write at once; run the command again",
        code="comment-contended",
    )


def _believed(forge: Forge, one: Said, *, key: str, stamp: Stamp, head: str, known: dict[Stamp, bool]) -> Said:
    """What claims to be a newer run's words counts as edited by somebody, unless the forge knows that run."""
    found = sticky.stamp_of(one, key=key)
    if found is None or found <= stamp:
        return one
    if found not in known:
        known[found] = forge.follows(found, stamp, head=head)
    return one if known[found] else replace(one, edited=True)


def _conversation(forge: Forge, number: int) -> Conversation:
    found = forge.conversation(number)
    if found is None:
        raise Misused(
            f"there is no pull request {number}",
            hint="name another with --pull-request, or another repository with --repository",
            code="no-pull-request",
        )
    return found


def _with_history(forge: Forge, talk: Conversation, key: str) -> tuple[Said, ...]:
    """What stands there, and what stood in the comment that stays: somebody older may have written over it."""
    ours = [one.id for one in talk.comments if sticky.stamp_of(one, key=key) is not None]
    before = forge.history(min(ours)) if ours else None
    return (*talk.comments, *(before or ()))
