"""Vulnerability databases as they are exported, as they get damaged, and as somebody would make one to do harm."""

from __future__ import annotations

import json
import os
import sqlite3
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mlops_gitops.adapters import advisory_databases
from mlops_gitops.adapters.advisory_databases import Database
from mlops_gitops.errors import Misused, Refused, WorldFailed

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def record(
    identity: str, package: str = "tool", ecosystem: str = "PyPI", *, modified: str = "2026-11-20T00:00:00Z"
) -> str:
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2"}]}]
    affected = [{"package": {"ecosystem": ecosystem, "name": package}, "ranges": ranges}]
    return json.dumps({"id": identity, "modified": modified, "affected": affected})


def archive(path: Path, files: dict[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, text in files.items():
            made.writestr(name, text)
    return path


def opened(place: Path, *, said: list[str] | None = None, now: datetime = NOW) -> Database:
    cache = place.parent / "cache"
    progress = (said if said is not None else []).append
    return advisory_databases.opened(place, name="osv", cache=cache, now=now, progress=progress)


def ids(database: Database, ecosystem: str, name: str) -> list[str]:
    return [one.id for one in database.known(ecosystem, name)]


FILES = {
    "PYSEC-1.json": record("PYSEC-1", "Some_Tool"),
    "DSA-1.json": record("DSA-1", "glibc", "Debian:12", modified="2026-11-24T06:00:00Z"),
    "GO-1.json": record("GO-1", "x", "Go"),
    "README.txt": "no record",
}


@pytest.mark.parametrize("folder", [True, False])
def test_a_database_is_read_once_and_asked_by_package(tmp_path: Path, *, folder: bool) -> None:
    place = tmp_path / "all.zip"
    if folder:
        place = tmp_path / "osv"
        for name, text in FILES.items():
            (place / "below").mkdir(parents=True, exist_ok=True)
            (place / "below" / name).write_text(text)
    else:
        archive(place, dict(FILES))
    said: list[str] = []
    first, again = opened(place, said=said), opened(place, said=said)
    assert said == ["reading the vulnerability database osv"]
    assert first == again
    assert (first.records, first.broken, first.newest) == (3, 0, datetime(2026, 11, 24, 6, tzinfo=UTC))
    assert first.ecosystems == {"PyPI", "Debian:12"}
    assert ids(first, "PyPI", "some-tool") == ["PYSEC-1"]
    assert ids(first, "Debian:12", "glibc") == ["DSA-1"]
    assert ids(first, "Debian:11", "glibc") == ids(first, "Go", "x") == []
    assert [one.name for one in (tmp_path / "cache").iterdir()] == [first.index.name]


def test_what_changed_is_read_again(tmp_path: Path) -> None:
    place = tmp_path / "osv"
    place.mkdir()
    (place / "a.json").write_text(record("CVE-2026-1"))
    before = opened(place)
    (place / "a.json").write_text(record("CVE-2026-2"))
    assert ids(opened(place), "PyPI", "tool") == ["CVE-2026-2"]
    assert ids(before, "PyPI", "tool") == ["CVE-2026-1"]


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"id": 1}', b'{"id": "CVE-1"}',
        b'{"id": "CVE-1", "modified": "yesterday"}', b'{"id": "CVE-1", "modified": "2026-01-01"}',
        b'{"id": "\\ud800", "modified": "2026-01-01T00:00:00Z"}',
        record("CVE-1", "\ud800").encode(), record("CVE-1").replace('"fixed"', '"introduced": 5, "fixed"').encode(),
        b'{"id": "CVE-1\\u001b[2J", "modified": "2026-01-01T00:00:00Z"}', b"9" * 6000,
    ],
    ids=lambda content: ascii(content[:30]),
)  # fmt: skip
def test_what_is_no_record_is_counted_and_the_others_are_read(tmp_path: Path, content: bytes) -> None:
    place = archive(tmp_path / "all.zip", {"bad\x1b[2J.json": content, "good.json": record("CVE-2026-1")})
    found = opened(place)
    assert (found.records, found.broken) == (1, 1)
    assert found.said.startswith("bad")
    assert found.said.isprintable()
    assert ids(found, "PyPI", "tool") == ["CVE-2026-1"]


