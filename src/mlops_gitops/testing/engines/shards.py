"""The kernel: one shard counted, and the whole from the shards, whoever calls the one and brings together the other.

A schedule runs ``counted`` for every shard, here, in processes, on Spark or in the jobs of a matrix; all of them end in
``merged``.  Since profiles merge exactly, the result is the same to the last bit.

Keys are counted exactly across shards, by files of hashes that each shard leaves (``groups``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from mlops_gitops.testing.data import partials, shards
from mlops_gitops.testing.data.partials import Partial
from mlops_gitops.testing.data.profile import Column
from mlops_gitops.testing.data.scans import Group, Scan, Source, Wanted
from mlops_gitops.testing.engines import duckdb as engine
from mlops_gitops.testing.engines import footers, groups
from mlops_gitops.testing.engines.connections import LIMITS, Limits, within


@dataclass(frozen=True, slots=True)
class Task:
    """One file of ``dataset`` to count: the one with this number, of so many; with ``rows``, or only its digest."""

    dataset: str
    name: str
    source: Source
    shard: int
    shards: int
    wanted: Wanted
    rows: bool = True


class Schedule(Protocol):
    """Whoever has tasks done, each into the folder ``target``."""

    def __call__(self, tasks: Sequence[Task], target: Path, /) -> Iterator[Partial]:
        """One partial for each task, in any order."""


def tasks(dataset: str, source: Source, wanted: Wanted) -> list[Task]:
    """A task for each file."""
    files = source.names()
    return [
        Task(dataset, name, Source(path, source.format), at, len(files), wanted, rows=path in source.files)
        for at, (name, path) in enumerate(files.items())
    ]


def share(tasks: Sequence[Task], number: int, of: int) -> Sequence[Task]:
    """The tasks of one of several jobs, numbered from 1: neighbours, and as many as any other has, or one less."""
    return tasks[len(tasks) * (number - 1) // of : len(tasks) * number // of]


def counted(task: Task, target: Path) -> Partial:
    """Count one shard.  Raises ``Refused``."""
    wanted, one = task.wanted, task.source
    empty = Partial(
        task.dataset,
        one.format,
        partials.asked(wanted),
        task.shards,
        {task.shard: (task.name, shards.file_digest(one.path))},
    )
    if not task.rows:
        return empty
    scan = engine.scan(one, replace(wanted, keys=(), distinct_rows=False), shard=task.shard)
    files: dict[Group, tuple[str, ...]] = {}
    for at, group in enumerate(grouped(wanted)):
        if set(group.columns) <= set(scan.stored):
            name = f"group-{at}-{task.shard}.parquet"
            groups.write(one, group, scan.stored, target / name)
            files[group] = (name,)
    profile = replace(scan.profile, columns=tuple(_plain(column, wanted) for column in scan.profile.columns))
    blocks = None if wanted.by is None else engine.blocks(one, wanted.by, profile)
    return replace(empty, profile=profile, stored=scan.stored, counts=scan.counts, groups=files, blocks=blocks)


def _plain(column: Column, wanted: Wanted) -> Column:
    """What every shard tells of a column alike: the footer of one may be silent, so that more was counted there."""
    return column if footers.counted(column.name, wanted) else Column(column.name, column.type, column.nulls)


def grouped(wanted: Wanted) -> list[Group]:
    """All groups whose rows are counted: those of keys, of whole rows, and what is wanted beside."""
    rows = [Group(())] if wanted.distinct_rows else []
    return list(dict.fromkeys([*map(Group, wanted.keys), *rows, *wanted.groups]))


def distinct(part: Partial, wanted: Wanted, files: Mapping[Group, Sequence[Path]]) -> dict[tuple[str, ...], int]:
    """How many different values each key takes, and different whole rows there are, all shards being in ``part``."""
    keys = grouped(replace(wanted, groups=()))
    return {one.columns: groups.distinct(files[one], rows=part.profile.rows) for one in keys if one in files}


def scanned(dataset: str, source: Source, wanted: Wanted, schedule: Schedule) -> Scan:
    """The scan of a data set, by way of its shards."""
    with TemporaryDirectory(prefix="mlops-gitops-") as name:
        found = partials.merged(list(schedule(tasks(dataset, source, wanted), Path(name))))
        files = {group: [Path(name) / one for one in names] for group, names in found.groups.items()}
        return partials.whole(found, distinct(found, wanted, files))


def here(tasks: Sequence[Task], target: Path) -> Iterator[Partial]:
    """One shard after the other, in this process."""
    return (counted(task, target) for task in tasks)


@dataclass(frozen=True, slots=True)
class Processes:
    """So many processes at once, which share what this one may use."""

    number: int

    def __call__(self, tasks: Sequence[Task], target: Path, /) -> Iterator[Partial]:
        """As ``here``."""
        limits = LIMITS.get()
        memory, disk = (None if one is None else max(one // self.number, 1) for one in (limits.memory, limits.disk))
        each = Limits(memory, disk, threads=1)
        with ProcessPoolExecutor(self.number, mp_context=get_context("spawn")) as pool:
            yield from pool.map(_limited, tasks, [target] * len(tasks), [each] * len(tasks))


def _limited(task: Task, target: Path, limits: Limits) -> Partial:
    with within(limits):
        return counted(task, target)
