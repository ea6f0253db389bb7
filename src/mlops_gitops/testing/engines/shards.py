"""The kernel: one shard counted, and the whole from the shards, whoever calls the one and brings together the other.

A schedule runs ``counted`` for every shard, here, in processes, on Spark or in the jobs of a matrix; all of them end in
``merged``.  Since profiles merge exactly, the result is the same to the last bit.

Keys are counted exactly across shards: each shard leaves a file of the 128-bit hashes of its keys, sorted, and equal
keys meet where one range of hashes is read of all files at once.  Two different keys with one hash would be counted as
one: a duplicate that is none, never one that is missed, and among 10**9 keys with a chance of 10**-21.  Whoever chooses
keys can make such a pair, MD5 being what it is, and gains a failed check by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from mlops_gitops.testing.data import partials, shards
from mlops_gitops.testing.data.partials import Partial
from mlops_gitops.testing.data.profile import EMPTY
from mlops_gitops.testing.data.scans import Scan, Source, Wanted
from mlops_gitops.testing.engines import duckdb as engine
from mlops_gitops.testing.engines.connections import LIMITS, Limits, opened, quoted, reader, text, within

KEYS_AT_ONCE = 8_000_000
"""Keys whose hashes are held against one another at a time."""


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
    asked, files = partials.asked(wanted), {task.shard: (task.name, shards.file_digest(one.path))}
    if not task.rows:
        return Partial(task.dataset, one.format, asked, task.shards, files, EMPTY, {}, {})
    scan = engine.scan(one, replace(wanted, keys=(), distinct_rows=False), shard=task.shard)
    keys: dict[tuple[str, ...], tuple[str, ...]] = {}
    for at, key in enumerate([*wanted.keys, *([()] if wanted.distinct_rows else [])]):
        if set(key) <= set(scan.stored):
            name = f"key-{at}-{task.shard}.parquet"
            _write_keys(one, key or tuple(scan.stored), target / name)
            keys[key] = (name,)
    return Partial(task.dataset, one.format, asked, task.shards, files, scan.profile, scan.stored, keys)


def scanned(dataset: str, source: Source, wanted: Wanted, schedule: Schedule) -> Scan:
    """The scan of a data set, by way of its shards."""
    with TemporaryDirectory(prefix="mlops-gitops-") as name:
        found = partials.merged(list(schedule(tasks(dataset, source, wanted), Path(name))))
        keys = {
            key: distinct([Path(name) / one for one in files], rows=found.profile.rows)
            for key, files in found.keys.items()
        }
        return partials.whole(found, keys)


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


def _write_keys(one: Source, key: Sequence[str], path: Path) -> None:
    """The hashes of a key in the two halves that a Parquet file can hold, each with its rows, in order."""
    values = ", ".join(_spelled(name) for name in key)
    rows = f"SELECT md5_number(CAST(to_json([{values}]) AS VARCHAR)) AS h FROM {reader(one)}"  # noqa: S608 - quoted
    halves = "CAST(h >> 64 AS UBIGINT) AS high, CAST(h & 18446744073709551615 AS UBIGINT) AS low, count(*) AS rows"
    with opened(one, written=path) as connection:
        connection.execute(
            f"COPY (SELECT {halves} FROM ({rows}) GROUP BY h ORDER BY h) TO {text(str(path))} (FORMAT parquet)",  # noqa: S608
            [one.argument],
        )


def _spelled(name: str) -> str:
    """A value as text that no other value of its column has; of the two zeros of a real number, one."""
    value = f"CAST({quoted(name)} AS VARCHAR)"
    return f"CASE {value} WHEN '-0.0' THEN '0.0' ELSE {value} END"


def distinct(files: Sequence[Path], *, rows: int) -> int:
    """How many different values a key takes, from the files of its hashes: one range of them after the other."""
    source = Source(files[0].parent, "parquet", tuple(files))
    ranges = rows // KEYS_AT_ONCE + 1
    total = 0
    with opened(source) as connection:
        for at in range(ranges):
            low, high = (2**64 * step // ranges for step in (at, at + 1))
            total += connection.execute(
                f"SELECT count(*) FROM (SELECT DISTINCT high, low FROM {reader(source)} WHERE high BETWEEN ? AND ?)",  # noqa: S608
                [source.argument, low, high - 1],
            ).fetchall()[0][0]
    return total
