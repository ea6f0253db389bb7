from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from mlops_gitops.adapters import training_variables, trainings
from mlops_gitops.errors import Misused, Refused
from mlops_gitops.packaging import digests
from mlops_gitops.reproduction.trainings import Conditions, Order
from training_grounds import BOTH, GOOD, Ground, contents, ground

DESCRIBE = """\
import getpass, json, os, socket, sys, time
found = {"environ": dict(os.environ), "cwd": os.getcwd(), "argv": sys.argv[1:], "python": sys.executable,
         "user": getpass.getuser(), "home": os.path.expanduser("~"), "cpus": len(os.sched_getaffinity(0)),
         "year": time.gmtime().tm_year, "files": sorted(os.listdir()), "host": socket.gethostname()}
json.dump(found, open("model.json", "w"))
"""


@pytest.fixture
def here(tmp_path: Path) -> Ground:
    return ground(tmp_path)


def described(here: Ground, **options: object) -> dict[str, object]:
    run = here.run(DESCRIBE, **options)
    assert run.artifact is not None, (run.problems, run.log.read_text())
    return json.loads(run.artifact.read_text())


@BOTH
def test_a_training_of_the_work_tree_and_of_its_commit_agree(here: Ground, *, confined: bool) -> None:
    revision = here.commit()
    before = contents(here.root)
    first = here.run(GOOD, confined=confined)
    second = here.run(GOOD, confined=confined, revision=revision, name="second")
    assert (first.exit_code, first.problems, first.usable) == (0, (), True)
    assert first.digest == second.digest
    assert first.artifact is not None
    assert digests.of_artifact(first.artifact).digest == first.digest
    assert json.loads(first.artifact.read_text()) == {"sum": sum(n * n for n in range(50))}
    assert first.facts["python"] == ".".join(map(str, sys.version_info[:3]))
    assert first.facts["package:numpy"]
    assert ("bubblewrap" in first.isolation.split(":")[0]) is confined
    assert contents(here.root) == before | {
        name: text for name, text in contents(here.root).items() if name.endswith("train.py")
    }


@BOTH
def test_a_commit_is_trained_and_not_what_lies_in_the_work_tree(here: Ground, *, confined: bool) -> None:
    revision = here.commit()
    here.write("train.py", "raise SystemExit('not this one')")
    run = here.trainer(confined=confined, revision=revision).train(Order("first"))
    assert run.exit_code == 0
    with pytest.raises(Refused, match="commit 000000000000 is not in"):
        here.trainer(confined=confined, revision="0" * 40).train(Order("gone"))


@BOTH
def test_only_declared_variables_reach_a_training(
    here: Ground, monkeypatch: pytest.MonkeyPatch, *, confined: bool
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-ada")
    here.environ["MG_SECRET"] = "of-ada"
    here.training["environment"] = {"DECLARED": "yes", "TZ": "Europe/Zurich", "PYTHONPATH": "lib"}
    found = described(here, confined=confined)
    environ = found["environ"]
    assert isinstance(environ, dict)
    assert set(environ) - {"LC_CTYPE", "PWD"} == {
        *("PATH", "HOME", "TMPDIR", "USER", "LOGNAME", "LANG", "TZ", "DECLARED"),
        *("PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "MLOPS_GITOPS_TRAINING"),
    }
    assert (environ["DECLARED"], environ["TZ"], environ["LANG"]) == ("yes", "Europe/Zurich", "C.UTF-8")
    assert environ["PYTHONPATH"] == f"{trainings.SHIM}:lib"
    assert (found["user"], Path(str(found["home"])).name) == ("trainer", "trainer")
    assert Path(str(found["python"])).parents[1] == Path(sys.executable).parents[1]


@BOTH
def test_conditions_are_what_a_training_sees(here: Ground, *, confined: bool) -> None:
    wanted = Conditions(
        environment={"PYTHONHASHSEED": "7", "TZ": "AAA-14"}, threads=3, cpus=1, folder="elsewhere", user="somebody"
    )
    found = described(here, confined=confined, conditions=wanted, arguments=("--seed", "3"))
    environ = found["environ"]
    assert isinstance(environ, dict)
    assert (environ["PYTHONHASHSEED"], environ["TZ"], environ["OMP_NUM_THREADS"]) == ("7", "AAA-14", "3")
    assert str(found["cwd"]).endswith("/elsewhere/models/cancer")
    assert (found["user"], found["cpus"], found["argv"]) == ("somebody", 1, ["--seed", "3"])
    assert str(found["home"]).endswith("/home/somebody")


def test_a_confined_training_sees_the_same_paths_in_every_run(here: Ground) -> None:
    first, second = (described(here, name=name) for name in ("first", "second"))
    assert first == second
    assert (first["cwd"], first["home"]) == ("/run/training/work/models/cancer", "/run/training/home/trainer")
    assert first["host"] == "training"


@BOTH
@pytest.mark.skipif(training_variables.faketime() is None, reason="libfaketime is not installed")
def test_the_clock_starts_where_it_is_told_to(here: Ground, *, confined: bool) -> None:
    text = "import time\na = time.time()\ntime.sleep(0.05)\nopen('model.json', 'w').write(f'{a} {time.time()}')"
    conditions = Conditions(clock="2031-05-04T12:00:00Z", frozen=True)
    run = here.run(text, confined=confined, conditions=conditions)
    assert run.artifact is not None, run.log.read_text()
    before, after = map(float, run.artifact.read_text().split())
    assert before == after == 1935662400.0
    run = here.run(text, confined=confined, conditions=Conditions(clock="2031-05-04T12:00:00Z"))
    assert run.artifact is not None
    before, after = map(float, run.artifact.read_text().split())
    assert 1935662400.0 <= before < after < 1935662460.0


def test_a_folder_that_is_no_environment(here: Ground, tmp_path: Path) -> None:
    with pytest.raises(Misused, match="has no bin/python"):
        here.trainer(environment=tmp_path)


def test_what_can_be_varied_is_what_the_machine_has(tmp_path: Path) -> None:
    assert "cpus" not in trainings.supported({"PATH": str(tmp_path)})
    assert {"hash-seed", "threads", "time-zone", "folder"} <= trainings.supported({"PATH": str(tmp_path)})
