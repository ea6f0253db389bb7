"""``test`` on a schedule, on a GitHub with real git: each day's data are a look that the environment repository counts.

The steps are those of the workflow that the Action's page shows; how the data of a day come is the test's own.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from workflows import ROOT, Ran, pull_request, run, step

import cancer
import estate
import fakehub
from estate import Estate
from fakehub import Hub
from mlops_gitops.adapters.git import Repository
from mlops_gitops.cli.main import main
from mlops_gitops.cli.world import World
from mlops_gitops.manifests.reading import read
from mlops_gitops.manifests.rendering import render
from mlops_gitops.promotion.verify import verify

NAME, MODEL = "airline/environments", "cancer"
IGNORED = "models/cancer/data/today.parquet\n"


def rows(seed: int, moved: float = 0.0) -> pd.DataFrame:
    chance = np.random.default_rng(seed)
    frame = pd.DataFrame({name: chance.normal(20, 3, 2_000) for name in cancer.FEATURES})
    return frame.assign(
        benign=frame[cancer.FEATURES[0]] > 20, **{cancer.FEATURES[1]: frame[cancer.FEATURES[1]] + moved}
    )


def fetched(seed: int, folder: Path, moved: float = 0.0) -> str:
    """A step that brings the data of one day."""
    rows(seed, moved).to_parquet(folder / f"{seed}.parquet", index=False)
    return f"- run: cp '{folder}/{seed}.parquet' models/{MODEL}/data/today.parquet\n"


def shown() -> Mapping[Any, Any]:
    """The workflow that the page shows under its second heading."""
    text = (ROOT / "actions" / "test" / "README.md").read_text(encoding="utf-8")
    found = re.search(r"## Look at the data of a day\n\n```yaml\n(.*?)```", text, flags=re.DOTALL)
    assert found is not None
    workflow: Mapping[Any, Any] = yaml.safe_load(found[1])
    return workflow


def look(ident: str, **more: str) -> str:
    """Its step, as one of several and about the model that is here."""
    (job,) = shown()["jobs"].values()
    _, last = job["steps"]
    return f"- {json.dumps({'id': ident, **last, 'with': {**last['with'], 'models': MODEL, **more}})}\n"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model repository whose data are held against a reference for nobody knows how long."""
    root = tmp_path_factory.mktemp("models")
    value = cancer.manifest()
    value["spec"]["data"].append({"name": "today", "role": "serving", "uri": "data/today.parquet"})
    value["spec"]["tests"] = {"data": {"drift": {"of": "train", "in": ["today"], "looks": "counted"}}}
    folder = root / "models" / MODEL
    (folder / "data").mkdir(parents=True)
    (folder / "model.yaml").write_text(yaml.safe_dump(value, sort_keys=False))
    (root / ".gitignore").write_text(IGNORED)
    for name, seed in (("train", 1), ("test", 2), ("today", 3)):
        rows(seed).to_parquet(folder / "data" / f"{name}.parquet", index=False)
    said = io.StringIO()
    world = World({"HOME": str(root)}, lambda: datetime.now(UTC), root, said, said)
    assert main(["test", "data", MODEL, "--write-reference"], world) == 0, said.getvalue()
    (folder / "data" / "today.parquet").unlink()
    who = ["-c", "user.name=Ada Example", "-c", "user.email=ada@example.com"]
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], [*who, "commit", "-q", "-m", "A model"]):
        subprocess.run(["git", *words], cwd=root, check=True, capture_output=True)
    return root


@pytest.fixture
def hub(models: Path, tmp_path: Path) -> Iterator[Hub]:
    """A GitHub whose environment repository has the release that was made of this manifest."""
    released = dict(estate.release(model=MODEL).value)
    digest = hashlib.sha256((models / "models" / MODEL / "model.yaml").read_bytes()).hexdigest()
    released["spec"] = {**released["spec"], "manifest": {"sha256": digest}}
    start = Estate.new().with_release(read("release", render(released), path="release.yaml"))
    with fakehub.serve(tmp_path / "hub") as found:
        found.now = lambda: datetime.now(UTC)
        found.create(NAME, start.files)
        yield found


