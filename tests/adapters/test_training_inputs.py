from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mlops_gitops.adapters import training_inputs
from mlops_gitops.errors import Refused
from mlops_gitops.packaging import digests
from mlops_gitops.reproduction.trainings import Order
from training_grounds import BOTH, DATA, GOOD, Ground, contents, ground, troubles


@pytest.fixture
def here(tmp_path: Path) -> Ground:
    return ground(tmp_path)


@BOTH
def test_an_input_cannot_be_changed(here: Ground, *, confined: bool) -> None:
    before = contents(here.root / "models/cancer/data")
    text = "import os\nos.chmod('data/train.csv', 0o644)\nopen('data/train.csv', 'a').write('1,2')\n"
    run = here.run(text + GOOD, confined=confined)
    assert "changed-input" in troubles(run) or confined
    assert "crashed" in troubles(run)
    assert contents(here.root / "models/cancer/data") == before


@pytest.mark.parametrize("what", ["a file", "a folder", "a file more"])
def test_a_copied_input_is_read_again_after_the_run(here: Ground, what: str) -> None:
    """What is not Python is not watched by the shim."""
    if what != "a file":
        data = digests.of_artifact(here.folder / "data").digest
        one = {"name": "train", "role": "training", "uri": "data", "digest": {"sha256": data}}
        here.spec["data"] = [one]
    target = "data/train.csv" if what != "a file more" else "data/more.csv"
    here.training["entrypoint"] = ["sh", "-c", f"chmod +w data/train.csv; echo 1,2 >> {target}; echo {{}} > model.json"]
    run = here.run(GOOD, confined=False)
    assert troubles(run) == ["changed-input"]
    assert run.usable
    assert (here.folder / "data/train.csv").read_text() == DATA


def test_an_input_that_somebody_else_changes_spoils_the_run(here: Ground) -> None:
    trainer = here.trainer(confined=False)
    (here.folder / "data/train.csv").write_text("x,y\n")
    run = trainer.train(Order("first"))
    assert "changed-input" in troubles(run)
    assert not run.usable


def test_an_input_that_is_not_what_the_manifest_says_is_refused(here: Ground) -> None:
    model = here.model()
    here.write("data/train.csv", "x,y\n1,1\n")
    with pytest.raises(Refused, match="the manifest declares"):
        training_inputs.checked(model, folder=here.folder, root=here.root)


@BOTH
def test_an_input_that_git_ignores_is_there_all_the_same(here: Ground, *, confined: bool) -> None:
    (here.root / ".gitignore").write_text("data/\n")
    revision = here.commit()
    run = here.run(GOOD, confined=confined, revision=revision)
    assert (run.exit_code, run.problems) == (0, ())
    copied = run.folder / "work/models/cancer/data/train.csv"
    assert (copied.read_text() == "") is confined
    assert (copied.stat().st_mode & 0o777 == 0o444) is not confined


@BOTH
def test_a_link_in_the_revision_leads_no_input_out(here: Ground, tmp_path: Path, *, confined: bool) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.rmtree(here.folder / "data")
    (here.folder / "data").symlink_to(elsewhere)
    revision = here.commit()
    (here.folder / "data").unlink()
    here.write("data/train.csv", DATA)
    with pytest.raises(Refused, match="leads out of the repository"):
        here.trainer(confined=confined, revision=revision).train(Order("first"))
    assert list(elsewhere.iterdir()) == []
