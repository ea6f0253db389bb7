"""How much rows of one block resemble one another: a block is some whole entities, or a stretch of neighbouring days.

Rows are counted by day or entities, column and place: the bin of a number, the text of a category.  Such counts merge
by adding, as profiles do.  A shard keeps the categories with the smallest hashes, as its profile does, and counts the
others together; what the whole keeps is among them wherever it occurs, so that nothing is lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from mlops_gitops.canonical import JSON
from mlops_gitops.testing.data.designs import Design, design_effect, design_effect_of_categories, stretches
from mlops_gitops.testing.data.profile import Column, Profile
from mlops_gitops.testing.data.scans import By
from mlops_gitops.testing.data.shifts import Incomparable

Counted: TypeAlias = "Mapping[str, Mapping[str | None, Mapping[str, int]]]"
"""Rows by column, block and place; rows without a block are in the block ``None``."""
OTHER = "other"


def places(column: Column) -> tuple[str, ...]:
    """Where a value of this column can lie: its bins by number, or its categories and the others."""
    if column.histogram is not None:
        return tuple(map(str, range(len(column.histogram.counts))))
    if column.type in {"boolean", "string"}:  # also where a shard has none: its columns are those of the others
        return (*(f"c{one}" for one in categories(column)), OTHER)
    return ()


def categories(column: Column) -> tuple[str, ...]:
    """The categories that are told apart."""
    return ("false", "true") if column.type == "boolean" else tuple(one.value for one in column.categories)


@dataclass(frozen=True, slots=True)
class Blocks:
    """The rows of some shards ``by`` a column: each of its days, or groups of its values."""

    by: By
    counted: Counted

    def __add__(self, other: Blocks) -> Blocks:
        if (self.by, {*self.counted}) != (other.by, {*other.counted}):
            raise ValueError("their rows were counted in blocks of different columns")
        return Blocks(self.by, {name: _added(blocks, other.counted[name]) for name, blocks in self.counted.items()})

    def designs(self, profile: Profile) -> dict[str, Design]:
        """The design effect of each column.

        A column with too few blocks gets so large an effect that its rows answer nothing.
        """
        found: dict[str, Design] = {}
        for name, blocks in self.counted.items():
            column = profile.column(name)
            if column is None or (column.type == "string" and not column.categories):
                continue
            try:
                found[name] = self._design(column, list(_rows(blocks, places(column))))
            except Incomparable:
                found[name] = Design(float(max(profile.rows, 1)), freedom=1)
        return found

    def _design(self, column: Column, rows: Sequence[tuple[int, ...]]) -> Design:
        """Of days, which come in their order, by the stretches that they make; rows without a time come last."""
        effect = design_effect if column.histogram else design_effect_of_categories
        if self.by.days:
            rows = stretches(rows)
            return Design(effect(rows, least=2), freedom=len(rows) - 1)
        return Design(effect(rows), freedom=sum(any(block) for block in rows) - 1)

    def document(self) -> JSON:
        """As JSON: for each column its places, and for each block the rows of each of them."""
        columns: list[JSON] = [_document(name, blocks) for name, blocks in self.counted.items()]
        return {"by": self.by.column, "days": self.by.days, "columns": columns}

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> Blocks:
        """From that JSON, which fits its schema.  Raises ``ValueError``."""
        return cls(
            By(value["by"], value["days"]),
            {
                one["name"]: {
                    row["block"]: {
                        place: int(count)
                        for place, count in zip(one["places"], row["rows"].split(), strict=True)
                        if int(count)
                    }
                    for row in one["blocks"]
                }
                for one in value["columns"]
            },
        )


def _added(
    left: Mapping[str | None, Mapping[str, int]], right: Mapping[str | None, Mapping[str, int]]
) -> dict[str | None, dict[str, int]]:
    found: dict[str | None, dict[str, int]] = {block: dict(counts) for block, counts in left.items()}
    for block, counts in right.items():
        mine = found.setdefault(block, {})
        for place, count in counts.items():
            mine[place] = mine.get(place, 0) + count
    return found


def _ordered(blocks: Mapping[str | None, Mapping[str, int]]) -> list[str | None]:
    """In one order, so that sums of real numbers over blocks have one rounding."""
    return sorted(blocks, key=lambda block: (block is None, block or ""))


def _rows(blocks: Mapping[str | None, Mapping[str, int]], known: Sequence[str]) -> Iterator[tuple[int, ...]]:
    """Each block's counts by place, and what is in no place of its own counted with the others."""
    for block in _ordered(blocks):
        counts = blocks[block]
        found = [counts.get(place, 0) for place in known]
        if known and known[-1] == OTHER:
            found[-1] = sum(counts.values()) - sum(found[:-1])
        yield tuple(found)


def _document(name: str, blocks: Mapping[str | None, Mapping[str, int]]) -> JSON:
    known = sorted({place for counts in blocks.values() for place in counts})
    rows: list[JSON] = [
        {"block": block, "rows": " ".join(str(blocks[block].get(place, 0)) for place in known)}
        for block in _ordered(blocks)
    ]
    return {"name": name, "places": [*known], "blocks": rows}
