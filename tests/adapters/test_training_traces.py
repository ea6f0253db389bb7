import json
import os
from pathlib import Path

import pytest

from mlops_gitops.adapters import training_traces
from mlops_gitops.reproduction.trainings import Call, Place, Stage, Trouble

DIGEST = "ab" * 32


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "train.py").write_text("import os\nos.urandom(4) # here\n")
    return folder


def read(checkout: Path, **files: list[object]) -> training_traces.Trace:
    """Read ``files`` (process → lines) as the trace of a training that saw its checkout at /run/work."""
    trace = checkout.parent / "trace"
    trace.mkdir(exist_ok=True)
    for name, lines in files.items():
        texts = [one if isinstance(one, str) else json.dumps(one) for one in lines]
        (trace / f"{name.removeprefix('p')}.jsonl").write_text("\n".join(texts) + "\n")
    return training_traces.read(trace, root="/run/work", checkout=checkout)


def stage(kind: object, digest: object = DIGEST, **more: object) -> dict[str, object]:
    return {"event": "stage", "kind": kind, "ordered": digest, "unordered": digest, **more}


def call(**more: object) -> dict[str, object]:
    return {"event": "call", "kind": "entropy", "what": "os.urandom()", "file": "/run/work/train.py", "line": 2, **more}


def test_stages_are_numbered_by_kind_in_the_order_of_processes_and_time(checkout: Path) -> None:
    found = read(checkout, p10=[stage("fitted")], p9=[stage("raw-data"), stage("features"), stage("raw-data")])
    assert [one.name for one in found.stages] == ["raw-data#1", "features#1", "raw-data#2", "fitted#1"]
    assert found.stages[0] == Stage("raw-data#1", DIGEST, DIGEST)


def test_a_call_has_the_text_of_its_line_and_counts_once(checkout: Path) -> None:
    place = Place("train.py", 2, "os.urandom(4) # here")
    assert read(checkout, p1=[call(), call()]).calls == (Call("entropy", "os.urandom()", place),)


def test_each_problem_is_told_once(checkout: Path) -> None:
    events = [{"event": kind, "what": "there"} for kind in ("network", "wrote-outside", "changed-input", "network")]
    troubles = [one.trouble for one in read(checkout, p1=events).problems]
    assert troubles == [Trouble.NETWORK, Trouble.WROTE_OUTSIDE, Trouble.CHANGED_INPUT]


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[" * 100_000,
        '{"event": ' + "9" * 5000 + "}",
        "null",
        "[1]",
        {"event": ["stage"]},
        {"event": {}},
        stage("unknown"),
        stage(["features"]),
        stage("features", "no digest"),
        stage("features", 3),
        {"event": "call"},
        call(line=True, file=3),
        call(line=10**9),
        call(line=-1),
        call(file="/etc/passwd"),
        call(file="/run/work/../secret.py"),
        call(file="/run/work/\x00"),
        call(file="/run/work/link.py"),
        call(file="/run/work/" + "a" * 5000),
        call(kind={}),
    ],
)
def test_what_is_no_event_is_passed_over(checkout: Path, line: object) -> None:
    (checkout.parent / "secret.py").write_text("secret\n" * 3)
    (checkout / "link.py").symlink_to(checkout.parent / "secret.py")
    found = read(checkout, p1=[line, stage("features")])
    assert found == training_traces.Trace(stages=(Stage("features#1", DIGEST, DIGEST),))


def test_text_is_made_harmless(checkout: Path) -> None:
    found = read(
        checkout, p1=[call(what="\x1b[31m\u202ered\n" + "x" * 10_000), stage("features", description="a\x07b")]
    )
    (one,) = found.calls
    assert one.what.isprintable()
    assert len(one.what) < 1000
    assert found.stages[0].description.isprintable()


def test_a_flood_is_bounded(checkout: Path) -> None:
    events = [{"event": "wrote-outside", "what": str(number)} for number in range(30_000)]
    found = read(checkout, p1=["x" * 10**6, *events, stage("features")])
    assert len(found.problems) == 100
    assert found.stages == ()


def test_only_plain_files_are_read(checkout: Path) -> None:
    trace = checkout.parent / "trace"
    trace.mkdir()
    os.mkfifo(trace / "1.jsonl")
    (trace / "2.jsonl").mkdir()
    (trace / "3.jsonl").symlink_to("/dev/zero")
    assert read(checkout, p4=[stage("features")]).stages[0].name == "features#1"


def test_no_trace_is_an_empty_one(checkout: Path) -> None:
    assert training_traces.read(checkout / "none", root="/run/work", checkout=checkout) == training_traces.Trace()
