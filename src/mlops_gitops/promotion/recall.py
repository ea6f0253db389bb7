"""Remembering what was found out about slots, so that fifty thousand are not checked again because one has moved.

A row is remembered under the ids of all that it rests on: the slot's pointer, receipts, seals and controls, the model's
releases, the environment's policy, and trust.  Ids are git's own and name content, so a remembered row is the row that
reading again would give, and any change of any of these files, of trust for instance, makes it be read again.

What it never does: remember that something is broken, or what rests on other files than those; believe what somebody
else may have written, which is the ``Shelf``'s promise; take part in ``promote`` or ``verify``, which read everything.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from mlops_gitops import __version__
from mlops_gitops.canonical import JSON
from mlops_gitops.promotion import layout, rows
from mlops_gitops.promotion.rows import Reading, Row
from mlops_gitops.promotion.store import Tree

Address = tuple[str, str]
"""An environment and a model."""
_TOGETHER = 500
"""Slots that are read ahead in one conversation: enough that waiting is rare, few enough to be held in memory."""
_MANY = 2000
"""So many slots that it pays to share them between processes."""
_FORM = f"{__version__}/{rows.FORM}"
_FOLDERS = ("controls", "environments", "receipts", "releases", "seals", "trust")


class Shelf(Protocol):
    """A place for one remembered table.  Whatever is wrong with it, there is merely nothing on it."""

    def load(self) -> bytes | None:
        """What was kept last, if only this user can have written it."""

    def keep(self, data: bytes) -> None:
        """Keep it instead of what was kept before."""


class Crew(Protocol):
    """Several processes that share one long work."""

    def share(self, work: Callable[[int, int], bytes], count: int) -> list[bytes]:
        """``work(start, end)`` for parts of ``range(count)``, in order."""


class Recall:
    """Reads rows, and remembers them on a shelf where it has one.

    ``keep``: what is read replaces what is remembered; not where somebody asks about the past.  ``crew`` shares the
    reading where there is much of it.
    """

    def __init__(self, shelf: Shelf | None = None, *, keep: bool = True, crew: Crew | None = None) -> None:
        self._shelf = shelf
        self._keep = keep
        self._crew = crew

    def rows(self, tree: Tree, addresses: Sequence[Address]) -> list[Row | str]:
        """The row of each address, or in words why it cannot be believed."""
        if self._shelf is None:
            return [one.row for one in self._readings(tree, addresses)]
        table = _Table.of(self._shelf.load())
        whole = _whole(tree)
        if table is not None and table.answers(whole, tree):
            return [Row.of(one) for one in table.rows]
        keys = _keys(tree, addresses)
        old = table.entries(tree) if table is not None else {}
        entries = [old.get(key) for key in zip(addresses, keys, strict=True)]
        unknown = [number for number, one in enumerate(entries) if one is None]
        told: list[Row | str] = [Row.of(one.said) if one is not None else "" for one in entries]
        for number, reading in zip(unknown, self._readings(tree, [addresses[one] for one in unknown]), strict=True):
            told[number] = reading.row
            if reading.own and isinstance(reading.row, Row):
                entries[number] = _Entry(reading.row.document(), reading.past)
        if self._keep:
            self._shelf.keep(_Table.written(tree, whole, addresses, keys, entries))
        return told

    def _readings(self, tree: Tree, addresses: Sequence[Address]) -> Iterator[Reading]:
        if self._crew is None or len(addresses) < _MANY:
            yield from _readings(tree, addresses)
            return

        def work(start: int, end: int) -> bytes:
            return _compact([one.document() for one in _readings(tree, addresses[start:end])]).encode()

        for part in self._crew.share(work, len(addresses)):
            yield from map(Reading.of, json.loads(part))


@dataclass(frozen=True, slots=True)
class _Entry:
    """A row as it is remembered, and whether it also rests on the commits before."""

    said: JSON
    past: bool


@dataclass(frozen=True, slots=True)
class _Table:
    """What is remembered: a row for each slot, ``None`` where there is nothing to remember.

    ``tip`` is the commit that was read, ``whole`` names the content of all folders that were read, ``past`` counts the
    rows that rest on commits before, and ``rest`` holds the addresses, what each row rests on, and which rows rest on
    commits before; it is taken apart only where something has changed.
    """

    tip: str
    whole: str
    past: int
    rows: Sequence[Any]
    rest: bytes

    @classmethod
    def of(cls, data: bytes | None) -> _Table | None:
        """What ``written`` wrote; ``None`` for anything else: then there is nothing to remember."""
        try:
            head, rows, rest = (data or b"").split(b"\n", 2)
            form, tip, whole, past = json.loads(head)
            return cls(tip, whole, past, json.loads(rows), rest) if form == _FORM else None
        except (ValueError, TypeError, RecursionError):
            return None

    @staticmethod
    def written(
        tree: Tree, whole: str, addresses: Sequence[Address], keys: Sequence[str], entries: Sequence[_Entry | None]
    ) -> bytes:
        """The table as bytes."""
        past = [number for number, one in enumerate(entries) if one is not None and one.past]
        complete = all(one is not None for one in entries)
        head = [_FORM, tree.commit, whole if complete else "", len(past)]
        rows = [one.said if one is not None else None for one in entries]
        return "\n".join(_compact(one) for one in (head, rows, [addresses, keys, past])).encode()

    def answers(self, whole: str, tree: Tree) -> bool:
        """Whether nothing has changed since."""
        return whole == self.whole and self._line_goes_on(tree)

    def entries(self, tree: Tree) -> dict[tuple[Address, str], _Entry]:
        """Each row by its address and what it rests on; those that rest on another line of commits are left out."""
        try:
            addresses, keys, past = json.loads(self.rest)
            known = zip(addresses, keys, self.rows, strict=True)
            leaning = set(past)
            followed = self._line_goes_on(tree)
            return {
                ((environment, model), key): _Entry(row, number in leaning)
                for number, ((environment, model), key, row) in enumerate(known)
                if row is not None and (followed or number not in leaning)
            }
        except (ValueError, TypeError, RecursionError):
            return {}

    def _line_goes_on(self, tree: Tree) -> bool:
        """Whether what was found in the past is still there: the commit in which a file appeared stays the same."""
        return not self.past or tree.follows(self.tip)


def _readings(tree: Tree, addresses: Sequence[Address]) -> Iterator[Reading]:
    """Each slot read from the commit, some hundred in one conversation."""
    for start in range(0, len(addresses), _TOGETHER):
        together = addresses[start : start + _TOGETHER]
        always = [layout.TRUST, *(layout.environment(name) for name, _ in together)]
        tree.prefetch(dict.fromkeys([*always, *(path for one in together for path in rows.read_first(*one))]))
        for environment, model in together:
            yield rows.read(tree, environment, model)


def _whole(tree: Tree) -> str:
    """What names the content of every folder that rows are read from."""
    found = tree.contents("")
    return " ".join(found.get(name, "-") for name in _FOLDERS)


def _keys(tree: Tree, addresses: Sequence[Address]) -> list[str]:
    """What each row rests on: the ids of its sources, of the environment's policy and of trust."""
    trust = tree.contents(layout.TRUST.rpartition("/")[0]).get(layout.TRUST.rpartition("/")[2], "-")
    policies = {env: _id(tree, layout.environment(env)) for env in dict.fromkeys(env for env, _ in addresses)}
    folders: dict[str, Mapping[str, str]] = {}
    keys = []
    for environment, model in addresses:
        ids = [trust, policies[environment]]
        for path in rows.sources(environment, model):
            folder, _, name = path.rpartition("/")
            if folder not in folders:
                folders[folder] = tree.contents(folder)
            ids.append(folders[folder].get(name, "-"))
        keys.append(" ".join(ids))
    return keys


def _id(tree: Tree, path: str) -> str:
    folder, _, name = path.rpartition("/")
    return tree.contents(folder).get(name, "-")


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
