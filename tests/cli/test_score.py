"""``score`` and the report of ``test``, through the command line."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

import cancer
import estate
import outputs
import pages
from estate import NOW, Estate
from mlops_gitops import canonical
from mlops_gitops.cli.main import main
from mlops_gitops.cli.world import World
from mlops_gitops.manifests.release import Release
from mlops_gitops.manifests.rendering import render
from mlops_gitops.promotion import layout, publish

PROCEDURE = {"test": "model-3", "procedure": "Search depth and learning rate on the training data."}


class Here:
    """A model repository beside an environment repository that knows its release."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        value = cancer.manifest()
        value["spec"]["tests"]["byHand"] = [PROCEDURE]
        text = yaml.safe_dump(value, sort_keys=False).encode()
        self.manifest = folder / "models" / "cancer" / "model.yaml"
        self.manifest.parent.mkdir(parents=True)
        self.manifest.write_bytes(text)
        document = estate.release(model="cancer").document()
        document["spec"]["manifest"] = {"sha256": canonical.sha256(text)}
        self.release = Release.from_value(document)
        grace = {"kinds": ["manual-tests"], "environments": ["*"]}
        trust = estate.trust()
        (person,) = [one for one in trust["spec"]["signers"] if one["name"] == "grace"]  # type: ignore[index]
        person["signs"].append(grace)
        files = {layout.TRUST: render(trust), **publish.release_files(self.release)}
        self.bare = Estate.new().with_files(files).bare(folder)
        for name in ("grace", "ci"):
            (folder / f"{name}.pem").write_text(estate.pem(name))

    def run(self, *words: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        environ = {"HOME": str(self.folder), "MG_CACHE": str(self.folder / "cache"), "PATH": "/usr/bin:/bin"}
        world = World(environ, lambda: NOW + timedelta(hours=1), self.folder, out, err)
        code = main(["score", *words, "--environments", str(self.bare)], world)
        if outputs.asked_for(words):
            outputs.checked(["score", *words], code, out.getvalue())
        return code, out.getvalue(), err.getvalue()

    def how(self) -> dict[str, str]:
        code, out, err = self.run("cancer", "--format", "json")
        assert code == 0, err
        (score,) = json.loads(out)["scores"]
        return {one["id"]: one["how"] for one in score["tests"]}

    def attest(self, *more: str, key: str = "grace") -> tuple[int, str, str]:
        said = ("--attest", "model-3", "--comment", "depth 6", "--key", f"file2:{self.folder / key}.pem")
        return self.run("cancer", *said, *more)


@pytest.fixture
def here(tmp_path: Path) -> Here:
    return Here(tmp_path)


def test_what_was_done_by_hand_is_signed_and_can_be_taken_back(here: Here) -> None:
    assert set(here.how().values()) == {"not"}
    code, _, err = here.attest()
    assert code == 0, err
    assert here.how()["model-3"] == "by-hand"
    assert here.attest("--failed")[0] == 0
    assert here.how()["model-3"] == "not"
    assert here.attest()[0] == 0
    assert here.how()["model-3"] == "by-hand"


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (lambda here: here.attest(key="ci"), 1, "may not sign manual-tests"),
        (lambda here: here.run("cancer", "--attest", "model-2", "--comment", "x"), 2, "does not say how model-2"),
        (lambda here: here.run("cancer", "--attest", "model-3"), 2, "--comment"),
        (lambda here: here.run("other"), 2, "other"),
    ],
)
def test_what_cannot_be_attested_is_refused(here: Here, change: object, code: int, words: str) -> None:
    found, out, err = change(here)  # type: ignore[operator]
    assert found == code
    assert words in out + err


def test_a_release_of_another_manifest_is_not_attested(here: Here) -> None:
    here.manifest.write_bytes(here.manifest.read_bytes() + b"# changed\n")
    code, out, err = here.attest()
    assert code == 1
    assert "another model.yaml" in out + err


def test_the_page_and_the_badge_are_left(here: Here) -> None:
    code, out, _ = here.run("--output", "site")
    assert code == 0
    assert out.startswith("ML Test Score of cancer 1.0.0")
    room = here.folder / "site" / "cancer"
    pages.harmless((room / "score.html").read_text())
    assert json.loads((room / "badge.json").read_text())["message"] == "0"
    assert (room / "badge.svg").read_text().startswith("<svg")
