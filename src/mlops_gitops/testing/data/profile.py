"""What one pass over a dataset leaves behind: enough to answer every check, small enough to keep, and mergeable.

A ``Profile`` is an element of a commutative monoid: the profile of a whole equals the merge of the profiles of its
parts, bit for bit, in any order and grouping, and ``EMPTY`` changes nothing.  Only quantities with that property are
kept: counts, extremes, counts on edges that were fixed before the data were seen, the categories with the smallest
hashes, sums that are exact (``moments``), sketches of distinct values (``sketch``) and sums of row hashes
(``digests``).  Zero is one number: -0.0 counts as 0.0 everywhere.

This module reads nothing and imports nothing heavy; an engine (``testing/engines``) fills the records.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import reduce
from itertools import pairwise
from typing import Any, TypeAlias, TypeVar

from mlops_gitops import canonical
from mlops_gitops.canonical import JSON
from mlops_gitops.testing.data.digests import Digests
from mlops_gitops.testing.data.moments import Moments
from mlops_gitops.testing.data.sketch import Sketch

Number: TypeAlias = "int | float"

CATEGORIES = 128
"""How many categories of a text column are kept by name; the rows of all others are counted together."""

Part = TypeVar("Part", Moments, Sketch, Digests)

NUMERIC = frozenset({"integer", "long", "float", "double"})


def _decades() -> tuple[float, ...]:
    steps = [10.0**power for power in range(-3, 10)]
    return tuple([-step for step in reversed(steps)] + [0.0] + steps)


DECADES = _decades()
"""Edges for a number of which nothing is known beforehand: powers of ten, and zero, to both sides."""


def edges_of_range(low: float | None, high: float | None, *, bins: int = 32) -> tuple[float, ...]:
    """Edges that answer exactly how many values lie below ``low`` and above ``high``, with ``bins`` between them.

    A bin holds the values above its left edge up to and including its right edge, so the first edge is the largest
    number *below* ``low``.
    """
    if low is None or high is None:
        inner = [edge for edge in DECADES if (low is None or edge > low) and (high is None or edge < high)]
    else:
        inner = [low + (high - low) * step / bins for step in range(1, bins)]
        inner = [edge for edge in inner if low < edge < high]
    first = [] if low is None else [math.nextafter(low, -math.inf)]
    return tuple(first + inner + ([] if high is None else [high]))


@dataclass(frozen=True, slots=True)
class Histogram:
    """``counts[i]`` values lie in ``(edges[i-1], edges[i]]``; the last count is of those above the last edge."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]

    def above(self, edge: float) -> int:
        """How many values exceed ``edge``, which must be one of the edges."""
        return sum(self.counts[self.edges.index(edge) + 1 :])

    def below(self, low: float) -> int:
        """How many values are less than ``low``, whose predecessor must be one of the edges."""
        return sum(self.counts[: self.edges.index(math.nextafter(low, -math.inf)) + 1])

    def on(self, edges: tuple[float, ...]) -> Histogram:
        """The same values counted on some of the edges.  Raises ``ValueError`` where one was not counted on."""
        cuts = [0, *(self.edges.index(edge) + 1 for edge in edges), len(self.counts)]
        return Histogram(edges, tuple(sum(self.counts[a:b]) for a, b in pairwise(cuts)))


@dataclass(frozen=True, slots=True, order=True)
class Category:
    """One value of a text column: the 64-bit MD5-derived hash that orders it, the value, and its rows."""

    hash: int
    value: str
    count: int


@dataclass(frozen=True, slots=True)
class Column:
    """One column.  ``nulls + nans + infinities`` and the finite rest make up all rows.

    ``minimum`` and ``maximum`` are those of finite numbers, and microseconds since 1970 UTC for times.  ``watched``
    counts the values that were asked for by name, each as text.  ``moments`` and ``sketch`` are there where they were
    asked for.
    """

    name: str
    type: str
    nulls: int
    nans: int = 0
    infinities: int = 0
    minimum: Number | None = None
    maximum: Number | None = None
    histogram: Histogram | None = None
    watched: tuple[tuple[str, int], ...] = ()
    categories: tuple[Category, ...] = ()
    others: int = 0
    moments: Moments | None = None
    sketch: Sketch | None = None

    @property
    def distinct(self) -> int | None:
        """How many different values a text column holds; ``None`` when there are more than are kept by name."""
        return None if self.others else len(self.categories)


@dataclass(frozen=True, slots=True)
class Profile:
    """A dataset after one pass."""

    rows: int
    columns: tuple[Column, ...]
    digests: Digests | None = None

    def column(self, name: str) -> Column | None:
        """The column of that name."""
        return next((column for column in self.columns if column.name == name), None)

    def document(self) -> JSON:
        """The profile as JSON; its canonical form has one digest whatever the sharding was."""
        found: dict[str, JSON] = {"rows": self.rows, "columns": [document_of(column) for column in self.columns]}
        if self.digests is not None:
            found["rowDigests"] = document_of_digests(self.digests)
        return found

    def digest(self) -> str:
        """SHA-256 of the canonical JSON."""
        return canonical.digest(self.document())


EMPTY = Profile(rows=0, columns=())
"""The identity of ``merge``: no file at all."""


