"""What a file may not be before an engine looks at it: traps that cost memory or time out of all proportion.

Looked at are the first line of a text file, the beginning of a compressed one, the length of a Parquet footer, and how
many different names a file of JSON lines has.
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import duckdb

from mlops_gitops.errors import Refused
from mlops_gitops.testing.data.scans import UNREADABLE, Source
from mlops_gitops.testing.engines import headers

MOST_COLUMNS = 4096
"""A file with more columns is refused before it is read: no table of features has them, and a hostile header may."""
LARGEST_FOOTER = 64 * 1024 * 1024
_LOOKED = 64 * 1024 * 1024
_DENSEST = 400
"""How many times as large the beginning of a file may be without compression; gzip reaches 1,030 at most."""


MOST_NAMES = 16_384
"""Of the fields of JSON lines, at any depth: what an engine needs to merge them grows with their square."""
_NAME = r"""'"((?:[^"\\]|\\.)*)"\s*:'"""
_COUNTED: set[tuple[object, ...]] = set()
"""Files whose names were counted, as they were then: each is opened several times."""


def check(one: Source) -> None:
    """Raises ``Refused`` where a file is a trap."""
    lines: dict[bytes, Path] = {}
    for path in one.files:
        if one.format == "parquet":
            _footer(path)
        elif one.format in {"csv", "json"} and path.suffix == ".gz":
            _dense(path)
        if one.format == "csv":
            lines.setdefault(_header(path).strip().replace(b'"', b""), path)
    lines.pop(b"", None)
    if len(lines) > 1:  # an engine takes the columns of all files in the order of the first
        first, other, *_ = lines.values()
        raise Refused(
            f"{other.name} has not the columns of {first.name}, in their order",
            hint="write all shards with the same columns, in the same order",
            code="shards-differ",
        )


def _header(path: Path) -> bytes:
    """The first line; nothing where it cannot be read."""
    line = headers.line(path)
    columns = 1 + max(line.count(one.encode()) for one in headers.SEPARATORS)
    if columns > MOST_COLUMNS:
        raise too_many(path, columns)
    if len(line) == headers.LONGEST_LINE:
        raise Refused(
            f"the first line of {path.name} has no end within {headers.LONGEST_LINE // 2**20} MiB",
            hint="write the file with one line for the names of the columns and one for each row",
            code=UNREADABLE,
        )
    return line


def check_parted(one: Source, name: str) -> None:
    """Raises ``Refused`` where the only column, ``name``, is a whole line: no comma parts all lines alike."""
    line = _header(one.files[0]).strip().decode(errors="replace")
    if line == name and set(name) & set(headers.SEPARATORS):
        raise Refused(
            f"{one.path.name} cannot be parted into columns: some line has more or fewer values than there are names",
            hint="write as many values in each line as there are columns, and close every quote",
            code=UNREADABLE,
        )


def too_many(path: Path, columns: int) -> Refused:
    """The refusal of a table that is too wide."""
    return Refused(
        f"{path.name} has {columns} columns; more than {MOST_COLUMNS} are not read",
        hint="keep the columns that the model and its tests name",
        code="data-columns",
    )


def _dense(path: Path) -> None:
    unpacked = 0
    try:
        with path.open("rb") as raw, gzip.open(raw) as stream:
            while unpacked < _LOOKED and (chunk := stream.read(1 << 20)):
                unpacked += len(chunk)
            packed = raw.tell()
    except (OSError, EOFError, zlib.error):
        return  # as above
    if unpacked >= _LOOKED and unpacked > _DENSEST * packed:
        raise Refused(
            f"{path.name} unpacks to more than {_DENSEST} times its size, as no table of data does",
            hint="write the data as Parquet, which packs repetition better and says its size",
            code=UNREADABLE,
        )


def names(connection: duckdb.DuckDBPyConnection, one: Source) -> None:
    """Raises ``Refused`` where a file has a name twice, or JSON lines too many; each is read once for that."""
    _number(connection, one)
    headers.check(connection, one)


def _number(connection: duckdb.DuckDBPyConnection, one: Source) -> None:
    if one.format != "json":
        return
    state = tuple((path, found.st_size, found.st_mtime_ns) for path in one.files for found in [path.stat()])
    if state in _COUNTED:
        return
    fields = f"SELECT unnest(regexp_extract_all(CAST(json AS VARCHAR), {_NAME}, 1)) AS name FROM read_ndjson_objects(?)"  # noqa: S608
    count = connection.execute(f"SELECT count(DISTINCT name) FROM ({fields})", [one.argument]).fetchall()[0][0]  # noqa: S608
    if count > MOST_NAMES:
        raise Refused(
            f"{one.path.name} has {count:,} different names of fields; more than {MOST_NAMES:,} are not read",
            hint='write what differs from row to row as values: {"name": …, "value": …}',
            code="data-columns",
        )
    _COUNTED.add(state)


def _footer(path: Path) -> None:
    with path.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(size - 8, 0))
        length = int.from_bytes(stream.read(4), "little")
    if LARGEST_FOOTER < length < size:
        raise Refused(
            f"the footer of {path.name} has {length:,} bytes; more than {LARGEST_FOOTER:,} are not read",
            hint="keep the columns that the model and its tests name, and write larger row groups",
            code="data-columns",
        )
