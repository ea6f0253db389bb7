from __future__ import annotations

from pathlib import Path

import pytest

from mlops_gitops.reproduction.trainings import Order
from training_grounds import BOTH, GOOD, Ground, ground, troubles


@pytest.fixture
def here(tmp_path: Path) -> Ground:
    return ground(tmp_path)


@BOTH
def test_a_training_that_crashes_is_told_with_its_last_words(here: Ground, *, confined: bool) -> None:
    run = here.run("print('reading')\nraise ValueError('no such \\x1b[31m column')", confined=confined)
    (problem,) = run.problems
    assert (problem.trouble.value, problem.fatal, run.exit_code) == ("crashed", True, 1)
    assert problem.message == "training ended with code 1: ValueError: no such [31m column"
    assert "reading" in run.log.read_text()
    assert run.artifact is None


LEFT = {
    "nothing": ("pass", "no-artifact"),
    "a link": ("import os\nos.symlink('train.py', 'model.json')", "unreadable"),
    "a link to a secret": ("import os\nos.symlink('/etc/passwd', 'model.json')", "unreadable"),
    "a pipe": ("import os\nos.mkfifo('model.json')", "unreadable"),
    "an empty folder": ("import os\nos.mkdir('model.json')", "no-artifact"),
    "a name that cannot be kept": ("import os\nos.mkdir('model.json')\nopen('model.json/a\\nb', 'w')", "unreadable"),
}


@BOTH
@pytest.mark.parametrize("what", LEFT)
def test_what_is_left_in_the_place_of_an_artifact(here: Ground, what: str, *, confined: bool) -> None:
    text, trouble = LEFT[what]
    here.write("model.json", "an artifact of an earlier training")
    run = here.run(text, confined=confined)
    assert (troubles(run), run.usable, run.digest) == ([trouble], False, None)
    assert str(here.scratch) not in run.problems[0].message


@BOTH
def test_an_artifact_in_the_commit_is_not_taken_for_a_new_one(here: Ground, *, confined: bool) -> None:
    here.write("model.json", "an artifact of an earlier training")
    here.write("train.py", "pass")
    run = here.trainer(confined=confined, revision=here.commit()).train(Order("first"))
    assert troubles(run) == ["no-artifact"]


@BOTH
def test_an_artifact_behind_a_link_is_not_followed(here: Ground, *, confined: bool) -> None:
    here.spec["artifact"] = {"format": "xgboost-json", "path": "out/passwd"}
    run = here.run("import os\nos.symlink('/etc', 'out')", confined=confined)
    assert (troubles(run), run.usable) == (["unreadable"], False)


@BOTH
def test_declared_outputs_are_collected_and_missed(here: Ground, *, confined: bool) -> None:
    here.training["outputs"] = ["predictions.csv", "metrics.json", "stolen"]
    here.write("metrics.json", "of an earlier training")
    text = GOOD + "import os\nopen('predictions.csv', 'w').write('1')\nos.symlink('/etc/passwd', 'stolen')"
    run = here.run(text, confined=confined)
    assert {name: path.read_text() for name, path in run.outputs.items()} == {"predictions.csv": "1"}
    assert [one.message for one in run.problems] == [
        "training left no file at metrics.json, which it declares",
        "training left no file at stolen, which it declares",
    ]
    assert run.usable


def test_packages_off_the_lock_are_named(here: Ground) -> None:
    lock = "numpy==1.0.0\nno-such-package==1\nelsewhere==3 ; sys_platform == 'win32'\n"
    here.write("requirements.lock", lock)
    run = here.run(GOOD)
    assert troubles(run) == ["off-the-lock"]
    assert "no-such-package missing (locked: 1), numpy 2" in run.problems[0].message
    assert "elsewhere" not in run.problems[0].message
    assert run.usable
