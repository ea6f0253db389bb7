"""``plan`` over real commits: exactly the models that a change touches, whatever was checked out and how."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

import estate
from mlops_gitops.manifests import reach
from mlops_gitops.reporting.plan import shared_out
from verbs import said

MANIFEST = """\
apiVersion: mlops-gitops/v1
kind: Model
spec:
  training: {{entrypoint: [python, train.py]}}
  dependencies: {{lock: ../../locks/{lock}.lock}}
  data: [{{name: train, role: training, uri: ../../data/{name}}}]
"""
NAMES = ("arrivals", "delays", "fares")


def git(folder: Path, *words: str) -> str:
    return estate.git(*words, cwd=folder)


def commit(folder: Path, **files: str) -> str:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "A change")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    files = {f"models/{name}/model.yaml": MANIFEST.format(name=name, lock=name[0]) for name in NAMES}
    files |= {f"models/{name}/train.py": "" for name in NAMES}
    project = "kind: Project\nspec: {environments: there, shared: [features]}\n"
    commit(folder, **files, **{"mlops-gitops.yaml": project, "data/arrivals/one.csv": "", "README.md": ""})
    return folder


def plan(folder: Path, *words: str) -> dict[str, list[str]]:
    """The models that are touched, each with its reasons."""
    code, out, err = said(folder, "plan", *words, "--format", "json")
    assert code == 0, out + err
    found = json.loads(out)
    assert [one["model"] for one in found["models"]] == found["names"]
    return {
        one["model"]: [f"{reason['path']}: {reason['why']}" for reason in one["reasons"]] for one in found["models"]
    }


@pytest.mark.parametrize(
    ("path", "touched"),
    [
        ("models/delays/train.py", {"delays": "its training code"}),
        ("models/delays/model.yaml", {"delays": "its manifest"}),
        ("models/delays/tests/x.py", {"delays": "a file in its folder"}),
        ("locks/f.lock", {"fares": "its dependency lock"}),
        ("data/arrivals/two.csv", {"arrivals": "its data"}),
        ("data/arrivals.dvc", {"arrivals": "its data"}),
        ("features/x.py", dict.fromkeys(NAMES, "shared by all models, says mlops-gitops.yaml")),
        ("README.md", {}),
        ("data/arrivals-old.csv", {}),
        ("models/README.md", {}),
    ],
)
def test_what_a_file_touches(place: Path, path: str, touched: dict[str, str]) -> None:
    commit(place, **{path: MANIFEST.format(name="other", lock="other") if path.endswith("model.yaml") else "changed"})
    assert plan(place, "--base", "HEAD^") == {name: [f"{path}: {why}"] for name, why in touched.items()}


def test_the_project_file_touches_every_model(place: Path) -> None:
    commit(place, **{"mlops-gitops.yaml": "kind: Project\n"})
    assert set(plan(place, "--base", "HEAD^")) == set(NAMES)


def test_a_link_leads_to_what_it_shares(place: Path) -> None:
    (place / "models/fares/common.py").symlink_to("../../common/fares.py")
    commit(place, **{"common/fares.py": ""})
    commit(place, **{"common/fares.py": "changed"})
    assert plan(place, "--base", "HEAD^") == {"fares": ["common/fares.py: models/fares/common.py is a link to it"]}


def test_a_manifest_that_cannot_be_read_may_name_anything(place: Path) -> None:
    commit(place, **{"models/fares/model.yaml": 'a: ["\\x2e", ..'})
    commit(place, **{"elsewhere.py": ""})
    assert list(plan(place, "--base", "HEAD^")) == ["fares"]


def test_a_removed_model_gets_no_job_and_a_moved_one_is_looked_at(place: Path) -> None:
    git(place, "mv", "models/fares", "models/prices")
    commit(place)
    code, out, _ = said(place, "plan", "--base", "HEAD^", "--format", "json")
    found = json.loads(out)
    assert (code, found["names"], found["removed"]) == (0, ["prices"], ["fares"])


def test_a_name_that_no_model_can_have_reaches_no_job(place: Path) -> None:
    hostile = "models/$(touch pwned)\n::error::x/model.yaml"
    commit(place, **{hostile: MANIFEST.format(name="x", lock="x")})
    code, out, _ = said(place, "plan", "--base", "HEAD^", "--format", "json")
    found = json.loads(out)
    assert (code, found["names"], found["jobs"], found["matrix"]["include"]) == (0, [], 0, [])
    assert "\n" not in found["unfit"][0]


def test_a_pull_request_is_measured_from_its_own_side(place: Path) -> None:
    start = git(place, "rev-parse", "HEAD")
    git(place, "checkout", "--quiet", "-b", "change")
    tip = commit(place, **{"models/delays/train.py": "mine"})
    git(place, "checkout", "--quiet", "main")
    commit(place, **{"models/fares/train.py": "theirs"})
    assert list(plan(place, "--base", "main", "--head", "change")) == ["delays"]
    git(place, "merge", "--quiet", "--no-edit", "change")
    assert list(plan(place, "--base", start, "--tip", tip)) == ["delays"], "though the base has moved since"


def test_a_branch_is_measured_from_what_it_was(place: Path) -> None:
    before = git(place, "rev-parse", "HEAD")
    commit(place, **{"models/delays/train.py": "changed"})
    assert list(plan(place, "--since", before)) == ["delays"]
    assert set(plan(place, "--since", "1" * 40)) == set(NAMES), "it was rewritten, and what it was is gone"


def test_a_clone_that_was_cut_is_told(place: Path, tmp_path: Path) -> None:
    first = git(place, "rev-parse", "HEAD")
    commit(place, **{"models/delays/train.py": "changed"})
    subprocess.run(
        ["git", "clone", "--quiet", "--depth=1", place.as_uri(), str(tmp_path / "cut")], check=True, capture_output=True
    )
    for option in ("--base", "--since"):
        code, out, _ = said(tmp_path / "cut", "plan", option, first, "--format", "json")
        error = json.loads(out)["error"]
        assert (code, error["code"], "fetch-depth: 0" in error["hint"]) == (2, "shallow", True)


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--base", "nowhere"), 2, "no-commit"),
        (("--base", "HEAD", "--all"), 2, "usage"),
        ((), 2, "usage"),
        (("--all", "--jobs", "257"), 2, "usage"),
        (("--all", "--jobs", "0"), 2, "usage"),
    ],
)
def test_what_cannot_be_planned(place: Path, words: tuple[str, ...], code: int, told: str) -> None:
    ended, out, _ = said(place, "plan", *words, "--format", "json")
    assert (ended, json.loads(out)["error"]["code"]) == (code, told)


def test_outside_of_a_repository(tmp_path: Path) -> None:
    code, out, _ = said(tmp_path, "plan", "--all", "--format", "json")
    assert (code, json.loads(out)["error"]["code"]) == (1, "source-missing")


def test_models_in_a_folder_of_the_repository(place: Path) -> None:
    inner = place / "team"
    manifest = MANIFEST.format(name="x", lock="x").replace("../../locks", "../../../locks")
    commit(place, **{"team/models/inner/model.yaml": manifest, "team/models/other/model.yaml": "kind: Model\n"})
    commit(place, **{"locks/x.lock": ""})
    assert plan(inner, "--base", "HEAD^") == {"inner": ["../locks/x.lock: its dependency lock"]}


@pytest.mark.parametrize(("models", "jobs"), [(0, 256), (1, 256), (256, 256), (500, 256), (1000, 7)])
def test_jobs_are_few_even_and_whole(models: int, jobs: int) -> None:
    names = [f"model-{number}" for number in range(models)]
    groups = shared_out(names, jobs)
    assert len(groups) == min(jobs, models)
    assert [name for group in groups for name in group] == names
    sizes = {len(group) for group in groups}
    assert not sizes or max(sizes) - min(sizes) <= 1


def test_reasons_are_few_and_counted() -> None:
    found = reach.Repository({"a": b"kind: Model\n"})
    (one,) = reach.reach([f"models/a/{number:03}" for number in range(100)], found).models
    assert (len(one.reasons), one.more) == (reach.SHOWN, 100 - reach.SHOWN)
