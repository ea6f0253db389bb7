"""What the columns of a file are called, before an engine renames any.

To SQL, names that differ by upper and lower case alone are one.  Of two such columns an engine gives the second another
name, or leaves it out, without a word: what is said of it would be said of nothing, or of the first.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import duckdb

from mlops_gitops.errors import Refused
from mlops_gitops.testing.data.scans import UNREADABLE, Source

SEPARATORS = ",;\t|"
LONGEST_LINE = 2 * 1024 * 1024
_SHOWN = 100
_KNOWN: set[tuple[object, ...]] = set()
"""Files whose names were looked at, as they were then: each is opened several times."""


def check(connection: duckdb.DuckDBPyConnection, one: Source) -> None:
    """Raises ``Refused`` where two columns of the data set have one name to SQL.

    Of JSON lines every shard may have names of its own; others have the same in each, which is seen elsewhere.
    """
    files = one.files if one.format == "json" else one.files[:1]
    state = tuple((path, found.st_size, found.st_mtime_ns) for path in files for found in [path.stat()])
    if one.format == "arrow" or state in _KNOWN:
        return
    if one.format == "parquet":
        apart(_parquet(connection, files[0]), one)
    elif one.format == "csv":
        apart(_csv(files[0]), one)
    else:
        apart(_json(connection, one.argument), one)
    _KNOWN.add(state)


def apart(names: Iterable[str], one: Source) -> None:
    """Raises ``Refused`` where two of the names are one to SQL, which lowers the letters of ASCII."""
    seen: dict[bytes, str] = {}
    for name in names:
        lowered = name.encode(errors="surrogatepass").lower()
        if lowered in seen:
            first, other = seen[lowered][:_SHOWN], name[:_SHOWN]
            both = f"two columns {first!r}" if first == other else f"the columns {first!r} and {other!r}"
            raise Refused(
                f"{one.path.name} has {both}, which are one to SQL",
                hint="rename one of them, or leave it out",
                code=UNREADABLE,
            )
        seen[lowered] = name


def line(path: Path) -> bytes:
    """The first line of a text file, at most ``LONGEST_LINE``; nothing where it cannot be read."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            return stream.readline(LONGEST_LINE).removeprefix(b"\xef\xbb\xbf")
    except (OSError, EOFError, zlib.error):
        return b""  # the engine says it better


def _parquet(connection: duckdb.DuckDBPyConnection, path: Path) -> Iterator[str]:
    """The names of the columns, without those of fields in them: the schema is a tree, its root first."""
    tree = iter(connection.execute("SELECT name, num_children FROM parquet_schema(?)", [str(path)]).fetchall())
    next(tree, None)
    for name, children in tree:
        yield str(name)
        inside = children or 0
        while inside:
            inside += (next(tree)[1] or 0) - 1


def _csv(path: Path) -> Iterator[str]:
    words = line(path).decode(errors="replace")
    separator = max(SEPARATORS, key=words.count)
    names = next(csv.reader([words.strip()], delimiter=separator), [])
    return (name.strip() for name in names if name.strip())


def _json(connection: duckdb.DuckDBPyConnection, files: list[str]) -> list[str]:
    """Every name that some line has, each once."""
    keys = "SELECT unnest(json_keys(json)) AS name FROM read_ndjson_objects(?)"
    found = connection.execute(f"SELECT DISTINCT name FROM ({keys}) ORDER BY name", [files]).fetchall()  # noqa: S608
    return [str(name) for (name,) in found]