def merge(*profiles: Profile) -> Profile:
    """The profile of all rows together.  Raises ``ValueError`` where the parts have not the same columns and edges."""
    return reduce(_merge_two, profiles, EMPTY)


def _merge_two(left: Profile, right: Profile) -> Profile:
    if EMPTY in (left, right):
        return right if left == EMPTY else left
    if [(c.name, c.type) for c in left.columns] != [(c.name, c.type) for c in right.columns]:
        raise ValueError("profiles merge only if they have the same columns with the same types, in the same order")
    columns = tuple(_merge_columns(a, b) for a, b in zip(left.columns, right.columns, strict=True))
    return Profile(left.rows + right.rows, columns, _sum(left.digests, right.digests, what="row digests"))


def _merge_columns(left: Column, right: Column) -> Column:
    categories, dropped = _smallest(left.categories + right.categories)
    return replace(
        left,
        nulls=left.nulls + right.nulls,
        nans=left.nans + right.nans,
        infinities=left.infinities + right.infinities,
        minimum=min((x for x in (left.minimum, right.minimum) if x is not None), default=None),
        maximum=max((x for x in (left.maximum, right.maximum) if x is not None), default=None),
        histogram=_merge_histograms(left.histogram, right.histogram, column=left.name),
        watched=_merge_watched(left, right),
        categories=categories,
        others=left.others + right.others + dropped,
        moments=_sum(left.moments, right.moments, what=f"moments of column {left.name!r}"),
        sketch=_sum(left.sketch, right.sketch, what=f"distinct values of column {left.name!r}"),
    )


def _sum(left: Part | None, right: Part | None, *, what: str) -> Part | None:
    if left is None or right is None:
        if left is not right:
            raise ValueError(f"profiles merge only if both or neither have the {what}")
        return None
    return left + right


def _merge_histograms(left: Histogram | None, right: Histogram | None, *, column: str) -> Histogram | None:
    if left is None and right is None:
        return None
    if left is None or right is None or left.edges != right.edges:
        raise ValueError(f"profiles merge only if column {column!r} was counted on the same edges")
    return Histogram(left.edges, tuple(a + b for a, b in zip(left.counts, right.counts, strict=True)))


def _merge_watched(left: Column, right: Column) -> tuple[tuple[str, int], ...]:
    if [value for value, _ in left.watched] != [value for value, _ in right.watched]:
        raise ValueError(f"profiles merge only if the same values of column {left.name!r} were watched")
    return tuple((value, a + b) for (value, a), (_, b) in zip(left.watched, right.watched, strict=True))


def _smallest(categories: tuple[Category, ...]) -> tuple[tuple[Category, ...], int]:
    """Those with the smallest hashes, and the rows of the rest.

    Merging is exact: a value among the smallest of the whole is among the smallest of every part that holds it.
    """
    counts: dict[tuple[int, str], int] = {}
    for category in categories:
        key = (category.hash, category.value)
        counts[key] = counts.get(key, 0) + category.count
    ordered = [Category(hash_, value, count) for (hash_, value), count in sorted(counts.items())]
    return tuple(ordered[:CATEGORIES]), sum(category.count for category in ordered[CATEGORIES:])


def document_of(column: Column) -> dict[str, JSON]:
    """One column as JSON."""
    fields: dict[str, JSON] = {"name": column.name, "type": column.type, "nulls": column.nulls}
    if column.type in NUMERIC:
        fields |= {"nans": column.nans, "infinities": column.infinities}
    if column.minimum is not None and column.maximum is not None:
        fields |= {"minimum": _exact(column.minimum), "maximum": _exact(column.maximum)}
    if column.histogram is not None:
        edges: list[JSON] = [*column.histogram.edges]
        fields["histogram"] = {"edges": edges, "counts": [*column.histogram.counts]}
    if column.watched:
        fields["watched"] = dict(column.watched)
    if column.type == "string":
        fields["categories"] = {category.value: category.count for category in column.categories}
        fields["others"] = column.others
    if column.moments is not None:
        fields["moments"] = document_of_moments(column.moments)
    if column.sketch is not None:
        fields["aboutDistinct"] = column.sketch.distinct
    return fields


def document_of_moments(moments: Moments) -> dict[str, JSON]:
    """Exact sums, and what follows from them for people to read."""
    fields: dict[str, JSON] = {"sum": str(moments.sum), "squares": str(moments.squares)}
    derived = {"mean": moments.mean, "variance": moments.variance}
    return fields | {name: value for name, value in derived.items() if value is not None}


def document_of_digests(digests: Digests) -> dict[str, JSON]:
    """The digests of all rows, and the name of the hash that they are made of."""
    fields: dict[str, JSON] = {"hashing": digests.hashing, "unordered": digests.unordered}
    if digests.ordered is not None:
        fields["ordered"] = digests.ordered
    return fields


def _exact(value: Number) -> JSON:
    """An integer that a double cannot hold is written as text, so that no digit is lost."""
    return str(value) if isinstance(value, int) and abs(value) > 2**53 - 1 else value


def extreme(column: Mapping[str, Any], name: str) -> Number | None:
    """``minimum`` or ``maximum`` as ``document_of`` wrote it: a real number may stand there as a whole one."""
    value = column.get(name)
    if value is None:
        return None
    return float(value) if column["type"] in {"float", "double"} else int(value)
