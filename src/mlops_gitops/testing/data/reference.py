"""The reference profile: what a data set looked like once, committed beside the manifest, so that CI needs no data.

``NAME.profile.json`` holds the counts of one pass over the data set ``NAME``, on edges at the quantiles of its own
numbers; tens of kilobytes, whatever the data's size.  It holds no row.  Text columns show their categories by name,
at most 128 of them: whoever may not show them keeps such a column out of the data.

The file comes from a repository and is not trusted: it is read whole and bounded, checked against its schema and
against itself, and whatever does not add up is a ``ValueError`` with the reason.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mlops_gitops import canonical
from mlops_gitops.canonical import JSON
from mlops_gitops.manifests import schema
from mlops_gitops.testing.data.designs import Design
from mlops_gitops.testing.data.digests import Digests, Run
from mlops_gitops.testing.data.moments import Dyadic, Moments
from mlops_gitops.testing.data.profile import (
    CATEGORIES,
    NUMERIC,
    Category,
    Column,
    Histogram,
    Profile,
    document_of,
    document_of_digests,
    document_of_moments,
    extreme,
)
from mlops_gitops.testing.data.scans import Wanted
from mlops_gitops.testing.data.shifts import Sample

SUFFIX = ".profile.json"
LARGEST = 16 * 1024 * 1024
"""Bytes of a file that is read: 4,096 columns of the longest kind fit."""
BINS = 64
"""Edges lie at the 64-quantiles, and on both sides of a value that spans two of them: D is within 1/32 of exact."""
_DIGITS = 22
"""Of a whole number: the largest double that canonical JSON writes without an exponent has as many."""
HEADER: Mapping[str, JSON] = {"apiVersion": "mlops-gitops/v1", "kind": "Profile"}


@dataclass(frozen=True, slots=True)
class Reference:
    """A profile, the data set and the SHA-256 of the file that it was made from.

    ``designs`` has the design effect of each column whose rows resemble one another within their blocks, and ``about``
    how many different values each column has, about.
    """

    dataset: str
    digest: str
    profile: Profile
    designs: Mapping[str, Design] = field(default_factory=dict)
    about: Mapping[str, int] = field(default_factory=dict)

    def sample(self, name: str) -> Sample | None:
        """One column, as one side of a comparison."""
        column = self.profile.column(name)
        return None if column is None else sample(column, self.profile.rows, self.designs.get(name))

    def wanted(self) -> Wanted:
        """What a pass over other data has to count to be comparable."""
        return Wanted(
            edges={one.name: one.histogram.edges for one in self.profile.columns if one.histogram is not None},
            watched={one.name: tuple(value for value, _ in one.watched) for one in self.profile.columns if one.watched},
        )

    def text(self) -> str:
        """The file: JSON with one column a line, so that a change of one column is a change of one line."""
        columns = [document_of(one) for one in self.profile.columns]
        for column, one in zip(columns, self.profile.columns, strict=True):
            if one.name in self.about:
                column["aboutDistinct"] = self.about[one.name]
            if one.name in self.designs:
                design = self.designs[one.name]
                column |= {"design": design.effect, "freedom": design.freedom}
        digest: JSON = {"sha256": self.digest}
        head: dict[str, JSON] = {**HEADER, "dataset": self.dataset, "digest": digest, "rows": self.profile.rows}
        if self.profile.digests is not None:
            head["rowDigests"] = document_of_digests(self.profile.digests)
        lines = ",\n".join(f"    {canonical.encode(column).decode()}" for column in columns)
        fields = ",\n".join(f"  {json.dumps(name)}: {canonical.encode(value).decode()}" for name, value in head.items())
        return f'{{\n{fields},\n  "columns": [\n{lines}\n  ]\n}}\n'


def sample(column: Column, rows: int, design: Design | None) -> Sample:
    """A column as one side of a comparison; without a design effect its rows are independent."""
    return Sample(column, rows) if design is None else Sample(column, rows, design.effect, design.freedom)


def read(data: bytes) -> Reference:
    """The reference in the file's bytes.  Raises ``ValueError`` for anything that ``text`` would not have written."""
    if len(data) > LARGEST:
        raise ValueError(f"it has {len(data):,} bytes, and {LARGEST:,} are the most that is read")
    try:
        value = json.loads(
            data, parse_constant=_refused, parse_float=_finite, parse_int=_whole, object_pairs_hook=_once
        )
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is no JSON: {error}") from error
    if not schema.check("profile")(value):
        raise ValueError("it does not fit the schema of a profile (`mlops-gitops schema profile`)")
    rows = value["rows"]
    columns = tuple(replace(_column(one, rows), moments=_moments(one, rows)) for one in value["columns"])
    if len({one.name for one in columns}) != len(columns):
        raise ValueError("it has two columns of one name")
    designs = {one["name"]: Design(float(one["design"]), one["freedom"]) for one in value["columns"] if "design" in one}
    about = {one["name"]: one["aboutDistinct"] for one in value["columns"] if "aboutDistinct" in one}
    profile = Profile(rows, columns, _digests(value.get("rowDigests"), rows))
    return Reference(value["dataset"], value["digest"]["sha256"], profile, designs, about)


