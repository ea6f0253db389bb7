"""Connections to DuckDB that may read exactly the files they are opened for, within stated bounds.

A data file is untrusted, and so is its size.  Memory has a limit, beyond which the engine writes to a folder of its own
that goes away with the connection; that folder has a limit too.  Times are read in UTC, whatever the machine thinks.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from mlops_gitops.deadlines import ended_after
from mlops_gitops.errors import Refused, WorldFailed
from mlops_gitops.testing.data.scans import UNREADABLE, Format, Source
from mlops_gitops.testing.engines import guards, headers

_READERS: Mapping[Format, str] = {
    "parquet": "read_parquet(?, hive_partitioning=false)",
    "csv": "read_csv(?, header=true, sample_size=-1, hive_partitioning=false)",
    "json": "read_json(?, format='newline_delimited', sample_size=-1, hive_partitioning=false, "
    # each name is a column, however many there are and in however few lines: guards bound them
    "map_inference_threshold=-1, field_appearance_threshold=0)",
}
SECONDS = 1200.0
"""How long a connection may be at work before it is interrupted."""
_OFF = "statistics_propagation"
"""The optimizer that takes it from a file's statistics that there is no NaN, which they leave out."""
_OFF_FOR_OTHERS = f"{_OFF},filter_pushdown,join_filter_pushdown,row_group_pruner"
"""Those that skip what a file's statistics say cannot be wanted: with a forged minimum, rows would not be counted."""
_SHARED = ",common_subexpressions"
_VALUE = re.compile(r"([\"']).*\1")
_DAMAGED = "write the file again; it is damaged, or not of the format that its name says"
_HINTS = {
    "is encrypted": "write it without encryption: the tests hold no keys",
    "Invalid unicode": "write the file as UTF-8: that line is of another encoding",
    "UTF-8": "write the file as UTF-8: that line is of another encoding",
    "maximum_object_size": "write shorter lines: an object of JSON lines may have 16 MiB",
    "Expected Number of Columns": "write as many values in that line as there are columns, and close every quote",
    "Maximum line size": "write shorter lines, and check that every quote is closed",
}
"""By a word of the engine, what helps better than to write the file again."""
_SCRATCH = ("temp_directory", "max_temp", "No space left", "temporary file", "offload data")
"""Words of the engine when the folder that it spills to is full."""


class Limits(NamedTuple):
    """What one connection may use; memory and disk in bytes, ``None`` for the engine's own choice.

    The engine's choice is 80 % of the machine's memory and 90 % of the free disk.
    """

    memory: int | None = None
    disk: int | None = None
    threads: int | None = None

    def settings(self) -> dict[str, str]:
        """As DuckDB is configured."""
        found = {"memory_limit": self.memory, "max_temp_directory_size": self.disk}
        sizes = {name: f"{value}B" for name, value in found.items() if value is not None}
        return sizes if self.threads is None else sizes | {"threads": str(self.threads)}


LIMITS: ContextVar[Limits] = ContextVar("LIMITS", default=Limits())  # noqa: B039 - a named tuple cannot change
"""Of the connections that are opened from here on; the command line sets it."""


@contextmanager
def within(limits: Limits) -> Iterator[None]:
    """Connections that are opened inside keep to ``limits``."""
    token = LIMITS.set(limits)
    try:
        yield
    finally:
        LIMITS.reset(token)


def reader(one: Source) -> str:
    """The data set as SQL names it, with one parameter: ``one.argument``."""
    if one.format == "arrow":
        return f"(SELECT * FROM {_view(one)} WHERE ? IS NOT NULL)"  # noqa: S608 - the parameter is for one form of all
    return _READERS[one.format]


