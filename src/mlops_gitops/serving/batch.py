"""Predictions of a Parquet file into another: bounded in memory, whole or not at all, and the same when it runs again.

``python -m mlops_gitops.serving.batch INPUT OUTPUT`` reads ``INPUT`` a few thousand rows at a time and writes every row
that could be answered with its predictions to ``OUTPUT``, every other one with the reason to ``OUTPUT.rejected``.  Both
appear under their names only when they are whole, the predictions last; where they are there already, made by this
image of this input, nothing is done.  The last line of standard output is a JSON object with the counts; how far it is
goes to standard error.  Two runs for one output do not meet: the second ends at once.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlops_gitops.serving import description as descriptions
from mlops_gitops.serving import predictor
from mlops_gitops.serving.description import Description
from mlops_gitops.serving.rows import Hopeless, answered

ROWS = 8192
REJECTED = ".rejected"
ROW, REASON = "row", "reason"
_MARK = b"mlops-gitops.made-of"
_COUNTS = b"mlops-gitops.counts"
_CHUNK = 1 << 20
_DONE, _NO, _FAILED, _TERMINATED = 0, 1, 5, 143
_TOLD = 10.0
"""Seconds between two words of how far it is."""


class Unusable(Exception):
    """The input is no table that the model could be asked about."""


class Busy(Exception):
    """Another run makes the same output."""


def main(words: Sequence[str]) -> int:
    """Run, print the counts, and return the exit code: 0 done, 1 the input cannot be used, 5 the world failed."""
    parser = argparse.ArgumentParser(prog="batch", description="Predict a Parquet file.")
    parser.add_argument("input", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--rows", type=int, default=ROWS, help="rows that are asked about at once")
    parser.add_argument("--description", type=Path, default=descriptions.PLACE, help=argparse.SUPPRESS)
    parser.add_argument("--model", type=Path, default=descriptions.MODEL, help=argparse.SUPPRESS)
    arguments = parser.parse_args(words)
    described = descriptions.read(arguments.description)
    try:
        counts = run(described, arguments.model, arguments.input, arguments.output, rows=arguments.rows)
    except (Unusable, Hopeless) as error:
        print(f"batch: {error}", file=sys.stderr)
        return _NO
    except (Busy, OSError) as error:
        print(f"batch: {error}", file=sys.stderr)
        return _FAILED
    print(json.dumps(counts))
    return _DONE


def run(described: Description, model: Path, source: Path, output: Path, *, rows: int = ROWS) -> dict[str, Any]:
    """Predict ``source`` into ``output``; the counts of rows that were read, predicted and set aside."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    mark = _mark(source, described)
    done = _made_before(output, mark)
    if done is not None:
        return {**done, "unchanged": True}
    try:
        table = pq.ParquetFile(source)
    except (pa.ArrowInvalid, FileNotFoundError, IsADirectoryError) as error:
        raise Unusable(f"{source} is no Parquet file: {error}") from error
    _refuse_unless_fitting(table.schema_arrow, described)
    predict = predictor.opened(described, model)
    counts = {"rows": 0, "predicted": 0, "rejected": 0}
    with _room(output) as room:
        good, bad = room / "good", room / "bad"
        writers, told = _Writers(good, bad, table.schema_arrow, mark), time.monotonic() - _TOLD
        for batch in table.iter_batches(batch_size=rows):
            frame = batch.select(described.names).to_pandas()
            found = answered(frame, described, predict)
            writers.write(batch, found, first=counts["rows"])
            counts["rows"] += len(frame)
            counts["predicted"] += len(found.good)
            counts["rejected"] += len(found.bad)
            if time.monotonic() - told >= _TOLD:
                told = time.monotonic()
                print(f"batch: {counts['rows']} of {table.metadata.num_rows} rows", file=sys.stderr, flush=True)
        writers.close(counts, described)
        _put(bad, output.with_name(output.name + REJECTED))
        _put(good, output)
    return {**counts, "unchanged": False}


