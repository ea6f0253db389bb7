"""``test features`` on a real model with a column transformer, and a server that takes longer for every column."""

from __future__ import annotations

import io
import itertools
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest
import skops.io
import yaml
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import estate
import outputs
from cancer import manifest
from mlops_gitops.cli.main import main
from mlops_gitops.cli.world import World

Run = Callable[..., tuple[int, str, str]]
NAMES = ("good", "weak", "noise", "site")


class Slow(BaseHTTPRequestHandler):
    """A third of a millisecond for every column; the answer is always the same."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        time.sleep(0.0003 * len(body["dataframe_split"]["columns"]))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{made.server_address[1]}/"
        made.shutdown()
        thread.join()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({name: rng.normal(size=1200) for name in NAMES[:3]})
    frame["site"] = rng.choice(["north", "south"], 1200)
    frame["benign"] = frame["good"] + 0.3 * frame["weak"] + rng.normal(size=1200) * 0.5 > 0
    folder = tmp_path / "models" / "cancer"
    (folder / "data").mkdir(parents=True)
    frame.head(600).to_parquet(folder / "data/train.parquet")
    frame.tail(600).to_parquet(folder / "data/test.parquet")
    parts = make_column_transformer(
        (StandardScaler(), list(NAMES[:2])), (OneHotEncoder(), ["site"]), ("drop", ["noise"])
    )
    model = make_pipeline(parts, LogisticRegression()).fit(frame[list(NAMES)], frame["benign"])
    skops.io.dump(model, folder / "model.skops")
    value: dict[str, Any] = manifest()
    value["spec"]["artifact"] = {"format": "skops", "path": "model.skops"}
    kinds = [(name, "string" if name == "site" else "double") for name in NAMES]
    value["spec"]["interface"]["inputs"] = [{"name": name, "type": kind} for name, kind in kinds]
    (folder / "model.yaml").write_text(yaml.safe_dump(value))

    def call(*words: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        environ = {"HOME": str(tmp_path), "MG_CACHE": str(tmp_path / "cache"), "PATH": "/usr/bin:/bin"}
        world = World(environ, lambda: datetime(2026, 11, 21, tzinfo=UTC), tmp_path, out, err)
        code = main(["test", "features", *words], world)
        if outputs.asked_for(words):
            outputs.checked(["test", *words], code, out.getvalue())
        return code, out.getvalue(), err.getvalue()

    return call


def test_power_steps_and_carrying_of_each_feature(run: Run, server: str) -> None:
    code, out, err = run("cancer", "--server", server, "--format", "json")
    assert code == 0, err
    (found,) = json.loads(out)["features"]
    groups = {one["name"]: one for one in found["groups"]}
    assert next(iter(groups)) == "good"
    powers = {name: (one["power"]["value"], one["power"]["distinguishable"]) for name, one in groups.items()}
    assert powers["good"][0] > 0.3
    assert powers["weak"][1] is True
    assert powers["noise"] == (0.0, False)
    for one in groups.values():
        assert 0.0001 < one["carryingSeconds"]["value"] < 0.003
        assert one["carryingSeconds"]["distinguishable"] is True
    assert [name for name, one in groups.items() if one["steps"]] == ["site"]
    steps = groups["site"]["steps"]
    assert steps["names"] == ["onehotencoder"]
    assert steps["seconds"]["lower"] > 0
    assert steps["workingBytes"] > 100
    assert steps["heldBytes"] > 100
    assert found["notes"] == ["steps that several groups share belong to none: standardscaler"]


def test_groups_are_told_as_a_table_and_a_plot(run: Run, tmp_path: Path) -> None:
    code, out, err = run("cancer", "--group", "numbers=good,weak", "--plot", "plot.svg")
    assert code == 0, err
    title, _, first, *_ = out.splitlines()
    assert title == "cancer: costs of features, on 600 rows of test (90 % intervals)"
    assert first.split()[0] == "numbers"
    assert "B held" in first
    assert "noise    not distinguishable from zero (+0.0000 to +0.0000)" in out
    assert "carrying was not measured: no --server is named" in out
    root = ET.fromstring((tmp_path / "plot.svg").read_text())  # noqa: S314 - our own
    names = [one.text for one in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"numbers", "noise", "site"} <= set(names)
    assert {"time added to a request", "memory of its own steps"} <= {
        f"{one} {other}" for one, other in itertools.pairwise(names)
    }


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("cancer", "--group", "x"), 2, "is no group of columns"),
        (("cancer", "--group", "x=nothing"), 2, "is no input of the model"),
        (("cancer", "--server", "http://127.0.0.1:1"), 5, "did not answer: "),
        (("nobody",), 2, "there is no models/nobody"),
    ],
)
def test_what_cannot_be_is_said(run: Run, words: tuple[str, ...], code: int, said: str) -> None:
    found, _, err = run(*words)
    assert found == code, err
    assert said in err


def demanding(folder: Path, **features: Any) -> None:
    value = yaml.safe_load((folder / "model.yaml").read_text())
    value["spec"].setdefault("tests", {})["features"] = features
    (folder / "model.yaml").write_text(yaml.safe_dump(value))


@pytest.mark.parametrize(
    ("lay", "why"),
    [(os.mkfifo, "not a regular file"), (lambda path: path.symlink_to("/dev/zero"), "leads out of the repository")],
    ids=["pipe", "device"],
)
def test_coverage_is_read_of_a_plain_file(run: Run, tmp_path: Path, lay: Callable[[Path], object], why: str) -> None:
    folder = tmp_path / "models" / "cancer"
    demanding(folder, coverage={"file": "coverage.json", "min": 0.9})
    lay(folder / "coverage.json")
    code, out, err = run("cancer", "--format", "json")
    assert code == 1, err
    (said,) = [one for one in json.loads(out)["reports"][0]["checks"] if one["id"] == "feature.coverage"]
    assert why in said["message"]


def test_what_the_manifest_demands_is_judged(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "cancer"
    demanding(folder, correlation={"max": 0.9, "maxChange": 0.2}, minImportance=0.001,
              coverage={"file": "coverage.json", "min": 0.9})  # fmt: skip
    (folder / "coverage.json").write_text(
        json.dumps({"files": {"a.py": {"summary": {"num_statements": 10, "covered_lines": 5}}}})
    )
    code, out, err = run("cancer", "--format", "json", "--report", "reports")
    assert code == 1, err
    told = json.loads(out)
    (report,) = told["reports"]
    assert report["kind"] == "feature-tests"
    assert [one["figure"] for one in report["figures"]] == ["intervals", "intervals", "intervals", "matrix"]
    assert "How the inputs go together" in (tmp_path / "reports/cancer/report.html").read_text()
    checks = {(one["id"], one["subject"]): one for one in report["checks"]}
    assert checks["feature.unused", "noise"]["verdict"] == "fail"
    assert "the model does not use it" in checks["feature.unused", "noise"]["message"]
    assert checks["feature.unused", "good"]["verdict"] == "pass"
    assert checks["feature.coverage", "coverage.json"]["verdict"] == "fail"
    assert "5 of 10 lines" in checks["feature.coverage", "coverage.json"]["message"]
    assert checks["feature.correlation", "train"]["verdict"] == "pass"
    assert checks["feature.change", "train"]["verdict"] == "inconclusive"
    subsets = {one["name"]: one for one in told["features"][0]["subsets"]["features"]}
    assert subsets["good"]["alone"]["value"] > 0.3 > subsets["weak"]["alone"]["value"]
    assert subsets["good"]["without"]["distinguishable"]
    (steps,) = (one["steps"] for one in told["features"][0]["groups"] if one["name"] == "site")
    assert "scikit-learn" in steps["packages"]


def test_a_change_is_held_against_the_base_branch(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "cancer"
    demanding(folder, correlation={"maxChange": 0.2})
    assert run("cancer", "--write-reference")[:2] == (0, "wrote models/cancer/train.correlations.json\n")
    estate.git("init", "--quiet", "--initial-branch=main", cwd=tmp_path)
    estate.git("add", "models", cwd=tmp_path)
    estate.git("commit", "--quiet", "--message", "Before", cwd=tmp_path)

    frame = pd.read_parquet(folder / "data/train.parquet")
    frame["noise"] = frame["good"]
    frame.to_parquet(folder / "data/train.parquet")
    run("cancer", "--write-reference")  # the change brings a reference that fits it
    value = yaml.safe_load((folder / "model.yaml").read_text())
    del value["spec"]["interface"]["inputs"][1]
    (folder / "model.yaml").write_text(yaml.safe_dump(value))
    code, out, err = run("cancer", "--against", "main", "--format", "json")
    assert code == 1, err
    (report,) = json.loads(out)["reports"]
    failed = {(one["id"], one["subject"]) for one in report["checks"] if one["verdict"] == "fail"}
    assert failed == {("feature.removed", "weak"), ("feature.change", "good, noise")}

    demanding(folder, removed=[{"name": "weak", "reason": "it was"}])
    code, out, err = run("cancer", "--against", "main", "--format", "json")
    assert code == 0, out + err
    assert "weak is gone: it was" in {one["message"] for one in json.loads(out)["reports"][0]["checks"]}
    assert run("cancer", "--against", "nowhere")[0] == 2
