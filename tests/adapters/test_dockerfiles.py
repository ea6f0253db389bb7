"""Dockerfiles that hang, print for ever or are broken off, engines that die, full disks: told in time, nothing left."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import image_models
import time_limits
from image_models import ImageModel
from mlops_gitops.adapters import container_owners, dockerfiles, image_engine
from servers import cut_wires, docker_engine, small_disks
from servers.docker_engine import Engine

pytestmark = pytest.mark.skipif(not Path(image_models.UV).is_file(), reason="uv is not installed")
HANGS = 'RUN ["python", "-c", "import time; time.sleep(600)"]\n'
PRINTS = 'RUN ["python", "-c", "while True: print(\'for ever\', flush=True)"]\n'


@pytest.fixture
def model(tmp_path: Path, engine: Engine, serving_base: str) -> ImageModel:
    found = image_models.made(
        tmp_path / "repo", base=serving_base, cache=tmp_path / "cache", wheels=tmp_path / "wheels"
    )
    found.shell.environ["DOCKER_HOST"] = engine.host
    found.value["spec"]["serving"]["image"] = {"dockerfile": "Dockerfile"}
    return found


@pytest.fixture
def clean(engine: Engine, serving_base: str) -> Iterator[None]:
    """Whatever a test does, the engine holds afterwards what it held before, soon."""
    engine.client.images.pull(serving_base)
    before = engine.left()
    yield
    end = time.monotonic() + 20
    while engine.left() != before and time.monotonic() < end:
        time.sleep(0.2)
    now = engine.left()
    engine.client.images.remove(serving_base, force=True)
    assert now == before


def write(model: ImageModel, recipe: str) -> None:
    model.write("Dockerfile", recipe)
    model.commit()


def started(model: ImageModel, *words: str) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-m", "mlops_gitops", "build", "--format", "json", *words]
    return subprocess.Popen(argv, cwd=model.root, env={**os.environ, **model.shell.environ}, stdout=subprocess.PIPE)


@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize("what", [HANGS, PRINTS], ids=["hangs", "prints for ever"])
def test_a_dockerfile_without_an_end_is_ended(model: ImageModel, serving_base: str, what: str) -> None:
    write(model, f'FROM {serving_base}\nRUN ["python", "-c", "pass"]\n{what}')
    begun = time.monotonic()
    error = model.shell.json("build", "--within", "4")["error"]
    assert (error["code"], error["exitCode"]) == ("dockerfile", 1)
    assert "Dockerfile:3: RUN" in error["message"]
    assert "was not done after 4 s" in error["message"]
    assert time.monotonic() - begun < 30


@pytest.mark.usefixtures("clean")
def test_the_base_of_a_second_stage_is_not_ours_to_remove(model: ImageModel, serving_base: str) -> None:
    write(model, f'FROM {serving_base} AS one\nFROM {serving_base}\nRUN ["python", "-c", "raise SystemExit(1)"]\n')
    assert model.shell.json("build")["error"]["code"] == "dockerfile"


@pytest.mark.usefixtures("clean")
def test_a_build_that_is_killed_leaves_nothing_after_the_next(
    model: ImageModel, engine: Engine, serving_base: str
) -> None:
    before = engine.left()
    write(model, f"FROM {serving_base}\nLABEL a=b\n{HANGS}")
    process = started(model)
    time_limits.until(lambda: engine.left()["containers"] != before["containers"], seconds=60)
    process.kill()
    process.communicate()
    time_limits.until(lambda: engine.left()["containers"] == before["containers"], seconds=30)
    # one that was killed later, when its image had its name
    name = f"cancer:{container_owners.BUILDING}{container_owners._short(container_owners._world())}-{process.pid}-7"
    for one in engine.client.images.list(all=True):
        if one.id not in before["images"]:
            one.tag(name)
    write(model, "FROM nobody/has-this@sha256:" + "0" * 64 + "\n")

    def gone() -> bool:  # an engine may still be about to let go of what used it
        assert "error" in model.shell.json("build")
        return not [one for one in engine.client.api.images() if name in (one["RepoTags"] or ())]

    time_limits.until(gone, seconds=30)


@pytest.mark.usefixtures("clean")
def test_two_builds_of_one_dockerfile_at_once_do_not_meet(model: ImageModel, serving_base: str) -> None:
    slow = 'RUN ["python", "-c", "import time; time.sleep(2)"]\n'
    write(model, f"FROM {serving_base}\n{slow}COPY artifact /model\n")
    both = [started(model, "--allow-dirty") for _ in range(2)]
    said = [one.communicate(timeout=100)[0] for one in both]
    assert [one.returncode for one in both] == [0, 0], said


@pytest.mark.usefixtures("clean")
def test_a_full_disk_for_the_context_or_for_the_image_is_told(
    model: ImageModel, serving_base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(model, f"FROM {serving_base}\nCOPY artifact /model\n")
    with small_disks.mounted(tmp_path / "small", kibibytes=2048):
        model.shell.environ = {**model.shell.environ, "MG_CACHE": str(tmp_path / "small")}
        error = model.shell.json("build")["error"]
        assert (error["code"], error["exitCode"]) == ("image-cache", 5)
        assert list((tmp_path / "small" / "images").iterdir()) == []
        model.write("artifact/large.bin", os.urandom(4 << 20))
        model.commit()
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "small"))
        error = model.shell.json("build", "--allow-dirty")["error"]
        assert (error["code"], error["exitCode"]) == ("image-cache", 5)
        assert "small cannot be written" in error["message"]
        gc.collect()  # docker's own file, which it does not close, before its disk is gone


def test_an_engine_that_dies_or_is_full_is_told_in_time(model: ImageModel, tmp_path: Path) -> None:
    """One engine for all of it, since it takes seconds to start: first full, then dead."""
    if not docker_engine.starts_its_own():
        pytest.skip("only root can start an engine that may die")
    with docker_engine.fragile(kibibytes=24 << 10) as (client, host, process):
        model.shell.environ = {**model.shell.environ, "DOCKER_HOST": host}
        model.write("large.bin", os.urandom(40 << 20))
        write(model, "FROM scratch\nCOPY model.yaml /a\nCOPY large.bin /b\n")
        error = model.shell.json("build")["error"]
        assert "no space left on device" in error["message"]
        assert client.images.list(all=True) == []
        content = image_models.one_layer(model.folder / "large.bin")
        with pytest.raises(Exception, match="no space left on device") as told:
            image_engine.load(client, content, name="full:now")
        assert getattr(told.value, "code", "") == "engine"
        assert client.images.list(all=True) == []

        (model.folder / "large.bin").unlink()
        write(model, "FROM scratch\nCOPY model.yaml /a\n")
        threading.Timer(0.3, os.kill, (process, signal.SIGKILL)).start()
        begun, errors = time.monotonic(), []
        while time.monotonic() - begun < 30:  # until one of the builds is what it meets
            found = model.shell.json("build")
            errors += [found["error"]] if "error" in found else []
            if errors:
                break
        assert errors[0]["exitCode"] == 5
        assert errors[0]["code"] in {"engine", "no-engine"}
        assert errors[0]["retry"]
        assert model.shell.json("build")["error"]["code"] == "no-engine"
        assert [one.name for one in (tmp_path / "cache/images").rglob("engine-*")] == []


def test_a_connection_that_is_cut_in_a_build_is_told(engine: Engine, serving_base: str) -> None:
    client, stop = cut_wires.cut(engine.host, back=4000)
    engine.client.images.pull(serving_base)
    before = engine.left()
    try:
        with pytest.raises(Exception, match="engine") as told:
            build(client, f"FROM {serving_base}\n{PRINTS}")
        assert getattr(told.value, "code", "") == "engine"
    finally:
        stop()
        time_limits.until(lambda: engine.left() == before, seconds=30)
        engine.client.images.remove(serving_base, force=True)


def build(client: Any, recipe: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "Dockerfile").write_text(recipe)
        dockerfiles.built(
            client, Path(name), "Dockerfile", labels={}, name="cut:now", platform="linux/amd64", within=60
        )