def _digests(value: Mapping[str, str] | None, rows: int) -> Digests | None:
    """Those of all rows, as of one shard."""
    if value is None or "ordered" not in value:
        return None
    return Digests(value["hashing"], (Run(0, 1, rows, int(value["unordered"], 16), int(value["ordered"], 16)),))


def _column(value: Mapping[str, Any], rows: int) -> Column:
    name = value["name"]
    histogram, categories = value.get("histogram"), value.get("categories", {})
    column = Column(
        name,
        value["type"],
        value["nulls"],
        value.get("nans", 0),
        value.get("infinities", 0),
        extreme(value, "minimum"),
        extreme(value, "maximum"),
        histogram=Histogram(tuple(map(float, histogram["edges"])), tuple(histogram["counts"])) if histogram else None,
        watched=tuple(sorted(value.get("watched", {}).items())),
        categories=tuple(sorted(Category(hash_of(text), text, count) for text, count in categories.items())),
        others=value.get("others", 0),
    )
    if column.histogram is not None:
        edges = column.histogram.edges
        if list(edges) != sorted(set(edges)) or len(column.histogram.counts) != len(edges) + 1:
            raise ValueError(f"the edges of column {name!r} do not rise, or are not one less than its counts")
        counted = sum(column.histogram.counts)
    elif column.type == "string":
        if column.others and len(column.categories) != CATEGORIES:
            raise ValueError(f"column {name!r} has others, and does not name {CATEGORIES} categories before them")
        counted = column.others + sum(one.count for one in column.categories)
    elif column.watched:
        counted = sum(count for _, count in column.watched)
    elif column.type not in NUMERIC and column.type != "boolean":
        return column
    elif rows > column.nulls + column.nans + column.infinities:
        raise ValueError(f"column {name!r} has no counts")
    else:  # without a number there are no quantiles, and no edges
        counted = 0
    if counted + column.nulls + column.nans + column.infinities != rows:
        raise ValueError(f"the counts of column {name!r} do not add up to {rows} rows")
    return column


def _moments(value: Mapping[str, Any], rows: int) -> Moments | None:
    """The exact sums; what follows from them must stand beside them as it follows."""
    if (told := value.get("moments")) is None:
        return None
    count = rows - value["nulls"] - value.get("nans", 0) - value.get("infinities", 0)
    found = Moments(count, Dyadic.read(told["sum"]), Dyadic.read(told["squares"]))
    beside = {
        name: float(one) for name, one in told.items() if name in {"mean", "variance"}
    }  # whole ones are written so
    if document_of_moments(found) != {**told, **beside}:
        raise ValueError(f"the mean or variance of column {value['name']!r} is not that of its sums")
    return found


def hash_of(text: str) -> int:
    """The hash by which categories are kept: the last 64 bits of the MD5, as the engine computes it."""
    digest = hashlib.md5(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()
    return int.from_bytes(digest[8:], "little")


def _whole(text: str) -> int:
    if len(text) > _DIGITS:
        raise ValueError("it holds a number beyond all bounds")
    return int(text)


def _finite(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError("it holds a number beyond all bounds")
    return value


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands there twice")
    return found
