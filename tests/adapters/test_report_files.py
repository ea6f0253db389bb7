"""Reports from a folder that somebody else has filled: what fits is read, and everything else is told."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import scorecard_examples as examples
from mlops_gitops.adapters import report_files
from mlops_gitops.errors import Misused

GOOD = json.dumps(examples.findings()).encode()


def reasons(folder: Path) -> dict[str, str]:
    return {one.file: one.reason for one in report_files.read(folder)[1]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "reports"
    made.mkdir()
    return made


def test_every_kind_is_known_by_its_content_wherever_it_lies(folder: Path) -> None:
    for index, (name, document) in enumerate(examples.bad().items()):
        at = folder / f"artifact-{index}" / name
        at.mkdir(parents=True)
        (at / "anything.json").write_text(json.dumps(document))
    told, left_out = report_files.read(folder)
    assert left_out == ()
    assert sorted(one.source.kind for one in told) == sorted(
        ["validate", "test", "release", "reproduce", "build", "promote", "gate"]
    )


def test_the_same_bytes_count_once_and_other_files_not_at_all(folder: Path) -> None:
    for name in ("a.json", "b.json", "c.txt", "d.json.gz"):
        (folder / name).write_bytes(GOOD)
    told, left_out = report_files.read(folder)
    assert ([one.source.file for one in told], left_out) == (["a.json"], ())


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (GOOD[: len(GOOD) // 2], "no whole JSON"),
        (b"", "no whole JSON"),
        (b"[1]", "no JSON object"),
        (b"\xff\xfe{}", "no UTF-8"),
        (b'{"a": NaN}', "NaN is no number"),
        (b'{"a": 1e999}', "beyond all bounds"),
        (b'{"a": ' + b"9" * 5000 + b"}", "beyond all bounds"),
        (b'{"files": ' + b"9" * 400 + b', "errors": 0, "warnings": 0, "findings": []}', "beyond all bounds"),
        (b'{"files": 1, "files": 2}', "one name twice"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a":' * 200_000, "nested too deeply"),
        (b"{}", "schema of none"),
        (json.dumps({**examples.findings(), "files": "three"}).encode(), "schema of `validate` at $.files"),
        (json.dumps({**examples.findings(), "more": 1}).encode(), "schema of none"),
        (b" " * (report_files.LARGEST + 1), "too large"),
    ],
)  # fmt: skip
def test_what_is_no_report_is_told(folder: Path, data: bytes, reason: str) -> None:
    (folder / "a.json").write_bytes(data)
    (folder / "b.json").write_bytes(GOOD)
    told, left_out = report_files.read(folder)
    assert [one.source.file for one in told] == ["b.json"]
    assert [one.file for one in left_out] == ["a.json"]
    assert reason in left_out[0].reason


def test_a_pipe_a_link_and_a_folder_hold_nobody_up(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_bytes(GOOD)
    (folder / "link.json").symlink_to(tmp_path / "secret.json")
    (folder / "away").symlink_to(tmp_path)
    (folder / "loop.json").symlink_to("loop.json")
    os.mkfifo(folder / "pipe.json")
    (folder / "folder.json").mkdir()
    told, left_out = report_files.read(folder)
    assert told == ()
    assert sorted(one.file for one in left_out) == ["link.json", "loop.json", "pipe.json"]


def test_too_many_too_deep_and_too_much_together(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = folder.joinpath(*["d"] * 12)
    deep.mkdir(parents=True)
    assert "too deep" in "".join(reasons(folder).values())
    monkeypatch.setattr(report_files, "TOGETHER", len(GOOD) + 10)
    for name in ("a.json", "b.json"):
        (folder / name).write_bytes(GOOD + b" " * (name == "b.json"))
    assert "too large" in reasons(folder)["b.json"]
    monkeypatch.setattr(report_files, "MOST", 2)
    assert "more than 2 files" in reasons(folder)["."]


def test_a_name_of_any_bytes(folder: Path) -> None:
    (folder / os.fsdecode(b"\xff\n::error::x.json")).write_bytes(b"{")
    assert len(reasons(folder)) == 1


def test_there_is_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(Misused):
        report_files.read(tmp_path / "nowhere")
