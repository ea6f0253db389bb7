"""The count of some shards of a data set, as a file that another machine merges with those of the others.

A partial is a folder: ``partial.json``, and in Parquet the groups of rows that a question needs, most of them as hashes
(``testing/engines/groups.py``).  It holds no row; but category names, labels and the extremes of columns are in it, and
whoever knows a key can look for its hash.

Partials come from other jobs and are read as what they are, foreign files: bounded, checked, and refused with a reason.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import pairwise
from operator import add
from typing import Any

from mlops_gitops import canonical
from mlops_gitops.canonical import JSON
from mlops_gitops.errors import Refused
from mlops_gitops.manifests import schema
from mlops_gitops.testing.data.blocks import Blocks
from mlops_gitops.testing.data.digests import Digests, Run
from mlops_gitops.testing.data.moments import Dyadic, Moments
from mlops_gitops.testing.data.profile import EMPTY, Category, Column, Histogram, Profile, document_of, extreme, merge
from mlops_gitops.testing.data.scans import Format, Group, Scan, Wanted, watched_text
from mlops_gitops.testing.data.sketch import Sketch

LARGEST = 256 * 1024 * 1024
"""Bytes of a ``partial.json`` that is read."""
HEADER: Mapping[str, JSON] = {"apiVersion": "mlops-gitops/v1", "kind": "PartialProfile"}


@dataclass(frozen=True, slots=True)
class Partial:
    """What was counted in some shards of a data set.

    ``files`` maps the number of each file that was read to its name and SHA-256, of ``shards`` that there are, those
    without rows included.  ``asked`` is the digest of what was wanted: counts of different things do not merge.
    ``counts`` are the rows that fit each condition; ``groups`` names the files of each group, those of all its shards.
    ``blocks`` are the rows in blocks, where drift is asked for in rows that come in some.
    """

    dataset: str
    format: Format
    asked: str
    shards: int
    files: Mapping[int, tuple[str, str]]
    profile: Profile = EMPTY
    stored: Mapping[str, str] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    groups: Mapping[Group, tuple[str, ...]] = field(default_factory=dict)
    blocks: Blocks | None = None

    def document(self) -> JSON:
        """As JSON, with everything that merging needs."""
        columns: list[JSON] = [_written(one, self.stored[one.name]) for one in self.profile.columns]
        digests = self.profile.digests
        runs: list[JSON] = [] if digests is None else [_run(one) for one in digests.runs]
        return {
            **HEADER,
            "dataset": self.dataset,
            "format": self.format,
            "asked": self.asked,
            "shards": self.shards,
            "files": [{"shard": at, "name": name, "sha256": sha} for at, (name, sha) in sorted(self.files.items())],
            "rows": self.profile.rows,
            "columns": columns,
            "hashing": None if digests is None else digests.hashing,
            "runs": runs,
            "counts": [{"name": name, "rows": count} for name, count in self.counts.items()],
            "groups": [
                {"columns": [*one.columns], "of": one.of, "files": [*files]} for one, files in self.groups.items()
            ],
            "blocks": None if self.blocks is None else self.blocks.document(),
        }

    def encoded(self) -> bytes:
        """The canonical bytes of ``partial.json``."""
        return canonical.encode(self.document())


def asked(wanted: Wanted) -> str:
    """The digest of what is wanted."""
    edges: dict[str, JSON] = {name: [*map(repr, edges)] for name, edges in wanted.edges.items()}
    watched: dict[str, JSON] = {name: [*map(repr, values)] for name, values in wanted.watched.items()}
    keys: list[JSON] = [[*key] for key in wanted.keys]
    only: list[JSON] | None = None if wanted.only is None else [*sorted(wanted.only)]
    return canonical.digest(
        {
            "edges": edges,
            "watched": watched,
            "keys": keys,
            "rows": [wanted.distinct_rows, wanted.digests],
            "values": [[*sorted(wanted.moments)], [*sorted(wanted.distinct)], only],
            "asks": [one.told for one in wanted.asks],
            "by": None if wanted.by is None else [*wanted.by],
        }
    )


def read(data: bytes) -> Partial:
    """The partial in these bytes.  Raises ``Refused`` for anything that ``encoded`` would not have written."""
    try:
        if len(data) > LARGEST:
            raise ValueError(f"it has {len(data):,} bytes, and {LARGEST:,} are the most that is read")  # noqa: TRY301
        value = json.loads(data)
        if not schema.check("partial-profile")(value):
            raise ValueError("it does not fit its schema (`mlops-gitops schema partial-profile`)")  # noqa: TRY301
        found = _read(value)
        if found.encoded() != data:
            raise ValueError("it is not what it would be written as")  # noqa: TRY301
    except (ValueError, RecursionError, binascii.Error) as error:
        raise Refused(
            f"a partial profile cannot be used: {error}", hint="count the shard again", code="partial-profile"
        ) from error
    return found


def merged(parts: Sequence[Partial]) -> Partial:
    """All together, in whatever order they come.  Raises ``Refused`` where they do not belong together."""
    first, files = parts[0], dict[int, tuple[str, str]]()
    for one in parts:
        if (one.dataset, one.asked, one.shards) != (first.dataset, first.asked, first.shards):
            raise _apart(f"the counts of {one.dataset} were not made for the same shards and the same tests")
        twice = files.keys() & one.files.keys()
        if twice:
            raise _apart(f"shard {min(twice) + 1} of {one.dataset} was counted twice")
        files |= one.files
    counted = [one for one in parts if one.profile.columns]
    told = [({*one.counts}, {*one.groups}) for one in counted]
    if any(one != other for one, other in pairwise(told)):
        raise _apart(f"the counts of {first.dataset} were not made for the same tests")
    counts: Counter[str] = Counter()
    groups: dict[Group, tuple[str, ...]] = {}
    for one in counted:
        counts.update(one.counts)
        for group, names in one.groups.items():
            groups[group] = (*groups.get(group, ()), *names)
    try:
        profile = merge(*(one.profile for one in counted))
        parted = [one.blocks for one in counted if one.blocks is not None]
        blocks = reduce(add, parted) if parted else None
    except ValueError as error:
        raise _apart(f"the shards of {first.dataset} differ: {error}") from error
    stored = counted[0].stored if counted else {}
    if any(one.stored != stored for one in counted):
        raise _apart(f"the shards of {first.dataset} store their columns in different types")
    return replace(
        first,
        files=dict(sorted(files.items())),
        profile=profile,
        stored=stored,
        counts=dict(counts),
        groups=groups,
        blocks=blocks,
    )


def whole(part: Partial, distinct: Mapping[tuple[str, ...], int]) -> Scan:
    """The scan of the data set, all shards being there.  Raises ``Refused`` where one is missing."""
    complete(part)
    return Scan(part.profile, part.stored, distinct, part.counts)


def complete(part: Partial) -> Partial:
    """What was counted in all shards.  Raises ``Refused`` where one is missing."""
    missing = [at + 1 for at in range(part.shards) if at not in part.files]
    if missing:
        raise _apart(f"shard {missing[0]} of {part.shards} of {part.dataset} was not counted")
    return part


def _apart(message: str) -> Refused:
    return Refused(
        message, hint="count all shards again, with the same manifest, and merge those", code="shards-differ"
    )


def _written(column: Column, stored: str) -> JSON:
    fields = document_of(column) | {"stored": stored}
    fields.pop("aboutDistinct", None)
    if column.moments is not None:
        sums = column.moments
        fields["moments"] = {"count": sums.count, "sum": str(sums.sum), "squares": str(sums.squares)}
    if column.sketch is not None:
        fields["sketch"] = base64.b64encode(bytes(column.sketch)).decode()
    if column.watched:
        fields["watched"] = [[name, count] for name, count in column.watched]
    if column.type == "string":
        fields["categories"] = [[str(one.hash), one.value, one.count] for one in column.categories]
    return fields


def _run(one: Run) -> JSON:
    return {"first": one.first, "last": one.last, "rows": one.rows, "sum": str(one.sum), "weighted": str(one.weighted)}


def _read(value: Mapping[str, Any]) -> Partial:
    columns = tuple(map(_column, value["columns"]))
    odd = next((one.name for one in columns if not _adds_up(one, value["rows"])), None)
    if odd is not None:
        raise ValueError(f"the counts of column {odd[:200]!r} do not add up to {value['rows']:,} rows")
    runs = tuple(
        Run(one["first"], one["last"], one["rows"], int(one["sum"]), int(one["weighted"])) for one in value["runs"]
    )
    digests = None if value["hashing"] is None else Digests(value["hashing"], runs)
    return Partial(
        value["dataset"],
        value["format"],
        value["asked"],
        value["shards"],
        {one["shard"]: (one["name"], one["sha256"]) for one in value["files"]},
        Profile(value["rows"], columns, digests),
        {one["name"]: one["stored"] for one in value["columns"]},
        {one["name"]: one["rows"] for one in value["counts"]},
        {Group(tuple(one["columns"]), one["of"]): tuple(one["files"]) for one in value["groups"]},
        None if value["blocks"] is None else Blocks.read(value["blocks"]),
    )


def _adds_up(column: Column, rows: int) -> bool:
    """Whether every row is counted once, and every bin has its edges."""
    absent, histogram = column.nulls + column.nans + column.infinities, column.histogram
    if histogram is not None:
        edges, counts = histogram.edges, histogram.counts
        return len(counts) == len(edges) + 1 and list(edges) == sorted(set(edges)) and absent + sum(counts) == rows
    if column.categories or column.others:
        return absent + column.others + sum(one.count for one in column.categories) == rows
    return absent <= rows


def fits(part: Partial, wanted: Wanted) -> bool:
    """Whether the columns were counted on the edges and for the values that are wanted, as ``asked`` claims."""
    for column in part.profile.columns:
        edges, watched = wanted.edges.get(column.name), wanted.watched.get(column.name)
        if edges is not None and column.histogram is not None and column.histogram.edges != edges:
            return False
        names = [name for name, _ in column.watched]
        if watched is not None and names != [*dict.fromkeys(map(watched_text, watched))]:
            return False
    return True


def _column(value: Mapping[str, Any]) -> Column:
    histogram, sums, sketch = value.get("histogram"), value.get("moments"), value.get("sketch")
    moments = None if sums is None else Moments(sums["count"], Dyadic.read(sums["sum"]), Dyadic.read(sums["squares"]))
    return Column(
        value["name"],
        value["type"],
        value["nulls"],
        value.get("nans", 0),
        value.get("infinities", 0),
        extreme(value, "minimum"),
        extreme(value, "maximum"),
        Histogram(tuple(map(float, histogram["edges"])), tuple(histogram["counts"])) if histogram else None,
        tuple((name, count) for name, count in value.get("watched", ())),
        tuple(Category(int(hash_), text, count) for hash_, text, count in value.get("categories") or ()),
        value.get("others", 0),
        moments,
        None if sketch is None else Sketch.read(base64.b64decode(sketch, validate=True)),
    )
