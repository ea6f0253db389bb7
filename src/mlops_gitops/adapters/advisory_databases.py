"""Vulnerability databases that the user brings: folders or zip archives of OSV records, read once and kept by package.

A database may hold a few hundred thousand records, of which an image needs a few hundred; so the first look writes an
index into the cache, under what the database is, and later looks ask that.  Records come from strangers: what is no
record is counted and passed over, and what is read has an end.  No name in an archive is used as a path, and links in a
folder are not followed.  Nothing is fetched from anywhere.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import sqlite3
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mlops_gitops import times
from mlops_gitops.adapters.predictions import printable
from mlops_gitops.errors import Misused, Refused, WorldFailed
from mlops_gitops.packaging.advisories import records
from mlops_gitops.packaging.advisories.records import Advisory
from mlops_gitops.packaging.advisories.versions import order
from mlops_gitops.packaging.image.inventory import PYPI
from mlops_gitops.packaging.image.packages import normal

_FORMAT = 1
"""Raised whenever the same records would be kept in another way."""
_LARGEST_RECORD = 16 << 20
_MOST_RECORDS = 5_000_000
_MOST_BYTES = 64 << 30
_KEPT = 6
"""Indexes that stay in the cache: a database has a new one every day."""
_TABLES = """
create table advisories (ecosystem text not null, name text not null, record text not null);
create table facts (records integer not null, broken integer not null, newest text, said text);
create table ecosystems (name text primary key);
"""
_ASK = "select record from advisories where ecosystem = ? and name = ?"
_PUT = "insert into advisories values (?, ?, ?)"


@dataclass(frozen=True)
class Database:
    """A database that can be asked: what it is called, how many records it has, how many files are none.

    ``newest`` is when its last record was changed; ``said`` names the first file that is no record, and why.
    """

    name: str
    index: Path
    records: int
    broken: int
    newest: datetime | None
    said: str
    ecosystems: frozenset[str]

    def known(self, ecosystem: str, name: str) -> list[Advisory]:
        """What it holds of a package."""
        try:
            with _opened(self.index) as index:
                found = index.execute(_ASK, (ecosystem, name)).fetchall()
        except sqlite3.Error as error:
            raise WorldFailed(
                f"{self.index} is damaged: {error}", hint="remove it and run the same command again", code="image-cache"
            ) from error
        return [Advisory.kept(json.loads(record)) for (record,) in found]


def opened(place: Path, *, name: str, cache: Path, now: datetime, progress: Callable[[str], None]) -> Database:
    """The database at ``place``, a folder of JSON files or a zip archive of them.

    Raises ``Misused`` where there is none, ``Refused`` where it cannot be read or holds no record, ``WorldFailed``
    where the cache cannot be written.
    """
    try:
        if not place.is_dir() and not place.is_file():
            raise FileNotFoundError(errno.ENOENT, "no such file or folder")
        key = _key(place)
    except OSError as error:
        raise Misused(
            f"there is no vulnerability database at {name}: {error.strerror}",
            hint="give a folder or a zip archive of OSV records: docs/how-to/find-vulnerable-packages.md",
            code="advisories",
        ) from error
    index = cache / f"{key}.sqlite"
    with contextlib.suppress(sqlite3.Error, ValueError, TypeError):
        if index.is_file():
            return _read(index, name)
    progress(f"reading the vulnerability database {name}")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix="writing-") as room:
            made = Path(room) / "index"
            _write(made, place, name, now)
            made.replace(index)
        _forget(cache)
    except (OSError, sqlite3.Error) as error:
        raise WorldFailed(
            f"{cache} cannot be written: {getattr(error, 'strerror', None) or error}",
            hint="free some space, or set MG_CACHE",
            code="image-cache",
        ) from error
    return _read(index, name)


def _key(place: Path) -> str:
    """What a database is told from others by: an archive by its bytes, a folder by names, sizes and times."""
    digest = hashlib.sha256(f"{_FORMAT}\0".encode())
    if place.is_dir():
        for path, status in _files(place):
            words = (path, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
            digest.update(f"{words}\0".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()
    with place.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _files(place: Path) -> list[tuple[str, os.stat_result]]:
    """The JSON files below a folder, in order; links are not followed."""
    found = []
    for folder, inner, names in os.walk(place):
        inner.sort()
        for one in names:
            path = f"{folder}/{one}"
            if one.endswith(".json") and not os.path.islink(path) and os.path.isfile(path):  # noqa: PTH113, PTH114
                found.append((path, os.lstat(path)))
    return sorted(found)


def _write(made: Path, place: Path, name: str, now: datetime) -> None:
    count, broken, newest, said = 0, 0, "", ""
    ecosystems = set()
    with contextlib.closing(sqlite3.connect(made, isolation_level=None)) as index:
        index.executescript("pragma journal_mode = off; pragma synchronous = off; begin;" + _TABLES)
        for path, data in _texts(place, name):
            try:
                document = json.loads(data)
                rows = [
                    (ecosystem, normal(one) if ecosystem == PYPI else one, json.dumps(advisory.document()))
                    for ecosystem, one, advisory in records.read(document)
                    if order(ecosystem) is not None
                ]
                changed = times.parse_instant(str(document.get("modified")))
                index.executemany(_PUT, rows)
            except (ValueError, RecursionError) as error:
                broken += 1
                said = said or printable(f"{path}: {error}")
                continue
            count += 1
            if changed <= now:  # a record from the future would hide how old the others are
                newest = max(newest, times.format_instant(changed))
            ecosystems |= {row[0] for row in rows}
        if not count:
            raise _refused(name, f"it holds no record{f', and {broken} files that are none; {said}' if broken else ''}")
        index.execute("create index of_package on advisories (ecosystem, name)")
        index.execute("insert into facts values (?, ?, ?, ?)", (count, broken, newest, said))
        index.executemany("insert into ecosystems values (?)", [(one,) for one in sorted(ecosystems)])
        index.execute("commit")


def _texts(place: Path, name: str) -> Iterator[tuple[str, bytes]]:
    """The records as they are, with the names of their files.  Raises ``Refused`` for what is no database."""
    if place.is_dir():
        found = _of_folder(place)
    elif zipfile.is_zipfile(place):
        found = _of_archive(place, name)
    else:
        raise _refused(name, "it is neither a folder nor a zip archive")
    seen = 0
    for count, (path, data) in enumerate(found, start=1):
        seen += len(data)
        if count > _MOST_RECORDS or seen > _MOST_BYTES:
            raise _refused(name, f"it holds more than {_MOST_RECORDS} records or {_MOST_BYTES} bytes")
        yield path, data


def _of_folder(place: Path) -> Iterator[tuple[str, bytes]]:
    for path, _ in _files(place):
        with open(path, "rb") as file:  # noqa: PTH123 - a hundred thousand of them
            yield os.path.relpath(path, place), file.read(_LARGEST_RECORD + 1)[:_LARGEST_RECORD]


def _of_archive(place: Path, name: str) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(place) as archive:
            for member in archive.infolist():
                if member.filename.endswith(".json"):
                    with archive.open(member) as file:
                        yield ascii(member.filename)[1:-1], file.read(_LARGEST_RECORD)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError, zlib.error) as error:
        raise _refused(name, f"its archive is damaged: {error}") from error


@contextlib.contextmanager
def _opened(index: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(f"{index.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as found:
        yield found


def _read(index: Path, name: str) -> Database:
    with _opened(index) as asked:
        count, broken, newest, said = asked.execute("select * from facts").fetchone()
        ecosystems = frozenset(one for (one,) in asked.execute("select name from ecosystems"))
    with contextlib.suppress(OSError):
        os.utime(index)
    moment = times.parse_instant(newest) if newest else None
    return Database(name, index, count, broken, moment, said, ecosystems)


def _forget(cache: Path) -> None:
    """Remove indexes that were not asked for long."""
    found = sorted(cache.glob("*.sqlite"), key=lambda one: one.stat().st_mtime, reverse=True)
    for one in found[_KEPT:]:
        one.unlink(missing_ok=True)


def together(databases: Sequence[Database]) -> Callable[[str, str], list[Advisory]]:
    """What all of them know of a package."""
    return lambda ecosystem, name: [found for one in databases for found in one.known(ecosystem, name)]


def _refused(name: str, why: str) -> Refused:
    return Refused(
        f"the vulnerability database {name} cannot be used: {why}",
        hint="fetch it again; it is a folder or a zip archive of OSV records, as the OSV project exports them",
        code="advisories",
    )