def test_a_record_from_the_future_does_not_hide_how_old_the_others_are(tmp_path: Path) -> None:
    files = {
        "a.json": record("A", modified="2026-01-01T00:00:00Z"),
        "b.json": record("B", modified="2999-01-01T00:00:00Z"),
    }
    found = opened(archive(tmp_path / "all.zip", files))
    assert found.newest == datetime(2026, 1, 1, tzinfo=UTC)
    assert sorted(ids(found, "PyPI", "tool")) == ["A", "B"]


def test_what_a_bomb_would_fill_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advisory_databases, "_LARGEST_RECORD", 1 << 16)
    place = archive(tmp_path / "all.zip", {"a.json": b" " * (64 << 20), "b.json": record("B")})
    assert (opened(place).records, opened(place).broken) == (1, 1)
    monkeypatch.setattr(advisory_databases, "_MOST_BYTES", 1 << 15)
    with pytest.raises(Refused, match="more than"):
        opened(archive(tmp_path / "more.zip", {"a.json": b" " * (64 << 20)}))
    monkeypatch.setattr(advisory_databases, "_MOST_RECORDS", 1)
    with pytest.raises(Refused, match="more than 1 records"):
        opened(archive(tmp_path / "many.zip", {f"{n}.json": record("A") for n in range(3)}))


def test_archives_that_are_none_or_damaged_are_refused(tmp_path: Path) -> None:
    good = archive(tmp_path / "good.zip", {f"{n}.json": record(f"CVE-2026-{n}") for n in range(50)}).read_bytes()
    for number, data in enumerate((b"", b"not a zip", good[: len(good) // 2], good[:60] + b"\0" * 400 + good[460:])):
        place = tmp_path / f"{number}.zip"
        place.write_bytes(data)
        with pytest.raises(Refused, match="cannot be used"):
            opened(place)
    with pytest.raises(Refused, match="it holds no record, and 1 files that are none"):
        opened(archive(tmp_path / "none.zip", {"a.json": "{}"}))
    assert list((tmp_path / "cache").iterdir()) == [], "nothing half-made stays"


def test_links_pipes_and_what_is_not_there(tmp_path: Path) -> None:
    place = tmp_path / "osv"
    place.mkdir()
    (tmp_path / "secret.json").write_text(record("SECRET-1"))
    (place / "a.json").symlink_to(tmp_path / "secret.json")
    os.mkfifo(place / "b.json")
    (place / "c.json").write_text(record("CVE-2026-1"))
    assert ids(opened(place), "PyPI", "tool") == ["CVE-2026-1"]
    for wrong in (tmp_path / "nowhere", place / "b.json"):
        with pytest.raises(Misused, match="there is no vulnerability database at osv"):
            opened(wrong)


def test_an_index_that_is_damaged_is_made_again_or_told(tmp_path: Path) -> None:
    place = archive(tmp_path / "all.zip", {"a.json": record("CVE-2026-1")})
    index = opened(place).index
    index.write_bytes(b"not a database")
    found = opened(place)
    assert ids(found, "PyPI", "tool") == ["CVE-2026-1"]
    with sqlite3.connect(index) as changed:
        changed.execute("drop table advisories")
    with pytest.raises(WorldFailed, match="is damaged"):
        found.known("PyPI", "tool")


def test_indexes_that_nobody_asks_for_go(tmp_path: Path) -> None:
    for number in range(9):
        found = opened(archive(tmp_path / "all.zip", {"a.json": record(f"CVE-2026-{number}")}))
        os.utime(found.index, (number, number))
    assert len(list((tmp_path / "cache").iterdir())) == 6


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    place = archive(tmp_path / "all.zip", {"a.json": record("CVE-2026-1")})
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(WorldFailed, match="cannot be written"):
        opened(place)


def test_what_several_databases_know_is_known(tmp_path: Path) -> None:
    both: list[Any] = [opened(archive(tmp_path / f"{n}.zip", {"a.json": record(f"CVE-2026-{n}")})) for n in (1, 2)]
    assert [one.id for one in advisory_databases.together(both)("PyPI", "tool")] == ["CVE-2026-1", "CVE-2026-2"]
