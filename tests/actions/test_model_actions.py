"""What a model repository runs, in one real workflow: each Action finds what the one before it left."""

from __future__ import annotations

import json
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from workflows import Ran, example_step, pull_request, run, step

import estate
from estate import Estate
from retrainings import ENVIRONMENT, repository
from servers.git_http import PUSH, GitServer, serve

TOKEN = "ghs_0nly-for-the-environment-repository"
DEMANDS = {"data": {"rows": {"min": 100}, "columns": [{"name": "radius", "type": "double", "range": {"min": 0}}]}}
HOSTILE = "$(touch pwned)`touch pwned` ::add-mask::production @airline/risk </details>"


FETCH = '- run: cp "$TRAINED" models/cancer/model.pkl\n'
"""The artifact lies outside of git; a workflow fetches it from where training left it."""

BETTER = """\
- run: |
    sed -i 's/version: 1.0.0/version: 1.1.0/' models/cancer/model.yaml
    git -c user.name=Ada -c user.email=ada@example.com commit --quiet --all --message "A better one"
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    with serve(tmp_path_factory.mktemp("served"), tokens={TOKEN: "write"}) as found:
        found.create("environments", dict(Estate.new().files))
        yield found


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with one model that was trained."""
    place = repository(tmp_path_factory.mktemp("models"), "sklearn-pickle", spec={"tests": DEMANDS})
    place.train()
    place.git("remote", "add", "origin", "https://github.com/airline/models")
    return place.root


def trained(models: Path) -> dict[str, str]:
    return {"TRAINED": str(models / "models" / "cancer" / "model.pkl")}


@pytest.fixture(scope="module")
def merged(
    server: GitServer, models: Path, product: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Ran, list[str]]:
    """After a merge: look, test, train again, try a release, release, promote.  And what was pushed before the last."""
    access = {
        "environments": server.url_of("environments"),
        "token": "${{ secrets.TOKEN }}",
        "signing_key": "${{ secrets.KEY }}",
    }
    steps = [
        FETCH,
        example_step("plan"),
        example_step("test", models="${{ fromJSON(steps.plan.outputs.matrix).include[0].models }}"),
        step("test", ident="test_data", kind="data"),
        step("test", ident="test_features", kind="features"),
        example_step("reproduce", models="cancer", python_environment=str(ENVIRONMENT)),
        step("release", ident="release_dry", model="cancer", dry_run="true", **access),
        example_step("release", model="cancer"),
        step("release", ident="release_again", model="cancer", **access),
        step("promote", model="cancer", to="dev", release="${{ steps.release.outputs.release }}", **access),
        BETTER,
        step("release", ident="release_better", model="cancer", **access),
        step("promote", ident="promote_better", all="true", **access),
        step("rollback", ident="rollback_dry", model="cancer", in_="dev", reason="late", dry_run="true", **access),
        step("rollback", model="cancer", in_="dev", reason=HOSTILE, **access),
        step("verify", environments=access["environments"], token=access["token"]),
    ]
    ran = run(
        "".join(steps),
        product=product,
        folder=tmp_path_factory.mktemp("merged"),
        event="workflow_dispatch",
        payload={"inputs": {}},
        clone=models,
        environ=trained(models),
        variables={"ENVIRONMENTS_URL": access["environments"]},
        secrets={
            **dict.fromkeys(("TOKEN", "ENVIRONMENTS_TOKEN"), TOKEN),
            **dict.fromkeys(("KEY", "TESTS_KEY"), estate.pem("ci")),
        },
    )
    return ran, [request.service for request in server.requests if request.service == PUSH and request.method == "POST"]


def test_every_step_succeeds(merged: tuple[Ran, list[str]]) -> None:
    ran, _ = merged
    assert ran.failures() == {}
    assert {one["outcome"] for one in ran.steps.values()} == {"success"}
    assert ran.pwned == ()


def test_every_model_is_planned_where_no_event_says_more(merged: tuple[Ran, list[str]]) -> None:
    said = merged[0].outputs("plan")
    assert (said["result"], said["count"], said["jobs"]) == ("planned", "1", "1")
    assert json.loads(said["models"]) == ["cancer"]
    assert json.loads(said["matrix"]) == {"include": [{"name": "cancer", "models": "cancer"}]}


def test_tests_are_counted(merged: tuple[Ran, list[str]]) -> None:
    ran, _ = merged
    said, reports = ran.outputs("test"), ran.document("test", "report-path")["reports"]
    assert (said["result"], json.loads(said["models"]), said["failed"]) == ("passed", ["cancer"], "0")
    assert int(said["checks"]) == sum(len(one["checks"]) for one in reports) > 0
    assert [one["kind"] for one in ran.document("test_data", "report-path")["reports"]] == ["data-tests"]
    assert ran.document("test", "sarif-path")["runs"][0]["results"] == []
    assert said["junit-path"].startswith(f"{said['pages-path']}/")
    (kept,) = ran.collected.glob("/".join(Path(said["junit-path"]).parts[-3:]))
    assert int(ET.parse(kept).getroot().attrib["tests"]) == int(said["checks"])  # noqa: S314 - our own
    costs = ran.outputs("test_features")
    assert (costs["result"], json.loads(costs["models"]), costs["pages-path"]) == ("measured", ["cancer"], "")


