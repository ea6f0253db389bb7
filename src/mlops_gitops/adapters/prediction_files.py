"""Predictions kept as Parquet files, so that anybody can compute the tests of a model again without the model.

A file is named by the digest of its numbers, and says in its own metadata what was asked of which artifact about which
data.  ``kept`` is a ``Predict`` that writes what another one answers; ``recorded`` one that answers from files alone,
and believes a file only if its numbers have the digest that it says.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from mlops_gitops import canonical
from mlops_gitops.errors import Refused, WorldFailed
from mlops_gitops.testing.models.predictions import Failed, Job, Predict, Predictions

if TYPE_CHECKING:
    from mlops_gitops.testing.models.metrics import Kind

SUFFIX = ".parquet"
LARGEST = 4 * 2**30
"""A file of more bytes is not read."""
_KEY = "mlops-gitops"
_NUMBERS = "prediction"


def kept(predict: Predict, folder: Path) -> Predict:
    """The same answers, each also written to a file of ``folder``.  Raises ``WorldFailed`` where that cannot be."""

    def ask(jobs: Sequence[Job], /) -> list[Predictions | Failed]:
        answers = predict(jobs)
        for job, answer in zip(jobs, answers, strict=True):
            if isinstance(answer, Predictions):
                _write(folder, job, answer)
        return answers

    return ask


@dataclass(frozen=True, slots=True)
class Recorded:
    """What files hold: answers by question, the artifacts that they are about, and why some cannot be believed."""

    name: str
    answers: Mapping[str, Predictions]
    artifacts: frozenset[str]
    problems: tuple[str, ...]

    def __call__(self, jobs: Sequence[Job], /) -> list[Predictions | Failed]:
        """As ``Predict`` wants it; what is not there is said to be missing."""
        return [self.answers.get(asked_of(job)) or self._missing(job) for job in jobs]

    def _missing(self, job: Job) -> Failed:
        why = f"; {self.problems[0]}" if self.problems else ""
        return Failed(f"no file in {self.name} holds what this artifact said about {job.data.name}{why}")


def recorded(folder: Path) -> Recorded:
    """What the files of ``folder`` hold, or one file."""
    paths = sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else [folder]
    answers: dict[str, Predictions] = {}
    artifacts: set[str] = set()
    problems: list[str] = []
    for path in paths:
        try:
            about, answer = _read(path)
            asked, of = str(about["asked"]), str(about["artifact"])
        except (Refused, OSError, ValueError, TypeError, KeyError, IndexError) as error:
            why = error.message if isinstance(error, Refused) else str(error)
            problems.append(f"{path.name} holds no predictions that can be believed: {why}")
            continue
        answers[asked] = answer
        artifacts.add(of)
    return Recorded(folder.name, answers, frozenset(artifacts), tuple(problems))


def asked_of(job: Job) -> str:
    """The digest of a question: of which artifact, about which rows, asked in which way."""
    return canonical.digest(job.document())


def _write(folder: Path, job: Job, answer: Predictions) -> None:
    import duckdb
    import numpy as np

    columns = answer.values.reshape(len(answer.values), -1)
    flat, asked = answer.values.ndim == 1, asked_of(job)
    names = [_NUMBERS] if flat else [f"{_NUMBERS}_{at}" for at in range(columns.shape[1])]
    about = {
        "asked": asked,
        "artifact": job.artifact.digest,
        "data": job.data_digest,
        "kind": answer.kind,
        "classes": [*answer.classes],
        "unstable": answer.unstable,
        "repeated": answer.repeated,
        "changed": answer.changed,
        "flat": flat,
        "digest": answer.digest,
    }
    path = folder / f"{answer.digest}.{asked[:8]}{SUFFIX}"
    metadata = f"{{{_text(_KEY)}: {_text(json.dumps(about, sort_keys=True))}}}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writing = folder / f".{path.name}"
        with duckdb.connect(config={"threads": "1"}) as connection:
            connection.register(
                "answers", {name: np.ascontiguousarray(columns[:, at]) for at, name in enumerate(names)}
            )
            connection.execute(f"COPY answers TO {_text(str(writing))} (FORMAT parquet, KV_METADATA {metadata})")
        writing.replace(path)
    except (OSError, duckdb.Error) as error:
        raise WorldFailed(
            f"predictions cannot be kept in {folder}: {error}", hint="check the folder and the disk", code="disk"
        ) from error


def _read(path: Path) -> tuple[Mapping[str, Any], Predictions]:
    """What a file says about itself, and its numbers.  Raises for one that cannot be believed."""
    from mlops_gitops.testing.data.scans import Source
    from mlops_gitops.testing.engines import duckdb as engine

    if path.stat().st_size > LARGEST:
        raise ValueError("it is too large")
    with engine.opened(Source(path, "parquet")) as connection:
        asked = "SELECT value FROM parquet_kv_metadata(?) WHERE key = ?"
        about = json.loads(bytes(connection.execute(asked, [str(path), _KEY.encode()]).fetchall()[0][0]))
        table = connection.execute("SELECT * FROM read_parquet(?, hive_partitioning=false)", [str(path)])
        return about, _predictions(about, table.fetchnumpy())


def _predictions(about: Mapping[str, Any], columns: Mapping[str, Any]) -> Predictions:
    """A record from the metadata and the columns.  Raises ``ValueError`` where the numbers are others than it says."""
    import numpy as np

    found = [np.ma.filled(np.ma.asarray(values, dtype=np.float64), np.nan) for values in columns.values()]
    values = np.ascontiguousarray(found[0] if about["flat"] else np.column_stack(found))
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    digest = canonical.sha256(buffer.getvalue())
    if digest != about["digest"]:
        raise ValueError("its numbers have another digest than it says")
    if about["kind"] not in {"probability", "score", "label", "value"}:
        raise ValueError("its kind of numbers is unknown")
    counts = (int(about[name]) for name in ("unstable", "repeated", "changed"))
    return Predictions(values, cast("Kind", about["kind"]), digest, tuple(map(str, about["classes"])), *counts)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
