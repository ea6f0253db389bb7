"""What a slot comes to in the table of ``status``, and on which files of the commit that rests.

A row holds nothing that depends on the time of asking.  It is read from one commit through a tree that watches which
paths are looked at, so that whoever remembers the row knows whether it rests on the files of its own slot alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mlops_gitops.canonical import JSON
from mlops_gitops.errors import Failure
from mlops_gitops.manifests.control import Control
from mlops_gitops.promotion import layout
from mlops_gitops.promotion.slots import Slot
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.store import Tree

FORM = 2
"""Raise it whenever a row says something else, or is judged otherwise, than before for the same files."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One target inside an environment.  ``wave`` is ``None`` where the policy no longer names it."""

    name: str
    wave: int | None
    release: str | None
    version: str | None
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Row:
    """What runs in a slot and in its targets, since when, by which action, and every control written for it."""

    release: str | None
    version: str | None
    since: datetime | None
    action: str | None
    controls: tuple[Control, ...]
    targets: tuple[Standing, ...] = ()
    unsealed: bool = False

    def document(self) -> JSON:
        """As it is remembered: small, because there are tens of thousands."""
        targets: list[JSON] = [
            [one.name, one.wave, one.release, one.version, _seconds(one.since)] for one in self.targets
        ]
        controls: list[JSON] = [one.document() for one in self.controls]
        return [self.release, self.version, _seconds(self.since), self.action, controls, targets, self.unsealed]

    @classmethod
    def of(cls, said: Any) -> Row:
        """From what ``document`` gave."""
        release, version, since, action, controls, targets, unsealed = said
        written = tuple(map(Control.from_value, controls)) if controls else ()
        places = tuple(Standing(name, wave, runs, is_, _moment(at)) for name, wave, runs, is_, at in targets)
        return cls(release, version, _moment(since), action, written, places, unsealed)


@dataclass(frozen=True, slots=True)
class Reading:
    """The row of one slot, or in words why it cannot be believed.

    ``own``: it rests on files of the slot alone; ``past``: it also rests on the commits before.
    """

    row: Row | str
    own: bool
    past: bool

    def document(self) -> JSON:
        """As one process tells it to another."""
        return [self.row if isinstance(self.row, str) else self.row.document(), self.own, self.past]

    @classmethod
    def of(cls, said: Any) -> Reading:
        """From what ``document`` gave."""
        row, own, past = said
        return cls(row if isinstance(row, str) else Row.of(row), own, past)


def read(tree: Tree, environment: str, model: str) -> Reading:
    """What one commit says about one slot."""
    watched = Watched(tree, (*sources(environment, model), layout.TRUST, layout.environment(environment)))
    return Reading(_row(Snapshot(watched), environment, model), own=not watched.strayed, past=watched.looked_back)


def sources(environment: str, model: str) -> tuple[str, ...]:
    """The folders and files that say what runs in a slot, besides trust and policy."""
    return (
        layout.slot(environment, model),
        layout.receipts(environment, model),
        layout.seals(environment, model),
        layout.controls(environment, model),
        layout.releases(model),
    )


def read_first(environment: str, model: str) -> tuple[str, ...]:
    """What to read ahead of a row: the overlay, which people keep beside the pointer, is not looked into."""
    _, *others = sources(environment, model)
    return (layout.pointer(environment, model), *others)


def _row(snapshot: Snapshot, environment: str, model: str) -> Row | str:
    try:
        slot = snapshot.slot(environment, model)
        version = snapshot.release(model, slot.current).version if slot.current else None
        targets = standings(snapshot, slot)
    except Failure as failure:
        return failure.message
    last = slot.arrival
    since, action = (last.since, last.receipt.action) if last else (None, None)
    return Row(slot.current, version, since, action, slot.controls, targets, slot.unsealed)


def standings(snapshot: Snapshot, slot: Slot) -> tuple[Standing, ...]:
    """The targets of a slot with what each runs."""
    return tuple(
        Standing(
            one.name,
            one.wave,
            one.release,
            snapshot.release(slot.model, one.release).version if one.release else None,
            one.filed.since if one.filed else None,
        )
        for one in slot.targets
    )


def _seconds(moment: datetime | None) -> int | None:
    return int(moment.timestamp()) if moment else None


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


class Watched:
    """A tree that notes whether anything but ``allowed`` was looked at; fits ``promotion.store.Tree``."""

    def __init__(self, tree: Tree, allowed: tuple[str, ...]) -> None:
        self._tree = tree
        self._allowed = frozenset(allowed)
        self.strayed = False
        self.looked_back = False

    @property
    def commit(self) -> str:
        """The commit's id."""
        return self._tree.commit

    def read(self, path: str) -> bytes | None:
        """See ``Tree.read``."""
        self._note(path)
        return self._tree.read(path)

    def names(self, folder: str) -> tuple[str, ...]:
        """See ``Tree.names``."""
        self._note(folder)
        return self._tree.names(folder)

    def contents(self, folder: str) -> Mapping[str, str]:
        """See ``Tree.contents``."""
        self._note(folder)
        return self._tree.contents(folder)

    def prefetch(self, paths: Iterable[str]) -> None:
        """See ``Tree.prefetch``."""
        self._tree.prefetch(paths)

    def before(self, path: str) -> Tree | None:
        """See ``Tree.before``."""
        self.looked_back = True
        return self._tree.before(path)

    def follows(self, commit: str) -> bool:
        """See ``Tree.follows``."""
        self.looked_back = True
        return self._tree.follows(commit)

    def _note(self, path: str) -> None:
        while path and path not in self._allowed:
            path = path.rpartition("/")[0]
        self.strayed = self.strayed or not path
