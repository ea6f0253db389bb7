"""Looks at a reference by the command line: counted where evidence lies, or by a number that somebody names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
import yaml
from sklearn.linear_model import LogisticRegression

import estate
from cancer import FEATURES, manifest
from estate import Estate
from mlops_gitops.adapters.git import Repository
from mlops_gitops.manifests.reading import read
from mlops_gitops.manifests.rendering import render
from mlops_gitops.promotion.verify import verify
from shells import Shell

MODEL = "cancer"


def rows(seed: int, count: int = 2_000, moved: float = 0.0) -> pd.DataFrame:
    chance = np.random.default_rng(seed)
    frame = pd.DataFrame({name: chance.normal(20, 3, count) for name in FEATURES})
    return frame.assign(
        benign=frame[FEATURES[0]] + chance.normal(size=count) > 20, **{FEATURES[1]: frame[FEATURES[1]] + moved}
    )


@pytest.fixture
def site(shell_of: Callable[[Estate], Shell]) -> Shell:
    """A model repository whose data are asked every day, and an environment repository with its release."""
    value = manifest()
    value["spec"]["artifact"] = {"format": "skops", "path": "model.skops"}
    value["spec"]["data"].append({"name": "today", "role": "serving", "uri": "data/today.parquet"})
    drift = {"of": "train", "in": ["today"], "looks": "counted", "weights": "importance"}
    value["spec"]["tests"] = {"data": {"drift": drift}}
    text = yaml.safe_dump(value, sort_keys=False)
    released = dict(estate.release(model=MODEL).value)
    released["spec"] = {**released["spec"], "manifest": {"sha256": hashlib.sha256(text.encode()).hexdigest()}}
    shell = shell_of(Estate.new().with_release(read("release", render(released), path="release.yaml")))
    folder = shell.folder / "models" / MODEL
    (folder / "data").mkdir(parents=True)
    (folder / "model.yaml").write_text(text)
    for name, seed in (("train", 1), ("test", 2), ("today", 3)):
        rows(seed).to_parquet(folder / "data" / f"{name}.parquet", index=False)
    train = rows(1)
    skops.io.dump(LogisticRegression().fit(train[list(FEATURES)], train["benign"]), folder / "model.skops")
    assert shell("test", "data", MODEL, "--write-reference") == 0, shell.err
    return shell


def today(site: Shell, *words: str) -> tuple[int, dict[str, Any]]:
    """The exit code, and what is said of the most important feature or of the look."""
    code = site("test", "data", MODEL, *words, "--format", "json")
    (report,) = json.loads(site.out)["reports"] if site.out.startswith("{") and '"reports"' in site.out else ({},)
    wanted = {("data.drift-look", "today"), ("data.drift", f"today.{FEATURES[0]}")}
    found = [one for one in report.get("checks", ()) if (one["id"], one["subject"]) in wanted]
    return code, found[0] if found else {}


def test_each_day_is_a_look_that_evidence_counts(site: Shell) -> None:
    folder = site.folder / "models" / MODEL
    assert site("test", "features", MODEL, "--write-reference") == 0, site.err
    assert site.out.strip() == "wrote models/cancer/importance.json"
    brought = json.loads((folder / "importance.json").read_text())
    assert (brought["metric"], brought["dataset"]) == ("roc_auc", "test")
    assert max(brought["inputs"], key=brought["inputs"].get) == FEATURES[0]
    code, said = today(site)
    assert (code, said["verdict"]) == (4, "inconclusive")
    assert "--look N says it" in said["fix"]
    code, said = today(site, "--look", "7")
    assert (code, "look 7 at train, which may spend 1/56 of the errors" in said["message"]) == (0, True), site.out

    publish = ("--release", "1.0.0", "--publish")
    for day, number in ((3, 1), (4, 2), (3, 1), (5, 3)):
        rows(day).to_parquet(folder / "data" / "today.parquet", index=False)
        code, said = today(site, *publish)
        assert code == 0, site.out + site.err
        assert f"look {number} at train" in said["message"]
        assert "published in commit" in site.err
    rows(6, moved=3).to_parquet(folder / "data" / "today.parquet", index=False)
    code, _ = today(site, *publish)
    assert code == 1, "a real change is found on the fourth look"
    store = Repository(str(site.bare), branch="main", cache=site.folder / "again", environ=site.environ)
    assert [one for one in verify(store, store.fetch()).problems if one.id == "look"] == []


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("model", MODEL, "--look", "3"), "--look, --release and --publish go with `test data`"),
        (("data", MODEL, "--look", "0"), "--look takes a number from 1"),
        (("data", MODEL, "--release", "1.0.0"), "--release goes with --publish"),
        (("data", "--publish"), "--publish with one model"),
        (("data", MODEL, "--publish", "--release", "1.0.0", "--look", "2"), "--publish counts by itself"),
    ],
)
def test_options_that_do_not_go_together_are_refused(site: Shell, words: tuple[str, ...], why: str) -> None:
    assert site("test", *words) == 2
    assert why in site.err


def test_the_release_is_the_one_that_the_manifest_names_and_the_answer_says_the_commit(site: Shell) -> None:
    found = site.json("test", "data", MODEL, "--publish")
    store = Repository(str(site.bare), branch="main", cache=site.folder / "again", environ=site.environ)
    assert found["commit"] == store.fetch().commit
    assert site.json("test", "data", MODEL, "--look", "2")["commit"] is None
    path = site.folder / "models" / MODEL / "model.yaml"
    path.write_text(path.read_text().replace("version: 1.0.0", "version: 1.1.0"))
    error = site.json("test", "data", MODEL, "--publish")["error"]
    assert (error["code"], error["message"]) == ("no-release", f"'1.1.0' names no release of {MODEL}")
    named = site.json("test", "data", MODEL, "--publish", "--release", "1.0.0")["error"]
    assert named["code"] == "other-manifest"


def test_data_are_asked_of_the_release_whose_manifest_it_is(site: Shell) -> None:
    path = site.folder / "models" / MODEL / "model.yaml"
    path.write_text(path.read_text().replace("looks: counted", "looks: 90"))
    assert site("test", "data", MODEL, "--release", "1.0.0", "--publish") == 1
    assert "was made from another model.yaml than the one here" in site.err


def test_a_number_is_no_use_where_looks_are_planned(site: Shell) -> None:
    path = site.folder / "models" / MODEL / "model.yaml"
    path.write_text(path.read_text().replace("looks: counted", "looks: 90"))
    assert site("test", "data", MODEL, "--look", "3") == 2
    assert "cancer counts none" in site.err