def ran(steps: str, hub: Hub, models: Path, product: Path, folder: Path, **event: Any) -> Ran:
    return run(
        steps,
        product=product,
        folder=folder,
        event=event.get("event", "schedule"),
        payload=event.get("payload", {"schedule": "40 5 * * *"}),
        clone=models,
        environ={
            "GITHUB_SERVER_URL": hub.url,
            "GITHUB_API_URL": hub.api_url,
            "GITHUB_GRAPHQL_URL": hub.graphql_url,
        },
        variables={"ENVIRONMENTS_URL": hub.git_url(NAME)},
        secrets={
            "ENVIRONMENTS_TOKEN": hub.token("app", repositories=(NAME,), contents="write"),
            "TESTS_KEY": estate.pem("ci"),
        },
    )


def looks(hub: Hub, folder: Path) -> list[int]:
    """The numbers of the looks that the evidence on the newest commit tells, where everything holds."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    store = Repository(str(hub.repository(NAME).folder), branch="main", cache=folder / "cache", environ=environ)
    assert verify(store, store.fetch()).problems == ()
    from mlops_gitops.evidence import windows
    from mlops_gitops.promotion.snapshot import Snapshot

    snapshot = Snapshot(store.fetch())
    (release,) = snapshot.release_ids(MODEL)
    claims = [one.claim for one in snapshot.dossier(MODEL, release).evidence]
    return sorted(one.number or 0 for claim in claims for one in windows.windows(claim))


def test_each_day_is_counted_in_the_environment_repository(
    hub: Hub, models: Path, product: Path, tmp_path: Path
) -> None:
    before = hub.tip(NAME)
    steps = [
        fetched(3, tmp_path),
        look("test"),
        look("test_again"),
        fetched(4, tmp_path),
        look("test_dry", **{"dry-run": "true", "allow-pending": "true"}),
        step("test", ident="test_numbered", kind="data", models=MODEL, look="41"),
        look("test_next"),
        fetched(5, tmp_path, moved=3.0),
        look("test_moved").replace('{"id"', '{"continue-on-error": true, "id"'),
    ]
    found = ran("".join(steps), hub, models, product, tmp_path / "run")
    assert [name for name, one in found.steps.items() if one["outcome"] == "failure"] == ["test_moved"]
    said = {name: found.outputs(name) for name in found.steps if name.startswith("test")}
    assert {name: one["result"] for name, one in said.items()} == {
        **dict.fromkeys(("test", "test_again", "test_next", "test_numbered"), "passed"),
        "test_dry": "inconclusive",
        "test_moved": "failed",
    }
    told = {name: message(found, name) for name in said}
    for name, number in (("test", 1), ("test_again", 1), ("test_next", 2), ("test_numbered", 41)):
        assert f"look {number} at train" in told[name], name
    commits = [said[name]["commit"] for name in ("test", "test_again", "test_next", "test_moved")]
    assert all(commits)
    assert len({before, *commits}) == 5
    assert commits[-1] == hub.tip(NAME)
    assert (said["test_dry"]["commit"], said["test_numbered"]["commit"]) == ("", "")
    assert looks(hub, tmp_path) == [1, 1, 2, 3]


def message(found: Ran, name: str) -> str:
    """What is said of the look."""
    (report,) = found.document(name, "report-path")["reports"]
    return " ".join(one["message"] for one in report["checks"] if one["id"].startswith("data.drift"))


def test_a_fork_publishes_nothing_and_has_nothing_to_publish_with(
    hub: Hub, models: Path, product: Path, tmp_path: Path
) -> None:
    before = hub.tip(NAME)
    steps = fetched(3, tmp_path) + look("test", **{"allow-pending": "true"})
    event = {"event": "pull_request", "payload": pull_request(fork=True)}
    found = ran(steps, hub, models, product, tmp_path / "run", **event)
    assert (found.outputs("test")["result"], found.outputs("test")["commit"]) == ("inconclusive", "")
    assert hub.tip(NAME) == before


def test_the_job_that_holds_the_secrets_runs_nothing_that_a_repository_brings() -> None:
    (job,) = shown()["jobs"].values()
    assert [one["uses"].split("@")[0] for one in job["steps"]] == [
        "actions/checkout",
        "mlops-gitops/mlops-gitops/actions/test",
    ]
    assert "schedule" in shown()[True], "YAML 1.1 reads `on` as true"
