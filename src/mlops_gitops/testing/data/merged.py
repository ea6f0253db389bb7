"""A data set of which only counts are at hand: what the jobs left that counted its shards, and what that answers.

The answers are those that the rows would give (``relations``).  Where they could be others, there is none: values that
two data sets store in different types have different hashes, and a model cannot be trained without rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops_gitops.errors import Refused
from mlops_gitops.testing.data.blocks import Blocks
from mlops_gitops.testing.data.files import DataFile
from mlops_gitops.testing.data.partials import Partial
from mlops_gitops.testing.data.profile import Profile
from mlops_gitops.testing.data.scans import By, Group, Source
from mlops_gitops.testing.engines import groups
from mlops_gitops.testing.engines.counting import type_of
from mlops_gitops.testing.estimates import Unmeasurable

_DAY = 86_400 * 10**6
_WHOLE = frozenset({"integer", "long"})


@dataclass(frozen=True, slots=True)
class Merged:
    """The counts of all shards, and the files of its groups."""

    part: Partial
    files: Mapping[Group, Sequence[Path]]

    def group(self, columns: Sequence[str], of: str = "values") -> Sequence[Path]:
        """The files of one group, from every shard.  Raises ``Refused`` where nobody counted it."""
        found = next((files for group, files in self.files.items() if group == (tuple(columns), of)), None)
        if found is None:
            raise apart(self.part.dataset)
        return found


def apart(name: str) -> Refused:
    """The refusal of counts that were made for another manifest."""
    return Refused(
        f"{name} was counted for other tests than these",
        hint="count its shards again, at the commit whose manifest is tested",
        code="shards-differ",
    )


@dataclass(frozen=True, slots=True)
class Counts:
    """``Relations`` from the counts of data sets, by name."""

    sets: Mapping[str, Merged]

    def columns(self, file: DataFile, /) -> Mapping[str, str]:
        """Those that every shard has."""
        return {name: type_of(kind) for name, kind in self._of(file).part.stored.items()}

    def source(self, file: DataFile, /) -> Source:
        """No counts hold the rows."""
        raise Unmeasurable(f"it needs the rows of {file.dataset.name}, and partial profiles hold none")

    def orphans(
        self, file: DataFile, columns: Sequence[str], other: DataFile, key: Sequence[str], /
    ) -> tuple[int, int]:
        """The rows of groups that the other data set has not."""
        self._alike(file, columns, other, key)
        mine = self._of(file).group(columns, "present")
        rows = groups.rows(mine)
        known = groups.shared(self._of(other).group(key, "present"), mine, rows=self._rows(file, other))
        return rows - known, rows

    def shared(self, train: DataFile, test: DataFile, columns: Sequence[tuple[str, str]], /) -> int:
        """The rows of groups that both have."""
        left, right = (tuple(pair[at] for pair in columns) for at in (0, 1))
        self._alike(train, left, test, right)
        return groups.shared(self._of(train).group(left), self._of(test).group(right), rows=self._rows(train, test))

    def overlap(self, train: DataFile, test: DataFile, key: Sequence[str], /) -> int:
        """The rows of groups that both have, without those with a null."""
        present = [name in self.columns(file) for file in (train, test) for name in key]
        if not all(present):
            raise Refused("a column of the key is not there", hint="name columns of both", code="data-columns")
        self._alike(train, key, test, key)
        left, right = (self._of(file).group(key, "present") for file in (train, test))
        return groups.shared(left, right, rows=self._rows(train, test))

    def empty_days(self, file: DataFile, column: str, /) -> tuple[int, int]:
        """From the days there are; first and last are those of the extremes."""
        mine = self._of(file)
        found = mine.part.profile.column(column)
        if found is None or found.minimum is None or found.maximum is None:
            return 0, 0
        days = int(found.maximum) // _DAY - int(found.minimum) // _DAY + 1
        return days - groups.distinct(mine.group((column,), "days"), rows=mine.part.profile.rows), days

    def classes(self, file: DataFile, column: str, /, *, most: int) -> Mapping[str, int]:
        """From the readable values."""
        return groups.texts(self._of(file).group((column,), "texts"), most=most)

    def blocks(self, file: DataFile, by: By, _: Profile, /) -> Blocks:
        """From the blocks of every shard."""
        found = self._of(file).part.blocks
        if found is None or found.by != by:
            raise apart(file.dataset.name)
        return found

    def contradicted(self, file: DataFile, inputs: Sequence[str], label: str, /) -> int:
        """From the groups that are alike in every input."""
        return groups.contradicted(self._of(file).group((*inputs, label), "labelled"), rows=self._rows(file))

    def _of(self, file: DataFile) -> Merged:
        return self.sets[file.dataset.name]

    def _rows(self, *files: DataFile) -> int:
        return sum(self._of(file).part.profile.rows for file in files)

    def _alike(self, one: DataFile, columns: Sequence[str], other: DataFile, names: Sequence[str]) -> None:
        """Raises ``Unmeasurable`` unless a value has one spelling, and so one hash, in both."""
        left, right = self._of(one).part.stored, self._of(other).part.stored
        for mine, theirs in zip(columns, names, strict=True):
            kinds = (left[mine], right[theirs])
            if kinds[0] != kinds[1] and not {type_of(kind) for kind in kinds} <= _WHOLE:
                where = f"{one.dataset.name}.{mine} as {kinds[0]} and {other.dataset.name}.{theirs} as {kinds[1]}"
                raise Unmeasurable(f"the files hold {where}, and counts compare values of one type only")
