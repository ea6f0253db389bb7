"""Whole trainings in real containers: laid out, run, judged and cleaned up as those outside of them are."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_gitops.adapters import container_owners, trainings
from mlops_gitops.errors import Misused, WorldFailed
from mlops_gitops.reproduction.trainings import Conditions, Order, Run
from servers.docker_engine import Engine
from time_limits import until
from training_grounds import GOOD, Ground, contents, ground, troubles

DESCRIBE = """\
import getpass, json, os, sys, time
found = {"environ": dict(os.environ), "cwd": os.getcwd(), "argv": sys.argv[1:], "python": sys.executable,
         "user": getpass.getuser(), "home": os.path.expanduser("~"), "cpus": len(os.sched_getaffinity(0)),
         "year": time.gmtime().tm_year, "files": sorted(os.listdir())}
json.dump(found, open("model.json", "w"))
"""


@pytest.fixture
def here(tmp_path: Path, engine: Engine) -> Iterator[Ground]:
    """A repository that names an image; the engine has the image, and after the test nothing else than before."""
    found = ground(tmp_path, DOCKER_HOST=engine.host)
    found.training["image"] = engine.image
    engine.client.images.pull(engine.image)
    before = engine.left()
    yield found
    assert engine.left() == before


def run(here: Ground, text: str = GOOD, **options: object) -> Run:
    return here.run(text, environment=None, **options)


def described(here: Ground, **options: object) -> dict[str, object]:
    made = run(here, DESCRIBE, **options)
    assert made.artifact is not None, (made.problems, made.log.read_text())
    return json.loads(made.artifact.read_text())


def test_two_trainings_in_an_image_agree_and_leave_the_repository_alone(here: Ground) -> None:
    here.write("train.py", GOOD)
    revision = here.commit()
    before = contents(here.root)
    runs = [run(here, name=name) for name in ("first", "second")]
    runs.append(here.trainer(environment=None, revision=revision).train(Order("third")))
    assert [(one.exit_code, one.problems, one.usable) for one in runs] == [(0, (), True)] * 3
    assert len({one.digest for one in runs}) == 1
    after = contents(here.root)
    assert {name for name in before if before[name] != after.get(name)} <= {str(here.folder / "train.py")}
    assert runs[0].facts["image"] == here.training["image"]
    assert "python" not in runs[0].facts
    assert here.training["image"] in runs[0].isolation


def test_a_training_finds_the_image_and_what_it_was_declared(here: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-ada")
    here.environ["MG_SECRET"] = "of-ada"
    here.training["environment"] = {"DECLARED": "yes"}
    first, second = (described(here, name=name) for name in ("first", "second"))
    assert first == second
    environ = first["environ"]
    assert isinstance(environ, dict)
    assert set(environ) - {"LC_CTYPE"} == {
        *("PATH", "HOME", "TMPDIR", "USER", "LOGNAME", "LANG", "TZ", "DECLARED", "FROM_IMAGE", "HOSTNAME"),
        *("PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "MLOPS_GITOPS_TRAINING"),
    }
    assert (environ["PATH"], first["python"]) == ("/usr/bin", "/usr/bin/python")
    assert (first["cwd"], first["home"]) == ("/run/training/work/models/cancer", "/run/training/home/trainer")


def test_conditions_are_what_a_training_sees(here: Ground) -> None:
    wanted = Conditions(environment={"TZ": "AAA-14"}, threads=3, cpus=1, folder="elsewhere", user="somebody")
    found = described(here, conditions=wanted, arguments=("--seed", "3"))
    environ = found["environ"]
    assert isinstance(environ, dict)
    assert (environ["TZ"], environ["OMP_NUM_THREADS"]) == ("AAA-14", "3")
    assert (found["user"], found["cpus"], found["argv"]) == ("somebody", 1, ["--seed", "3"])
    assert (found["cwd"], found["home"]) == ("/run/training/elsewhere/models/cancer", "/run/training/home/somebody")


def test_the_clock_moves_only_where_the_image_lets_it(here: Ground, engine: Engine) -> None:
    wanted = Conditions(clock="2031-05-06T07:08:09Z")
    plain = here.trainer(environment=None)
    assert described(here, conditions=wanted)["year"] == time.gmtime().tm_year
    assert not {"clock", "environment"} & trainings.supported(here.environ, plain)
    assert "hash-seed" in trainings.supported(here.environ, plain)
    if engine.faked is None:
        pytest.skip("libfaketime is not installed here: `apt-get install libfaketime`")
    here.training["image"] = engine.faked
    try:
        assert described(here, conditions=wanted)["year"] == 2031
        assert "clock" in trainings.supported(here.environ, here.trainer(environment=None))
    finally:
        engine.client.images.remove(engine.faked, force=True)


@pytest.mark.parametrize(
    ("text", "trouble", "said"),
    [
        ("open('data/train.csv', 'a')", "changed-input", "data/train.csv"),
        ("open('/etc/new', 'w')", "wrote-outside", "/etc/new"),
        ("import socket; socket.create_connection(('192.0.2.1', 80))", "network", "192.0.2.1"),
        ("raise SystemExit(3)", "crashed", "code 3"),
        ("import ctypes; ctypes.string_at(0)", "crashed", "SIGSEGV"),
        ("pass", "no-artifact", "model.json"),
    ],
)
def test_what_a_training_does_wrong_is_a_finding(text: str, trouble: str, said: str, here: Ground) -> None:
    before = contents(here.folder / "data")
    found = run(here, text)
    assert trouble in troubles(found)
    assert any(said in one.message for one in found.problems)
    assert contents(here.folder / "data") == before


def test_a_training_that_hangs_is_stopped_with_what_it_said(here: Ground) -> None:
    found = run(here, "import time; print('began', flush=True); time.sleep(600)", seconds=8)
    assert (found.exit_code, troubles(found)) == (None, ["timeout"])
    assert found.log.read_text() == "began\n"


def test_a_log_does_not_fill_the_disk(here: Ground) -> None:
    found = run(here, GOOD + "for number in range(20_000): print(str(number) * 200)")
    assert found.usable
    assert found.log.stat().st_size < 10 << 20
    assert found.log.read_text().endswith("19999" * 200 + "\n")


def test_what_a_training_leaves_can_be_removed(here: Ground) -> None:
    found = run(here, "import os; os.makedirs('deep/er'); open('deep/er/file', 'w')\n" + GOOD)
    assert found.usable
    assert run(here).usable, "the same folder is used again"


def test_an_environment_and_an_image_are_one_too_many(here: Ground) -> None:
    with pytest.raises(Misused, match="--environment"):
        here.trainer()
    here.training["image"] = "python:3.12"
    with pytest.raises(Misused, match="not named by its digest"):
        here.trainer(environment=None)


def test_an_engine_that_fails_in_the_middle_is_no_finding_about_the_training(here: Ground, engine: Engine) -> None:
    trainer = here.trainer(environment=None)
    engine.client.images.remove(engine.image, force=True)
    here.write("train.py", GOOD)
    registry, name = engine.registry, engine.image.replace(engine.registry, "127.0.0.1:1")
    assert registry in engine.image
    try:
        with pytest.raises(WorldFailed, match="cannot be pulled"):
            type(trainer).train(_renamed(trainer, name), Order("first"))
    finally:
        engine.client.images.pull(engine.image)


def _renamed(trainer: trainings.LocalTrainer, name: str) -> trainings.LocalTrainer:
    from dataclasses import replace

    return replace(trainer, image=name)  # type: ignore[call-arg]


KILLED = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs start without it
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from time_limits import until
from training_grounds import Ground
here = Ground(Path(sys.argv[2]), Path(sys.argv[3]), environ=dict(os.environ), training={"image": sys.argv[4]})
here.run("import time; open('began', 'w').close(); time.sleep(60)", environment=None)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_when_we_are_killed_nothing_is_left(how: signal.Signals, here: Ground, engine: Engine) -> None:
    words = [str(Path(__file__).parents[1]), str(here.root), str(here.scratch), engine.image]
    with subprocess.Popen([sys.executable, "-c", KILLED, *words], env=here.environ, stderr=subprocess.DEVNULL) as ours:
        try:
            until((here.scratch / "runs/first/work/models/cancer/began").exists)
            assert len(_containers(engine)) == 1
        finally:  # also where it failed: leaving the block waits for it
            ours.send_signal(how)
    until(lambda: not _containers(engine))


def _containers(engine: Engine) -> list[object]:
    found: list[object] = engine.client.containers.list(
        all=True, filters={"label": container_owners.LABEL}, ignore_removed=True
    )
    return found
