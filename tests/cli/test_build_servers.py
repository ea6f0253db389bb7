"""The images that serve, with the real server and real packages: built, run as in production, and asked.

The only tests that install a server's packages: they come from the package index, once for both images.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression

import image_models
from image_models import ImageModel
from mlops_gitops.adapters import bad_request_client
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing.infra import bad_requests, protocols
from mlops_gitops.testing.infra.bad_requests import BadRequest
from servers.docker_engine import Engine

PACKAGES = ("mlserver", "mlserver-mlflow", "mlflow==3.17.2", "pandas", "pyarrow", "scikit-learn", "skops")
CAREFUL: dict[str, Any] = {
    "read_only": True,
    "network_mode": "none",
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
    "tmpfs": {"/tmp": "mode=1777"},  # noqa: S108 - the container's
}
ASK = """
import sys, urllib.error, urllib.request
path, body, kind = sys.argv[1:]
url, headers = "http://127.0.0.1:8080" + path, {"Content-Type": kind}
request = urllib.request.Request(url, data=body.encode() or None, headers=headers)
try:
    answer = urllib.request.urlopen(request, timeout=30)
except urllib.error.HTTPError as error:
    answer = error
except OSError as error:
    sys.exit(str(error))
print(answer.status, answer.read().decode())
"""

pytestmark = pytest.mark.skipif(not Path(image_models.UV).is_file(), reason="uv is not installed")


@pytest.fixture(scope="module")
def built(
    engine: Engine, serving_base: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[ImageModel, Any, Any]]:
    """A model with a logistic regression in skops' format, the estimator, and what it was taught on."""
    room = tmp_path_factory.mktemp("servers")
    model = image_models.made(room / "repo", base=serving_base, cache=room / "cache", wheels=room / "wheels")
    model.shell.environ = {**model.shell.environ, "DOCKER_HOST": engine.host}
    model.lock_from_index(PACKAGES)
    names = [one["name"] for one in model.value["spec"]["interface"]["inputs"]]
    rows = pd.DataFrame(np.random.default_rng(0).random((300, len(names))), columns=names)
    fitted = LogisticRegression().fit(rows, rows.sum(axis=1) > 2)
    skops.io.dump(fitted, model.folder / "artifact/model.skops")
    model.value["spec"]["artifact"] = {"format": "skops", "path": "artifact/model.skops"}
    yield model, fitted, rows
    for one in engine.client.images.list(name="cancer"):
        engine.client.images.remove(one.id, force=True)


def loaded(model: ImageModel, pattern: str) -> Any:
    model.value["spec"]["serving"]["pattern"] = pattern
    model.commit()
    return model.shell.json("build", "--load")["images"][0]


def test_batch_answers_as_the_model_does(engine: Engine, built: tuple[ImageModel, Any, Any], tmp_path: Path) -> None:
    model, fitted, rows = built
    image = loaded(model, "batch")
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(0o777)
    many = pd.concat([rows] * 100, ignore_index=True)
    many.iloc[12_345, 0] = np.nan
    many.to_parquet(folder / "in.parquet")
    binds = {str(folder): {"bind": "/data", "mode": "rw"}}
    words = ["/data/in.parquet", "/data/out.parquet"]
    for again in (False, True):
        said = engine.client.containers.run(image["loaded"], words, volumes=binds, remove=True, **CAREFUL)
        counts = json.loads(said.decode().splitlines()[-1])
        assert counts == {"rows": 30_000, "predicted": 29_999, "rejected": 1, "unchanged": again}
    found = pd.read_parquet(folder / "out.parquet")
    np.testing.assert_allclose(found["probability"], fitted.predict_proba(many.dropna())[:, 1], rtol=0, atol=1e-12)


def test_rest_speaks_both_protocols_and_outlives_bad_requests(
    engine: Engine, built: tuple[ImageModel, Any, Any]
) -> None:
    model, fitted, rows = built
    image = loaded(model, "rest")
    container = engine.client.containers.run(image["loaded"], detach=True, **{**CAREFUL, "network_mode": "bridge"})
    try:
        _ready(container)
        _both(container, fitted, rows.head(5))
        _bad(container, Model.from_value(model.value), tuple(rows.iloc[0]))
        _both(container, fitted, rows.head(1))
        container.stop(timeout=30)
        assert container.wait()["StatusCode"] == 0
    finally:
        container.remove(force=True, v=True)


