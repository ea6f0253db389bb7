"""What holds between rows: of two data sets, or of one by groups of its rows.

No profile answers such a question.  Where the rows are at hand, the engine is asked; where only counts of shards are,
the groups are, which each shard leaves for the questions that the manifest asks (``groups``): hashes of what makes rows
alike, with how many they are.  Both give the same numbers, but for two different values with one hash of 128 bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from mlops_gitops.manifests.model import Model
from mlops_gitops.testing.data.blocks import Blocks
from mlops_gitops.testing.data.files import TESTED, DataFile
from mlops_gitops.testing.data.profile import Profile
from mlops_gitops.testing.data.scans import By, Group, Source
from mlops_gitops.testing.engines import duckdb as engine
from mlops_gitops.testing.engines import joins

HERE = "run `test data` where the data lie, for this test"
"""How to get an answer that counts do not give."""
CLASSES = frozenset({"binary-classification", "multiclass"})
"""The tasks whose labels are classes."""


class Relations(Protocol):
    """Who answers: ``Refused`` is raised where data cannot be read, ``Unmeasurable`` where they cannot tell."""

    def columns(self, file: DataFile, /) -> Mapping[str, str]:
        """The columns with their types in the manifest's words."""

    def source(self, file: DataFile, /) -> Source:
        """The rows themselves."""

    def orphans(
        self, file: DataFile, columns: Sequence[str], other: DataFile, key: Sequence[str], /
    ) -> tuple[int, int]:
        """Rows of ``file`` whose ``columns`` are in no ``key`` of ``other``, and all that have no null in them."""

    def shared(self, train: DataFile, test: DataFile, columns: Sequence[tuple[str, str]], /) -> int:
        """Rows of ``test`` with a row in ``train`` that is alike in all pairs of columns; nulls are alike."""

    def overlap(self, train: DataFile, test: DataFile, key: Sequence[str], /) -> int:
        """Rows of ``test`` whose key some row of ``train`` has; a key with a null in it matches none."""

    def empty_days(self, file: DataFile, column: str, /) -> tuple[int, int]:
        """Days without a row between the first and the last, and all days from first to last."""

    def classes(self, file: DataFile, column: str, /, *, most: int) -> Mapping[str, int]:
        """The values of a column as text, the most frequent first, with their rows; nulls and NaN are left out."""

    def blocks(self, file: DataFile, by: By, profile: Profile, /) -> Blocks:
        """The rows of each column of its profile by block."""

    def contradicted(self, file: DataFile, inputs: Sequence[str], label: str, /) -> int:
        """Rows that are alike in every input with a row of another label; rows without a label do not count."""


class Rows:
    """From the rows, which are at hand."""

    def columns(self, file: DataFile, /) -> Mapping[str, str]:
        """As the protocol says; and so are the others."""
        return engine.columns(file.opened)

    def source(self, file: DataFile, /) -> Source:
        """The data set."""
        return file.opened

    def orphans(
        self, file: DataFile, columns: Sequence[str], other: DataFile, key: Sequence[str], /
    ) -> tuple[int, int]:
        """By a join."""
        return joins.orphans(file.opened, columns, other.opened, key)

    def shared(self, train: DataFile, test: DataFile, columns: Sequence[tuple[str, str]], /) -> int:
        """By a join."""
        return joins.shared(train.opened, test.opened, columns)

    def overlap(self, train: DataFile, test: DataFile, key: Sequence[str], /) -> int:
        """By a join."""
        return engine.overlap(train.opened, test.opened, key)

    def empty_days(self, file: DataFile, column: str, /) -> tuple[int, int]:
        """From the days there are."""
        return joins.empty_days(file.opened, column)

    def classes(self, file: DataFile, column: str, /, *, most: int) -> Mapping[str, int]:
        """By value."""
        return joins.classes(file.opened, column, most=most)

    def blocks(self, file: DataFile, by: By, profile: Profile, /) -> Blocks:
        """By one more pass."""
        return engine.blocks(file.opened, by, profile)

    def contradicted(self, file: DataFile, inputs: Sequence[str], label: str, /) -> int:
        """By the inputs."""
        return joins.contradicted(file.opened, inputs, label)


def alike(model: Model, train: Sequence[str], test: Sequence[str]) -> tuple[str, ...]:
    """The columns in which rows of both are alike or not: a column that is unique by itself tells every row apart."""
    numbers = {key[0] for key in model.tests.data.unique if len(key) == 1}
    known = set(test)
    return tuple(name for name in train if name in known and name not in numbers)


def groups(model: Model, file: DataFile, columns: Mapping[str, Sequence[str]]) -> tuple[Group, ...]:
    """What a shard of ``file`` leaves for the questions of the manifest; ``columns`` are those of every data set."""
    mine, role = columns.get(file.dataset.name, ()), file.dataset.role
    wished = [*_of_keys(model, file.dataset.name)]
    if role in TESTED:
        wished += [*_of_split(model, file, columns), *_of_labels(model, mine)]
    freshness, time = model.tests.data.freshness, file.dataset.time_column
    if freshness is not None and freshness.max_empty_days is not None and time is not None:
        wished.append(Group((time,), "days"))
    there = {*mine}
    return tuple(dict.fromkeys(one for one in wished if there.issuperset(one.columns)))


def _of_keys(model: Model, name: str) -> list[Group]:
    references = model.tests.data.references
    found = [Group(key.key if name == key.dataset else key.columns, "present") for key in references]
    if model.tests.data.overlap is not None:
        found.append(Group(tuple(model.tests.data.overlap.key), "present"))
    return found


def _of_split(model: Model, file: DataFile, columns: Mapping[str, Sequence[str]]) -> list[Group]:
    tests, dataset, found = model.tests.data.split, file.dataset, list[Group]()
    if tests is None:
        return found
    if tests.max_same_entities is not None and dataset.entity_column is not None:
        found.append(Group((dataset.entity_column,)))
    if tests.max_same_rows is None:
        return found
    for other in model.data:
        if other.role in TESTED and (other.role == "training") != (dataset.role == "training"):
            train, test = (dataset, other) if dataset.role == "training" else (other, dataset)
            both = alike(model, columns.get(train.name, ()), columns.get(test.name, ()))
            found += [Group(both)] if both else []
    return found


def _of_labels(model: Model, mine: Sequence[str]) -> list[Group]:
    tests, target = model.tests.data.labels, model.interface.target
    if tests is None or target is None or model.task not in CLASSES:
        return []
    found = [Group((target.column,), "texts")]
    inputs = tuple(one.name for one in model.interface.inputs if one.name in mine)
    if tests.max_contradiction_rate is not None and inputs:
        found.append(Group((*inputs, target.column), "labelled"))
    return found
