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
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.store import Tree

FORM = 1
"""Raise it whenever a row says something else, or is judged otherwise, than before for the same files."""


@dataclass(frozen=True, slots=True)
class Row:
    """What runs in a slot, since when, by which action, and every control that was written for it."""

    release: str | None
    version: str | None
    since: datetime | None
    action: str | None
    controls: tuple[Control, ...]

    def document(self) -> JSON:
        """As it is remembered: small, because there are tens of thousands."""
        since = int(self.since.timestamp()) if self.since else None
        return [self.release, self.version, since, self.action, [one.document() for one in self.controls]]

    @classmethod
    def of(cls, said: Any) -> Row:
        """From what ``document`` gave."""
        release, version, since, action, controls = said
        moment = None if since is None else datetime.fromtimestamp(since, UTC)
        return cls(release, version, moment, action, tuple(map(Control.from_value, controls)) if controls else ())


@dataclass(frozen=True, slots=True)
class Reading:
    """The row of one slot, or in words why it cannot be believed.

    ``own``: it rests on files of the slot alone; ``past``: it also rests on the commits before.
    """

    row: Row | str
    own: bool
    past: bool


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


def _row(snapshot: Snapshot, environment: str, model: str) -> Row | str:
    try:
        slot = snapshot.slot(environment, model)
        version = snapshot.release(model, slot.current).version if slot.current else None
    except Failure as failure:
        return failure.message
    last = slot.receipts[-1].receipt if slot.receipts else None
    return Row(slot.current, version, last.time if last else None, last.action if last else None, slot.controls)


class Watched:
    """A tree that notes whether anything but ``allowed`` was looked at; fits ``promotion.store.Tree``."""

    def __init__(self, tree: Tree, allowed: tuple[str, ...]) -> None:
        self._tree = tree
        self._allowed = allowed
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
        self.strayed = self.strayed or not any(path == one or path.startswith(f"{one}/") for one in self._allowed)
