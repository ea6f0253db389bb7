"""The whole demo, as a user runs it: real data, real models, real repositories, a real registry."""

import io
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from mlops_gitops.adapters.git import Repository
from mlops_gitops.cli import demo
from mlops_gitops.cli.main import main
from mlops_gitops.cli.world import World
from mlops_gitops.demo import pages
from mlops_gitops.packaging.digests import of_artifact
from mlops_gitops.promotion.snapshot import Snapshot
from sites import guarded, problems_after, remembered

KUBECTL = shutil.which("kubectl", path=str(Path(sys.executable).parent)) or shutil.which("kubectl")


class Done(NamedTuple):
    code: int
    text: str
    root: Path

    def snapshot(self, tmp_path: Path) -> Snapshot:
        url = (self.root / "environments.git").as_uri()
        return Snapshot(Repository(url, branch="main", cache=tmp_path, environ=dict(os.environ)).fetch())


def world(at: Path) -> World:
    printed = io.StringIO()
    return World(environ=dict(os.environ), now=lambda: datetime.now(UTC), folder=at, out=printed, err=printed)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    here = world(tmp_path_factory.mktemp("there"))
    code = main(["demo", "a demo"], here)
    return Done(code, here.out.getvalue(), here.cwd / "a demo")  # type: ignore[attr-defined]


def test_it_reaches_its_end(done: Done) -> None:
    assert done.code == 0, done.text
    assert "everything holds: 8 receipts" in done.text
    assert "What to look at:" in done.text


def test_prod_is_back_and_held(done: Done, tmp_path: Path) -> None:
    snapshot = done.snapshot(tmp_path)
    first, second, third, fourth = snapshot.line("flight-delays")
    assert [one.version for one in (first, second, third, fourth)] == ["1.0.0", "1.1.0", "1.2.0", "1.3.0"]
    slots = {name: snapshot.slot(name, "flight-delays") for name in ("dev", "staging", "prod")}
    assert {name: slot.current for name, slot in slots.items()} == {
        "dev": third.id,
        "staging": second.id,
        "prod": first.id,
    }
    assert [(one.type, one.release) for one in slots["prod"].controls] == [("hold", second.id)]
    assert len(slots["prod"].receipts) == 3


def test_the_refusals_say_number_file_and_line(done: Done) -> None:
    text = " ".join(done.text.split())
    assert re.search(r"roc_auc fell from 0\.7\d\d to 0\.6\d\d .{0,110}at most \u22120\.005 is allowed", text)
    assert re.search(r"block_time_ratio .{0,80}alone predicts late .{0,60}area under the curve of 0\.99", text)
    for into, words in (("→ staging: refused", "roc_auc"), ("→ dev: refused", "block_time_ratio")):
        refused = done.text.split(into)[1].split("exit code 1")[0]
        assert words in refused
        assert re.search(r"models/flight-delays/model\.yaml:\d+:\d+", refused)


def test_the_registry_shows_what_git_says(done: Done) -> None:
    with sqlite3.connect(done.root / "mlflow.db") as database:
        found = database.execute("SELECT alias, version FROM registered_model_aliases ORDER BY alias").fetchall()
    assert found == [("challenger", 2), ("champion", 1)]


def test_what_was_released_is_what_lies_in_the_folder(done: Done, tmp_path: Path) -> None:
    newest = done.snapshot(tmp_path).line("flight-delays")[-1]
    assert of_artifact(done.root / "models" / "models" / "flight-delays" / "artifact").digest == newest.artifact.digest
    assert newest.source.author == "ada@example.com"
    assert newest.registered is not None
    assert newest.registered.version == "4"


def test_any_flipped_bit_of_what_it_leaves_is_found(done: Done, tmp_path: Path) -> None:
    """A bit in every guarded file, at another place in each; ``test_verify`` tries every place."""
    url = (done.root / "environments.git").as_uri()
    past = remembered(Repository(url, branch="main", cache=tmp_path, environ=dict(os.environ)))
    tip = past.trees[past.changed[-1].commit]
    paths = guarded(tip)
    assert len(paths) == 8 + 23 + 4 + 3  # receipts, evidence, releases, pointers
    for turn, path in enumerate(paths):
        data = tip.files[path]
        place = turn * 7919 % len(data)
        flipped = bytes([*data[:place], data[place] ^ (1 << turn % 8), *data[place + 1 :]])
        assert problems_after(past, path, flipped), f"{path} at byte {place}"


@pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed; the development group brings it")
def test_stock_kustomize_renders_the_promoted_digest(done: Done, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(done.root / "environments.git"), str(clone)], check=True)
    slot = clone / "environments" / "prod" / "flight-delays"
    text = subprocess.run([str(KUBECTL), "kustomize", str(slot)], check=True, capture_output=True, text=True).stdout
    snapshot = done.snapshot(tmp_path)
    release = snapshot.release("flight-delays", snapshot.slot("prod", "flight-delays").current or "")
    assert "kind: InferenceService" in text
    assert f"mlops-gitops/artifact-digest: sha256:{release.artifact.digest}" in text
    assert f"storageUri: {release.artifact.uri}" in text


def test_no_private_key_leaves_its_folder(done: Done) -> None:
    for name in ("ci", "grace", "katherine"):
        secret = (done.root / "keys" / f"{name}.pem").read_text().splitlines()[1]
        assert secret not in done.text
        for path in done.root.rglob("*"):
            if path.is_file() and path.parent.name != "keys" and path.stat().st_size < 100_000:
                assert secret.encode() not in path.read_bytes(), path


def test_what_is_missing_is_named_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "NEEDED", ("json", "no_such_package"))
    here = world(tmp_path)
    assert main(["demo"], here) == 5
    said = here.err.getvalue()  # type: ignore[attr-defined]
    assert "no_such_package" in said
    assert "pip install 'mlops-gitops[demo]'" in said
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    assert main(["demo", "mine"], world(tmp_path)) == 1
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_the_tutorial_and_the_readme_show_what_the_demo_prints(done: Done) -> None:
    root = Path(__file__).parents[2]
    for page in (root / "README.md", root / "docs" / "tutorial" / "first-promotion.md"):
        shown = page.read_text(encoding="utf-8")
        assert pages.masked(shown) == pages.masked(pages.filled(shown, done.text)), "see CONTRIBUTING.md: show it anew"