def test_a_training_is_compared_and_its_pages_are_left(merged: tuple[Ran, list[str]]) -> None:
    ran, _ = merged
    said = ran.outputs("reproduce")
    assert (said["result"], said["level"], said["failed"]) == ("passed", "bitwise", "0")
    (one,) = json.loads(said["models"])
    assert (one["model"], one["verdict"], one["reached"]) == ("cancer", "pass", "bitwise")
    assert (ran.collected / Path(said["pages-path"]).name / "cancer" / "report.html").is_file()


def test_a_release_is_published_once(merged: tuple[Ran, list[str]], server: GitServer) -> None:
    ran, pushes = merged
    dry, said, again = (ran.outputs(one) for one in ("release_dry", "release", "release_again"))
    assert (dry["result"], dry["commit"]) == ("planned", "")
    assert (said["result"], said["verdict"], said["version"]) == ("released", "passed", "1.0.0")
    assert said["release"] == dry["release"] == again["release"]
    assert (again["result"], again["commit"]) == ("nothing-to-do", "")
    assert f"releases/cancer/{said['release']}.yaml" in server.files("environments", said["commit"])
    assert len(pushes) == 5, "two releases, two promotions and a rollback, and nothing of what was only tried"


def test_what_was_released_is_what_runs(merged: tuple[Ran, list[str]], server: GitServer) -> None:
    for suffix in ("", "_better"):
        said = merged[0].outputs(f"promote{suffix}")
        assert said["result"] == "promoted"
        assert said["release"] == merged[0].outputs(f"release{suffix}")["release"] == running(server, said["commit"])


def test_a_rollback_is_tried_and_done_and_held(merged: tuple[Ran, list[str]], server: GitServer) -> None:
    dry, said = merged[0].outputs("rollback_dry"), merged[0].outputs("rollback")
    first = merged[0].outputs("release")["release"]
    assert (dry["result"], dry["release"], dry["commit"], dry["promotion"]) == ("planned", first, "", "")
    assert (said["result"], said["environment"], said["release"]) == ("rolled-back", "dev", first)
    assert running(server, said["commit"]) == first
    assert said["commit"] == server.tip("environments")
    held = yaml.safe_load(server.read("environments", "controls/dev/cancer.yaml") or b"")
    assert HOSTILE in json.dumps(held)


def test_all_of_it_is_verified(merged: tuple[Ran, list[str]], server: GitServer) -> None:
    said = merged[0].outputs("verify")
    assert (said["result"], said["problems"], said["receipts"]) == ("holds", "0", "3")
    assert said["commit"] == server.tip("environments")


def running(server: GitServer, commit: str) -> str:
    """The release that dev points at in a commit."""
    pointer = yaml.safe_load(server.read("environments", "environments/dev/cancer/release.yaml", commit) or b"")
    return str(pointer["data"]["release"])


def test_a_fork_gets_its_tests_and_nothing_is_published(models: Path, product: Path, tmp_path: Path) -> None:
    """All of it with hostile words in the event, and without any secret."""
    access = {"environments": "https://git.example.com/airline/environments.git"}
    steps = [
        FETCH,
        step("test", kind="data"),
        step("reproduce", models="cancer", twice="true", python_environment=str(ENVIRONMENT), publish="true"),
        step("release", model="cancer", **access),
        step("promote", all="true", **access),
        step("reconcile", **access),
        step("rollback", due="true", **access),
    ]
    ran = run(
        "".join(steps),
        product=product,
        folder=tmp_path / "run",
        event="pull_request",
        payload=pull_request(title=HOSTILE, branch=HOSTILE, fork=True),
        clone=models,
        environ=trained(models),
    )
    assert ran.succeeded
    assert [ran.outputs(one)["result"] for one in ("test", "reproduce")] == ["passed", "passed"]
    assert {ran.outputs(one)["result"] for one in ("release", "promote", "reconcile", "rollback")} == {"skipped"}
    assert json.loads(ran.outputs("promote")["promotions"]) == []
    assert ran.pwned == ()


def test_what_fails_is_told_with_its_line(models: Path, product: Path, tmp_path: Path) -> None:
    """Several failures in one workflow: each leaves its outputs for the steps after it."""
    other = tmp_path / "models"
    shutil.copytree(models, other)
    manifest = other / "models" / "cancer" / "model.yaml"
    manifest.write_text(manifest.read_text().replace("min: 0.7", "min: 0.9999"))
    steps = [
        FETCH,
        step("test", tolerant=True),
        step("test", ident="test_nothing", tolerant=True, models="no-such-model"),
        step("test", ident="test_option", tolerant=True, models="--format=text"),
        step("release", tolerant=True),
        step("reproduce", tolerant=True, models="cancer", python_environment="nowhere"),
        step("build", tolerant=True, models="cancer"),
    ]
    ran = run(
        "".join(steps),
        product=product,
        folder=tmp_path / "run",
        event="push",
        payload={"after": "1" * 40},
        clone=other,
        environ=trained(models),
    )
    said = ran.outputs("test")
    assert (said["result"], ran.steps["test"]["outcome"]) == ("failed", "failure")
    (result,) = ran.document("test", "sarif-path")["runs"][0]["results"]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "models/cancer/model.yaml"
    assert "0.9999" in manifest.read_text().splitlines()[place["region"]["startLine"] - 1]
    for name in ("test_nothing", "test_option", "release"):
        assert (ran.steps[name]["outcome"], ran.outputs(name)["result"]) == ("failure", "error")
    assert ran.outputs("reproduce")["result"] in {"error", "refused"}
    assert ran.outputs("build")["result"] in {"error", "refused"}
    assert json.loads(ran.outputs("build")["images"]) == []
