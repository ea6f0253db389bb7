"""The registry adapter against real MLflow: a SQLite file, and a server over HTTP."""

from __future__ import annotations

import contextlib
import getpass
import http.server
import logging
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mlops_gitops.adapters.mlflow import MlflowRegistry
from mlops_gitops.errors import Misused, Refused, WorldFailed
from mlops_gitops.packaging import digests
from mlops_gitops.packaging.derivation import (
    ENVIRONMENT_TAG,
    RELEASE_TAG,
    DeleteAlias,
    DeleteTag,
    Placement,
    Registered,
    SetAlias,
    SetTag,
    changes,
)
from mlops_gitops.packaging.registry import Identity, identity

QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}


@dataclass(frozen=True)
class Store:
    """A tracking store with two versions of ``flight-delays``; ``logged`` are the artifacts as they were logged."""

    uri: str
    logged: tuple[Path, Path]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("mlflow")
    program = f"""
import mlflow, numpy
from sklearn.linear_model import LogisticRegression
mlflow.set_tracking_uri("sqlite:///{folder}/mlflow.db")
mlflow.create_experiment("flights", artifact_location="file://{folder}/artifacts")
mlflow.set_experiment("flights")
for penalty in (1.0, 2.0):
    model = LogisticRegression(C=penalty).fit(numpy.eye(4), [0, 0, 1, 1])
    with mlflow.start_run():
        told = mlflow.sklearn.log_model(
            model, name="model", registered_model_name="flight-delays", serialization_format="skops",
            pip_requirements=["scikit-learn"])
    print(told.model_id)
mlflow.MlflowClient().create_registered_model("empty")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **QUIET}, capture_output=True, text=True, check=True
    )
    first, second = (folder / "artifacts" / "models" / name / "artifacts" for name in done.stdout.split())
    return Store(f"sqlite:///{folder}/mlflow.db", (first, second))


@pytest.fixture(scope="session")
def server(sqlite: Store) -> Iterator[Store]:
    port = free_port()
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--backend-store-uri", sqlite.uri, "--host", "127.0.0.1"),
        *("--port", str(port), "--workers", "1"),
    ]
    log = Path(sqlite.uri.removeprefix("sqlite:///")).with_name("server.log")
    with log.open("wb") as out:
        process = subprocess.Popen(command, env={**os.environ, **QUIET}, stdout=out, stderr=out, start_new_session=True)
        try:
            wait_for(f"http://127.0.0.1:{port}/health", process, log)
            yield Store(f"http://127.0.0.1:{port}", sqlite.logged)
        finally:
            os.killpg(process.pid, 15)
            process.wait(timeout=20)


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own server
            return
        time.sleep(0.2)
    raise AssertionError(log.read_text())


@pytest.fixture(params=["sqlite", "server"])
def store(request: pytest.FixtureRequest) -> Store:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Store)
    return found


def registry(store: Store) -> MlflowRegistry:
    return MlflowRegistry(store.uri, environ={})


def placed(environment: str, version: str, *, alias: str | None = None, promotion: str = "p1") -> Placement:
    tags = (("environment", environment),)
    return Placement(environment, "flight-delays", f"r{version}", promotion, "flight-delays", version, alias, tags)


def test_an_artifact_finds_its_version_and_comes_back_byte_for_byte(store: Store, tmp_path: Path) -> None:
    for number, folder in enumerate(store.logged, start=1):
        found = registry(store).find("flight-delays", identity((folder / "MLmodel").read_bytes()))
        assert (found.version, found.uri) == (str(number), f"models:/flight-delays/{number}")
        assert found.run
        assert found.trainer == getpass.getuser()
        target = tmp_path / str(number)
        target.mkdir()
        registry(store).download(found.uri, target)
        assert digests.of_artifact(target) == digests.of_artifact(folder)


def test_what_is_not_registered_is_refused(store: Store) -> None:
    with pytest.raises(Refused) as refused:
        registry(store).find("flight-delays", Identity("m-unknown", "unknown"))
    assert refused.value.code == "registry-version"
    with pytest.raises(WorldFailed) as failed:
        registry(store).find("nobody", Identity("m-unknown", None))
    assert failed.value.code == "mlflow-unknown"


def test_the_derived_state_is_made_once_and_repaired(store: Store) -> None:
    there = registry(store)
    managed = {"aliases": frozenset({"dev", "prod"}), "tags": frozenset({"environment"})}

    def reconcile(*placements: Placement) -> int:
        planned = changes(placements, there.state(["flight-delays", "unregistered"]), **managed)
        there.apply(planned)
        return len(planned)

    there.apply([SetAlias("flight-delays", "somebody-elses", "1"), SetTag("flight-delays", "1", "note", "kept")])
    assert reconcile(placed("dev", "1", alias="dev"), placed("prod", "1", alias="prod")) > 0
    assert reconcile(placed("dev", "1", alias="dev"), placed("prod", "1", alias="prod")) == 0
    assert reconcile(placed("dev", "2", alias="dev"), placed("prod", "1", alias="prod")) > 0
    state = there.state(["flight-delays"])["flight-delays"]
    assert state.aliases == {"dev": "2", "prod": "1", "somebody-elses": "1"}
    assert state.tags["2"] == {RELEASE_TAG: "r2", ENVIRONMENT_TAG + "dev": "p1", "environment": "dev"}
    assert state.tags["1"] == {RELEASE_TAG: "r1", ENVIRONMENT_TAG + "prod": "p1", "environment": "prod", "note": "kept"}
    there.apply([SetAlias("flight-delays", "prod", "2"), DeleteTag("flight-delays", "2", RELEASE_TAG)])  # by hand
    assert reconcile(placed("dev", "2", alias="dev"), placed("prod", "1", alias="prod")) == 2
    assert there.state(["flight-delays"])["flight-delays"] == state
    assert reconcile() > 0
    assert there.state(["flight-delays"])["flight-delays"].aliases == {"somebody-elses": "1"}
    there.apply([DeleteAlias("flight-delays", "somebody-elses"), DeleteTag("flight-delays", "1", "note")])
    there.apply([DeleteAlias("flight-delays", "somebody-elses")])


def test_models_without_versions_have_an_empty_state(store: Store) -> None:
    assert registry(store).state(["empty", "nobody"]) == {"empty": Registered()}


def test_no_change_makes_no_call() -> None:
    MlflowRegistry("http://127.0.0.1:9", environ={}).apply([])


@pytest.mark.parametrize("alias", ["champion@prod", "v1", "Latest", "", "a b"])
def test_an_alias_that_mlflow_forbids_is_refused_before_any_call(alias: str) -> None:
    with pytest.raises(Refused) as refused:
        MlflowRegistry("http://127.0.0.1:9", environ={}).apply([SetAlias("m", alias, "1")])
    assert refused.value.code == "registry-alias"


def test_nothing_leaks_and_nothing_stays_set(
    store: Store, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    before, level = dict(os.environ), logging.root.manager.disable
    there = registry(store)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        there.state(["flight-delays"])
        there.download("models:/flight-delays/1", tmp_path)
        with pytest.raises(WorldFailed):
            there.download("models:/flight-delays/99", tmp_path)
    assert dict(os.environ) == before
    assert logging.root.manager.disable == level
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


def test_an_old_interpreter_start_is_as_quiet(sqlite: Store) -> None:
    """The first import of MLflow in a process, with the database upgrade it does, is where most chatter comes from."""
    program = (
        "from mlops_gitops.adapters.mlflow import MlflowRegistry\n"
        f"print(sorted(MlflowRegistry({sqlite.uri!r}, environ={{}}).state(['flight-delays'])))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("['flight-delays']\n", "")


def test_importing_the_adapter_does_not_import_mlflow() -> None:
    program = (
        "import sys, mlops_gitops.adapters.mlflow, mlops_gitops.adapters.artifacts; print('mlflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_server_that_is_down_fails_soon_and_hides_the_password() -> None:
    there = MlflowRegistry(f"http://ada:hunter2@127.0.0.1:{free_port()}", environ={})
    assert "hunter2" not in repr(there)
    with pytest.raises(WorldFailed) as failed:
        there.state(["flight-delays"])
    assert failed.value.code == "mlflow-unreachable"
    assert "hunter2" not in failed.value.message + failed.value.hint


@pytest.mark.parametrize("status", [401, 403])
def test_a_server_that_denies_says_what_to_do(status: int) -> None:
    seen: list[str | None] = []

    class Denying(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers.get("Authorization"))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Denying) as denying:
        threading.Thread(target=denying.serve_forever, daemon=True).start()
        there = MlflowRegistry(
            f"http://127.0.0.1:{denying.server_address[1]}", environ={"MLFLOW_TRACKING_TOKEN": "s3cret"}
        )
        with pytest.raises(WorldFailed) as failed:
            there.state(["flight-delays"])
        denying.shutdown()
    assert failed.value.code == "mlflow-denied"
    assert "s3cret" not in failed.value.message
    assert seen[0] == "Bearer s3cret"


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(WorldFailed) as failed:
        MlflowRegistry(f"sqlite:///{tmp_path}/typo.db", environ={}).state(["m"])
    assert failed.value.code == "mlflow-unreachable"
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_database_is_a_failure_of_the_world(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(WorldFailed):
        MlflowRegistry(f"sqlite:///{tmp_path}/mlflow.db", environ={}).state(["m"])
    assert (tmp_path / "mlflow.db").read_bytes().startswith(b"not a database")


@pytest.mark.parametrize("uri", ["mlruns", "file:///tmp/mlruns", "databricks", "postgresql://ada:hunter2@db/x"])
def test_other_stores_are_wrong_usage(uri: str) -> None:
    with pytest.raises(Misused) as misused:
        MlflowRegistry(uri, environ={})
    assert "hunter2" not in misused.value.message
