"""One pass over one data file: what to look for, and what was found.

An engine turns a ``Source`` and what is ``Wanted`` into a ``Scan``; the checks are functions of the scan.  Nothing here
reads data or imports anything heavy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, TypeAlias

from mlops_gitops.canonical import JSON
from mlops_gitops.errors import Refused
from mlops_gitops.testing.data.profile import Profile

Format: TypeAlias = Literal["parquet", "csv", "json", "arrow"]

UNREADABLE = "data-unreadable"
"""The code of the refusal when a file is missing, damaged or not what its name says."""

EVERY = "*"
"""Stands for every column, where columns are named; a column of that name is among them."""

_SUFFIXES: dict[str, Format] = {".parquet": "parquet", ".csv": "csv", ".jsonl": "json", ".ndjson": "json"}
_SUFFIXES |= {".arrow": "arrow", ".feather": "arrow"}
_MEDIA_TYPES: dict[str, Format] = {
    "application/vnd.apache.parquet": "parquet",
    "text/csv": "csv",
    "application/jsonl": "json",
    "application/x-ndjson": "json",
    "application/vnd.apache.arrow.file": "arrow",
}


class Source(NamedTuple):
    """One data set and how it is written: a file, or several ``shards`` below the folder ``path``.

    ``aside`` are files that lie there too and are no data, such as Spark's ``_SUCCESS``.
    """

    path: Path
    format: Format
    shards: tuple[Path, ...] = ()
    aside: tuple[Path, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """The files, in the order of the rows."""
        return self.shards or (self.path,)

    @property
    def argument(self) -> list[str]:
        """What an engine is given to read them all."""
        return [str(path) for path in self.files]

    def names(self) -> dict[str, Path]:
        """Every file by its path below the data set's folder: those with rows in their order, then the others."""
        if not self.shards:
            return {self.path.name: self.path}
        return {path.relative_to(self.path).as_posix(): path for path in (*self.shards, *self.aside)}

    @property
    def typed(self) -> bool:
        """Whether the file itself says the type of each column; in text, a whole number may stand for a real one."""
        return self.format in {"parquet", "arrow"}


def source(path: Path, *, media_type: str | None = None) -> Source:
    """The file at ``path``, by its media type or else its suffix.  ``Refused`` where neither is known."""
    name = path.name.removesuffix(".gz")
    found = _MEDIA_TYPES.get(media_type or "") or _SUFFIXES.get(Path(name).suffix.lower())
    if found is None:
        raise Refused(
            f"{path.name} is of no format that can be tested",
            hint="write it as Parquet (.parquet), CSV (.csv) or JSON lines (.jsonl), or name its mediaType",
            code="data-format",
        )
    if set(path.as_posix()) & set("*?[]{}"):
        raise Refused(
            f"the path {str(path)!r} holds a wildcard, which would name other files",
            hint="rename the file without * ? [ ] { }",
            code="data-path",
        )
    return Source(path, found)


class Ask(Protocol):
    """From the columns of a file, with their types in its words, to what rows to count: name → condition in SQL.

    The conditions are this program's own or confined (``testing/engines/expressions.py``), never a user's text.  It
    can be pickled, since workers are given it.
    """

    def __call__(self, stored: Mapping[str, str], /) -> Mapping[str, str]:
        """The conditions for a file of these columns."""

    @property
    def told(self) -> JSON:
        """What is asked for, in few words: counts of different things do not merge.  Of a clock it says nothing."""


class By(NamedTuple):
    """The column that parts rows into blocks: its days, or groups of its values."""

    column: str
    days: bool


class Group(NamedTuple):
    """Rows that belong together because they are alike in ``columns``, none of them standing for all columns.

    ``of`` says what makes them alike: their ``values``, nulls too; values that are all ``present``; the ``days`` of the
    one column; its values as ``texts``, which stay readable where all else is hashed; or all columns but the last, the
    label, whose different values are kept apart (``labelled``).
    """

    columns: tuple[str, ...]
    of: Literal["values", "present", "days", "texts", "labelled"] = "values"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to count beyond the ordinary: edges and watched values by column, and keys whose distinct rows to count.

    ``moments`` and ``distinct`` name the columns whose exact sums and distinct values are wanted; ``EVERY`` in them
    stands for all.  ``digests`` asks for those of the rows.  ``asks`` are for rows that fit a condition.  ``groups``,
    and the rows in blocks ``by`` a column, are written beside the counts of a shard, for questions that no profile
    answers; where the rows are at hand, they are asked instead.

    ``only`` is for tests that need no whole profile, which is what ``None`` wants.  Of a column that is not in it,
    nothing but its type is wanted and what the file's footer says of it.  Of one that is, nulls, NaN, infinities and
    extremes are; it has a histogram where it has edges, and categories where values of it are watched.
    """

    edges: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    watched: Mapping[str, tuple[str | float | bool, ...]] = field(default_factory=dict)
    keys: tuple[tuple[str, ...], ...] = ()
    distinct_rows: bool = False
    moments: frozenset[str] = frozenset()
    distinct: frozenset[str] = frozenset()
    digests: bool = False
    only: frozenset[str] | None = None
    asks: tuple[Ask, ...] = ()
    groups: tuple[Group, ...] = ()
    by: By | None = None

    @property
    def whole(self) -> bool:
        """Whether every column is wanted with all that a profile says of it."""
        return self.only is None

    def __or__(self, other: Wanted) -> Wanted:
        """Both at once: every edge and every value that either asks for."""
        edges = {
            name: tuple(sorted({*self.edges.get(name, ()), *other.edges.get(name, ())}))
            for name in {**self.edges, **other.edges}
        }
        watched = {
            name: tuple(dict.fromkeys([*self.watched.get(name, ()), *other.watched.get(name, ())]))
            for name in {**self.watched, **other.watched}
        }
        keys = tuple(dict.fromkeys([*self.keys, *other.keys]))
        return Wanted(
            edges,
            watched,
            keys,
            distinct_rows=self.distinct_rows or other.distinct_rows,
            moments=self.moments | other.moments,
            distinct=self.distinct | other.distinct,
            digests=self.digests or other.digests,
            only=None if self.only is None or other.only is None else self.only | other.only,
            asks=(*self.asks, *other.asks),
            by=self.by or other.by,
            groups=tuple(dict.fromkeys([*self.groups, *other.groups])),
        )


@dataclass(frozen=True, slots=True)
class Scan:
    """All that one pass over one file found.

    ``stored`` is each column's own type in the file's words; ``distinct`` maps a key to how many different values it
    takes, and the empty key to how many different whole rows there are.  ``counts`` are the rows that fit each
    condition that was asked for, by its name.
    """

    profile: Profile
    stored: Mapping[str, str]
    distinct: Mapping[tuple[str, ...], int]
    counts: Mapping[str, int] = field(default_factory=dict)


def watched_text(value: str | float | bool) -> str:  # noqa: FBT001 - a value, not a switch
    """The one spelling of a watched value: ``true``, ``3``, ``2.5``, or the text itself."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
