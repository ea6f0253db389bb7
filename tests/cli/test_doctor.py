from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

import outputs
from mlops_gitops.cli import doctor
from mlops_gitops.cli.main import main
from mlops_gitops.cli.world import World

EVERYTHING = {
    "git": "git version 2.39.5",
    "kubectl": "Client Version: v1.33.0",
    "uv": "uv 0.13.9",
    "act": "act version 0.2",
}
ENGINES = {"bubblewrap": "/usr/bin/bwrap", "faketime": "/usr/lib/libfaketime.so.1", "docker": "unix:///run/docker.sock"}
NOTHING = dict.fromkeys(ENGINES, "")


def world(cwd: Path, **environ: str) -> World:
    return World(environ=environ, now=lambda: datetime.now(UTC), folder=cwd, out=io.StringIO(), err=io.StringIO())


def said(of: World) -> str:
    assert isinstance(of.out, io.StringIO)
    return of.out.getvalue()


def test_everything_found() -> None:
    found = doctor.examine(EVERYTHING.get, has=lambda _: True, **ENGINES)
    assert all(entry.present for entry in found)
    assert doctor.exit_code(found) == 0
    assert "missing" not in doctor.as_text(found)


def test_only_the_base_decides() -> None:
    found = doctor.examine({"git": "git version 2.39.5"}.get, has=lambda _: False, **NOTHING)
    assert [entry.need.name for entry in found if entry.present] == ["git"]
    assert doctor.exit_code(found) == 0


@pytest.mark.parametrize("said", [None, "", "git version 2.30.9", "git version 1.99.0", "nonsense"])
def test_without_a_git_that_is_new_enough_the_base_does_not_work(said: str | None) -> None:
    found = doctor.examine({**EVERYTHING, "git": said}.get, has=lambda _: True, **NOTHING)
    assert doctor.exit_code(found) == 5
    assert "install: apt-get install git" in doctor.as_text(found)


@pytest.mark.parametrize(
    "said", ["git version 2.31.0", "git version 2.39.5 (Apple Git-154)", "git version 3.0.windows.1"]
)
def test_versions_are_compared_as_numbers(said: str) -> None:
    assert doctor.judge(doctor.TOOLS["git"], said).present


def test_ten_is_more_than_nine() -> None:
    need = doctor.Need("tool", "", "", minimum=(1, 9))
    assert doctor.judge(need, "v1.10").present
    assert not doctor.judge(need, "v1.8.9").present


def test_an_extra_names_what_is_not_installed() -> None:
    found = doctor.examine(EVERYTHING.get, has=lambda module: module != "duckdb", **NOTHING)
    data = next(entry for entry in found if entry.need.name == "extra [data]")
    assert (data.present, data.detail) == (False, "not installed: duckdb")
    assert data.need.install == "pip install 'mlops-gitops[data]'"


def test_a_bubblewrap_that_is_not_allowed_is_missing(tmp_path: Path) -> None:
    bwrap = tmp_path / "bwrap"
    bwrap.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    bwrap.chmod(0o755)
    here = world(tmp_path, PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert main(["doctor"], here) == 0
    assert "missing  bubblewrap" in said(here)
    assert "not installed, or not allowed here" in said(here)
    assert "install: apt-get install bubblewrap" in said(here)


def test_a_machine_without_git(tmp_path: Path) -> None:
    here = world(tmp_path, PATH=str(tmp_path))
    assert main(["doctor", "--format", "json"], here) == 5
    document = outputs.checked(["doctor"], 5, said(here))
    assert document["works"] is False
    assert {"name": "git", "found": False, "needed": "always"}.items() <= document["needs"][0].items()


def test_this_machine(tmp_path: Path) -> None:
    here = world(tmp_path, PATH=os.environ["PATH"], HOME=str(tmp_path))
    assert main(["doctor"], here) == 0
    assert "found    git" in said(here)
    assert said(here).endswith("The base works.\n")


def test_a_tool_that_cannot_run_is_not_found(tmp_path: Path) -> None:
    broken = tmp_path / "git"
    broken.write_bytes(b"\x7fELF not a program")
    broken.chmod(0o755)
    assert main(["doctor"], world(tmp_path, PATH=str(tmp_path))) == 5


@pytest.mark.parametrize(
    ("answer", "found"), [(b"HTTP/1.1 200 OK\r\n\r\nOK", True), (b"HTTP/1.1 500 no\r\n\r\n", False)]
)
def test_a_docker_engine_is_asked_at_its_socket(tmp_path: Path, answer: bytes, *, found: bool) -> None:
    path = tmp_path / "docker.sock"
    asked: list[bytes] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()

        def engine() -> None:
            connection, _ = listener.accept()
            with connection:
                asked.append(connection.recv(1024))
                connection.sendall(answer)

        thread = threading.Thread(target=engine)
        thread.start()
        address = doctor._docker_answers({"DOCKER_HOST": f"unix://{path}"})
        thread.join()
    assert asked[0].startswith(b"GET /_ping ")
    assert bool(address) is found


@pytest.mark.parametrize(
    "address", ["unix:///nowhere", "tcp://127.0.0.1:1", "tcp://nonsense", "npipe:////./pipe/docker"]
)
def test_an_address_where_nothing_answers(address: str) -> None:
    assert doctor._docker_answers({"DOCKER_HOST": address}) == ""


def test_it_imports_none_of_what_it_looks_for() -> None:
    program = (
        "import sys; from mlops_gitops.cli.main import main; from mlops_gitops.cli.world import World;"
        "main(['doctor', '--format', 'json'], World.of_process());"
        "heavy = {'mlflow', 'duckdb', 'numpy', 'pandas', 'docker', 'sklearn'} & set(sys.modules);"
        "sys.exit(','.join(sorted(heavy)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