@contextmanager
def opened(
    *sources: Source, written: Path | None = None, own: bool = False, apart: bool = False
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that may read these files, write the one at ``written``, and do nothing else outside itself.

    ``own`` says that this program wrote the files, whose statistics then may decide what is read of them.  ``apart``
    works out each expression by itself: one that two have in common is worked out before them, outside of their TRY.
    """
    files = [path for one in sources for path in one.files]
    for path in files:
        if not path.is_file():
            raise Refused(f"{path} does not exist", hint="produce the file, or correct its uri", code=UNREADABLE)
    for one in sources:
        guards.check(one)
    with tempfile.TemporaryDirectory(prefix="mlops-gitops-") as spill:
        connection = duckdb.connect(
            config={
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "allow_community_extensions": "false",
            }
        )
        try:
            allowed = ", ".join(text(str(path)) for path in [*files, *([written] if written is not None else [])])
            # A limit of the folder that is given when the connection is made is not kept to.
            for name, value in {"temp_directory": spill, **LIMITS.get().settings()}.items():
                connection.execute(f"SET {name} = {text(value)}")
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("SET enable_progress_bar = false")
            # Each query apart would read every footer again.
            connection.execute("SET parquet_metadata_cache = true")
            connection.execute(
                f"SET disabled_optimizers = '{_OFF if own else _OFF_FOR_OTHERS}{_SHARED if apart else ''}'"
            )
            for one in sources:
                if one.format == "arrow":
                    connection.register(_view(one).strip('"'), _arrow(one))
            connection.execute(f"SET allowed_paths = [{allowed}]")
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
            with ended_after(SECONDS, connection.interrupt):  # a rule may be cheap for one row, and there be very many
                for one in sources:
                    guards.names(connection, one)
                yield connection
        except duckdb.InterruptException as error:
            raise Refused(
                f"{', '.join(one.path.name for one in sources)} took more than {SECONDS:,} seconds to read",
                hint="test fewer rows at a time, or simplify the rules",
                code="data-slow",
            ) from error
        except duckdb.Error as error:
            raise _words(error, sources) from error
        finally:
            connection.close()


def _words(error: duckdb.Error, sources: tuple[Source, ...]) -> Refused | WorldFailed:
    names, said = ", ".join(one.path.name for one in sources), (str(error).splitlines() or ["no reason is given"])[0]
    for path in (path for one in sources for path in one.files):
        said = said.replace(str(path), path.name)
    if isinstance(error, duckdb.ConversionException):
        said = _VALUE.sub("…", said)  # a value of the data may be somebody's
    if isinstance(error, duckdb.OutOfMemoryException) or any(word in said for word in _SCRATCH):
        return WorldFailed(
            f"{names} cannot be counted within the limits of memory and disk: {said}",
            hint="allow more memory (`--memory`), free disk space in the folder for temporary files (TMPDIR), or split "
            "the data set into shards (docs/how-to/test-large-data.md)",
            code="data-limits",
            retry=False,
        )
    return Refused(
        f"{names} cannot be read: {said}",
        hint=next((hint for word, hint in _HINTS.items() if word in str(error)), _DAMAGED),
        code=UNREADABLE,
    )


def _view(one: Source) -> str:
    return quoted(f"arrow {one.path}")


def _arrow(one: Source) -> object:
    """The Arrow files as a data set that is read batch by batch."""
    try:
        import pyarrow as pa
        from pyarrow import dataset
    except ImportError as error:
        raise Refused(
            f"{one.path.name} is an Arrow file, and pyarrow, which reads them, is not installed",
            hint="install pyarrow, or write the data as Parquet",
            code="data-format",
        ) from error
    try:
        for path in one.files:
            _validate(path, pa)
        found = dataset.dataset([str(path) for path in one.files], format="arrow")
    except (pa.ArrowException, OSError) as error:
        raise Refused(
            f"{one.path.name} cannot be read: {str(error).splitlines()[0]}",
            hint="write the file again; it is damaged, or no Arrow file",
            code=UNREADABLE,
        ) from error
    headers.apart(found.schema.names, one)
    return found


_VALID: set[tuple[object, ...]] = set()
"""Arrow files whose every offset was looked at, as they were then: each is opened several times."""


def _validate(path: Path, pa: Any) -> None:
    """Raises an error of pyarrow where a batch points out of itself: who follows it reads foreign memory or dies."""
    found = path.stat()
    state = (path, found.st_size, found.st_mtime_ns)
    if state in _VALID:
        return
    with pa.memory_map(str(path)) as mapped, pa.ipc.open_file(mapped) as batches:
        for at in range(batches.num_record_batches):
            batches.get_batch(at).validate(full=True)
    _VALID.add(state)


def quoted(name: str) -> str:
    """A column name as SQL writes it, whatever characters it holds."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A text as SQL writes it."""
    return "'" + value.replace("'", "''") + "'"