class _Writers:
    """Two Parquet files that grow by batches; the predictions' columns are known from the first answer."""

    def __init__(self, good: Path, bad: Path, schema: Any, mark: str) -> None:
        import pyarrow as pa

        self.schema, self.mark, self.good_path = schema, mark, good
        self.good: Any = None
        reasons = [pa.field(ROW, pa.int64()), pa.field(REASON, pa.string())]
        self.bad = self._writer(bad, pa.schema([*schema, *reasons]))

    def write(self, batch: Any, found: Any, *, first: int) -> None:
        """One batch: ``first`` is the number of its first row in the input."""
        import pyarrow as pa

        if found.answers is not None:
            answers = pa.Table.from_pandas(found.answers, preserve_index=False)
            part = pa.Table.from_batches([batch.take(pa.array(found.good))])
            for name in answers.column_names:
                part = part.append_column(name if name not in part.column_names else f"predicted_{name}", answers[name])
            if self.good is None:
                self.good = self._writer(self.good_path, part.schema)
            self.good.write_table(part.cast(self.good.schema))
        if found.bad:
            places = sorted(found.bad)
            part = pa.Table.from_batches([batch.take(pa.array(places))])
            part = part.append_column(ROW, pa.array([first + place for place in places], pa.int64()))
            self.bad.write_table(part.append_column(REASON, pa.array([found.bad[place] for place in places])))

    def close(self, counts: dict[str, int], described: Description) -> None:
        """Write what the files were made of, and end them."""
        import pyarrow as pa

        if self.good is None:  # nothing was answered: an empty table says so
            kinds = [pa.field(one["name"], pa.null()) for one in described.outputs]
            known = set(self.schema.names)
            self.good = self._writer(
                self.good_path, pa.schema([*self.schema, *(k for k in kinds if k.name not in known)])
            )
        self.good.add_key_value_metadata({_MARK: self.mark, _COUNTS: json.dumps(counts)})
        self.good.close()
        self.bad.close()

    def _writer(self, path: Path, schema: Any) -> Any:
        import pyarrow.parquet as pq

        return pq.ParquetWriter(path, schema.remove_metadata(), compression="zstd")


def _mark(source: Path, described: Description) -> str:
    """What the output is made of: the bytes of the input, and the model with its version."""
    digest = hashlib.sha256(f"{described.name} {described.version} {os.environ.get('MG_INPUTS', '')}\n".encode())
    try:
        with source.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise Unusable(f"{source} is no file") from error
    return digest.hexdigest()


def _made_before(output: Path, mark: str) -> dict[str, Any] | None:
    """The counts of an output that was made of the same, if it is there and whole."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_metadata(output).metadata or {}
        if metadata.get(_MARK) != mark.encode() or not output.with_name(output.name + REJECTED).is_file():
            return None
        counts: dict[str, Any] = json.loads(metadata[_COUNTS])
    except (OSError, pa.ArrowInvalid, KeyError, ValueError):
        return None
    return counts


def _refuse_unless_fitting(schema: Any, described: Description) -> None:
    """Every required column is there, and numbers are numbers."""
    import pyarrow as pa

    missing = [one["name"] for one in described.inputs if one["name"] not in schema.names]
    if missing:
        raise Unusable(f"the input has no column {', '.join(missing)}")
    for one in described.inputs:
        kind = schema.field(one["name"]).type
        number = (
            pa.types.is_integer(kind)
            or pa.types.is_floating(kind)
            or pa.types.is_boolean(kind)
            or pa.types.is_decimal(kind)
        )
        if one["type"] in {"integer", "long", "float", "double"} and not number and not pa.types.is_null(kind):
            raise Unusable(f"the column {one['name']} holds {kind}, and the model wants {one['type']}")


@contextmanager
def _room(output: Path) -> Iterator[Path]:
    """A folder beside ``output`` for this run alone: without what a killed one left, and gone when the block ends."""
    place = output.with_name(f".{output.name}.making")
    place.mkdir(exist_ok=True)
    handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Busy(f"another run makes {output}") from error
        for one in place.iterdir():
            one.unlink()
        try:
            yield place
        finally:
            for one in place.iterdir():
                one.unlink()
            place.rmdir()
    finally:
        os.close(handle)


def _put(made: Path, path: Path) -> None:
    """Under its name, when its bytes are on the disk."""
    with made.open("rb") as file:
        os.fsync(file.fileno())
    made.replace(path)


def _ended(_number: int, _frame: object) -> None:
    """SIGTERM ends a container's first process only where it is handled; what was begun is cleared away."""
    sys.exit(_TERMINATED)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _ended)
    sys.exit(main(sys.argv[1:]))
