"""Apache Spark as a schedule: it says when and where a shard is counted, and nothing else.

Every task is one partition of one row; its worker runs the kernel that every other schedule runs, on a path that it can
reach, and sends back the partial profile and the key hashes as bytes.  Spark never sees the rows, so that its versions
(3.5 and newer, classic or Connect) cannot change a count.  The workers need this package with its ``data`` extra.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mlops_gitops.errors import Refused, WorldFailed
from mlops_gitops.testing.data import partials
from mlops_gitops.testing.data.partials import Partial
from mlops_gitops.testing.engines.connections import LIMITS, Limits, within
from mlops_gitops.testing.engines.shards import Task, counted

PROFILE, REFUSED = "partial.json", "refused.json"
SCHEMA = "name string, data binary"


@dataclass(frozen=True, slots=True)
class Cluster:
    """The Spark at ``master``, or the session that is there already."""

    master: str

    def __call__(self, tasks: Sequence[Task], target: Path, /) -> Iterator[Partial]:
        """One partial for each task.  Raises ``Refused`` as the kernel does, ``WorldFailed`` where Spark fails."""
        session = _session(self.master)
        from pyspark.errors import PySparkException

        work = _work(pickle.dumps(list(tasks)), LIMITS.get())
        answers = session.range(0, len(tasks), 1, len(tasks)).mapInArrow(work, SCHEMA).persist()
        try:
            # An iterator has one partition counted after the other: all are counted at once, and fetched one by one, so
            # that the driver never holds the key hashes of more than two.
            answers.count()
            for row in answers.toLocalIterator(prefetchPartitions=True):
                if row["name"] == PROFILE:
                    yield partials.read(bytes(row["data"]))
                elif row["name"] == REFUSED:
                    said = json.loads(bytes(row["data"]))
                    raise Refused(said["message"], hint=said["hint"], code="data-unreadable")
                else:
                    (target / Path(row["name"]).name).write_bytes(bytes(row["data"]))
        except PySparkException as error:
            raise _failed(f"Spark at {self.master} did not count the shards", str(error)) from error
        finally:
            answers.unpersist()


def _session(master: str) -> Any:
    try:
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise WorldFailed(
            "PySpark is not installed",
            hint="install pyspark 3.5 or newer and Java 17 or newer, or count without --spark",
            code="no-spark",
            retry=False,
        ) from error
    quiet = {"spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false", "spark.log.level": "ERROR"}
    builder = SparkSession.builder.master(master).appName("mlops-gitops")
    for name, value in quiet.items():
        builder = builder.config(name, value)
    try:
        return builder.getOrCreate()
    except (PySparkException, OSError, RuntimeError) as error:
        raise _failed(f"there is no Spark at {master}", str(error)) from error


def _failed(message: str, said: str) -> WorldFailed:
    first = next(iter(said.strip().splitlines()), "it gave no reason")
    hint = (
        "check that the workers reach the files and have this package with its extra `data`, and Java where it starts"
    )
    return WorldFailed(f"{message}: {first[:300]}", hint=hint, code="spark")


def _work(tasks: bytes, limits: Limits) -> Callable[[Iterator[Any]], Iterator[Any]]:
    """What a worker does with the numbers of its tasks; ``tasks`` are this program's own, pickled."""

    def work(batches: Iterator[Any]) -> Iterator[Any]:
        import pyarrow as pa

        mine = pickle.loads(tasks)  # noqa: S301 - pickled a moment ago by the program that started this worker
        for batch in batches:
            for number in batch.column(0).to_pylist():
                for name, data in _answers(mine[number], limits):
                    yield pa.RecordBatch.from_pydict({"name": [name], "data": [data]})

    return work


def _answers(task: Task, limits: Limits) -> Iterator[tuple[str, bytes]]:
    with TemporaryDirectory(prefix="mlops-gitops-") as name:
        try:
            with within(Limits(limits.memory, limits.disk, threads=1)):
                part = counted(task, Path(name))
        except Refused as refusal:
            said = {"message": refusal.message, "hint": refusal.hint}
            yield REFUSED, json.dumps(said).encode()
            return
        for path in sorted(Path(name).iterdir()):
            yield path.name, path.read_bytes()
        yield PROFILE, part.encoded()