def test_the_image_is_held_against_what_the_model_answers_offline(
    engine: Engine, built: tuple[ImageModel, Any, Any]
) -> None:
    model, _, rows = built
    rows.assign(benign=rows.sum(axis=1) > 2).to_parquet(model.folder / "data/test.parquet")
    load = {"duration": "PT3S", "warmUp": "PT0S", "concurrency": 2}
    model.value["spec"]["tests"] = {"infra": {"startWithin": "PT4M", "load": load, "latency": {"p50": 5.0}}}
    model.value["spec"]["serving"]["resources"] = {"cpu": "2", "memory": "2Gi"}
    loaded(model, "rest")
    before = engine.left()
    (report,) = model.shell.json("test", "infra", "cancer")["reports"]
    assert engine.left() == before
    assert [(one["id"], one["message"]) for one in report["checks"] if one["verdict"] != "pass"] == []
    found = {(one["id"], one["subject"]): one for one in report["checks"]}
    assert found["infra.parity", "invocations"]["rows"] == found["infra.parity", "v2"]["rows"] == len(rows)
    assert found["infra.signature", "cancer"]["observed"] == 0
    assert found["infra.network", found["infra.start", "localhost/cancer"]["subject"]]["observed"] == 0


def _ask(container: Any, path: str, body: object = None, kind: str = "application/json") -> tuple[int, str]:
    text = body if isinstance(body, str) else "" if body is None else json.dumps(body)
    done = container.exec_run(["/usr/bin/python", "-S", "-E", "-c", ASK, path, text, kind])
    status, _, rest = done.output.decode().partition(" ")
    return (int(status), rest.strip()) if status.isdecimal() else (0, done.output.decode())


def _ready(container: Any) -> None:
    end = time.monotonic() + 240
    while (said := _ask(container, "/v2/health/ready"))[0] != 200:
        container.reload()
        assert container.status == "running", container.logs().decode()[-3000:]
        assert time.monotonic() < end, said
        time.sleep(0.5)


def _both(container: Any, fitted: Any, rows: Any) -> None:
    want = fitted.predict_proba(rows)[:, 1]
    assert _ask(container, "/ping")[0] == 200
    assert _ask(container, "/version") == (200, '"3.17.2"')
    split = {"dataframe_split": {"columns": list(rows.columns), "data": rows.to_numpy().tolist()}}
    status, text = _ask(container, "/invocations", split)
    assert status == 200, text
    np.testing.assert_allclose(
        [one["probability"] for one in json.loads(text)["predictions"]], want, rtol=0, atol=1e-12
    )
    inputs = [
        {"name": name, "shape": [len(rows), 1], "datatype": "FP64", "data": rows[name].tolist()}
        for name in rows.columns
    ]
    status, text = _ask(container, "/v2/models/cancer/infer", {"inputs": inputs})
    assert status == 200, text
    np.testing.assert_allclose(json.loads(text)["outputs"][0]["data"], want, rtol=0, atol=1e-12)


def _bad(container: Any, model: Model, row: tuple[Any, ...]) -> None:
    """Every bad request that the signature has, each followed by a good one."""
    container.reload()
    (network,) = container.attrs["NetworkSettings"]["Networks"].values()
    url = f"http://{network['IPAddress']}:8080"
    good = BadRequest("", protocols.INVOCATIONS, protocols.split(model.interface.inputs, [row]))
    before, seen, many = bad_request_client.send(url, good), [], 0
    assert before.good
    for one in bad_requests.requests(model, row):
        answer = bad_request_client.send(url, one)
        check = bad_requests.judged(one, answer, bad_request_client.send(url, good), before, location=None)
        seen += [] if check.verdict is Verdict.PASS else [(check.message, answer.body[:200])]
        many += 1
    assert seen == []
    assert many > 90
