"""Images in a real engine: what is loaded is what is pushed, and failures leave nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import image_models
from image_models import ImageModel
from mlops_gitops.adapters import dockerfiles, image_engine
from servers import cut_wires
from servers.docker_engine import Engine

pytestmark = pytest.mark.skipif(not Path(image_models.UV).is_file(), reason="uv is not installed")


@pytest.fixture
def model(tmp_path: Path, engine: Engine, serving_base: str) -> ImageModel:
    found = image_models.made(
        tmp_path / "repo", base=serving_base, cache=tmp_path / "cache", wheels=tmp_path / "wheels"
    )
    found.shell.environ["DOCKER_HOST"] = engine.host
    return found


@pytest.fixture
def clean(engine: Engine) -> Iterator[None]:
    """Whatever a test does, the engine holds afterwards what it held before."""
    before = engine.left()
    yield
    assert engine.left() == before


def build(model: ImageModel, *words: str) -> Any:
    return model.shell.json("build", *words)["images"][0]


def forget(engine: Engine, *names: str) -> None:
    for name in names:
        engine.client.images.remove(name, force=True)


@pytest.mark.usefixtures("clean")
def test_what_is_loaded_and_what_is_pulled_by_digest_are_one_image(model: ImageModel, engine: Engine) -> None:
    image = build(model, "--load", "--push", f"{engine.registry}/team")
    assert engine.client.images.get(image["loaded"]).id == image["id"]
    reference = image["pushed"]["reference"]
    assert engine.client.images.pull(reference).id == image["id"]
    forget(engine, image["loaded"], reference)
    pulled = engine.client.images.pull(reference)
    assert pulled.id == image["id"]
    assert pulled.labels["io.github.mlops-gitops.inputs"] == image["inputs"]
    forget(engine, reference)


@pytest.mark.usefixtures("clean")
def test_an_image_runs_as_nobody_on_a_read_only_root_without_tools_to_build(model: ImageModel, engine: Engine) -> None:
    image = build(model, "--load")
    code = (
        "import os, json, importlib.util as u, tool, shutil;"
        "print(json.dumps([os.getuid(), os.getgid(), os.access('/', os.W_OK), os.access('/model', os.W_OK),"
        "os.access('/tmp', os.W_OK), u.find_spec('pip') is None, shutil.which('gcc'), tool.__file__]))"
    )
    try:
        said = engine.client.containers.run(
            image["loaded"],
            ["-c", code],
            entrypoint=["/usr/bin/python"],
            read_only=True,
            network_mode="none",
            cap_drop=["ALL"],
            tmpfs={"/tmp": "mode=1777"},  # noqa: S108 - the container's
            remove=True,
        )
    finally:
        forget(engine, image["loaded"])
    assert json.loads(said) == [65532, 65532, False, False, True, True, None, "/opt/mlops-gitops/packages/tool.py"]


@pytest.mark.usefixtures("clean")
def test_a_dockerfile_of_ones_own_is_built_pushed_and_forgotten(
    model: ImageModel, engine: Engine, serving_base: str
) -> None:
    before = engine.left()["images"]
    recipe = f'# a comment\nFROM {serving_base}\n\nCOPY artifact /model\nENTRYPOINT ["/usr/bin/python"]\n'
    model.write("Dockerfile", recipe)
    model.value["spec"]["serving"]["image"] = {"dockerfile": "Dockerfile"}
    model.commit()
    image = build(model, "--push", f"{engine.registry}/own")
    reference = image["pushed"]["reference"]
    pulled = engine.client.images.pull(reference)
    assert pulled.id == image["id"]
    assert pulled.labels["org.opencontainers.image.version"] == "1.0.0"
    forget(engine, reference)
    for one in engine.client.images.list(all=True):  # the engine's own cache of the base and of steps
        if one.id not in before:
            engine.client.images.remove(one.id, force=True)


@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize(
    ("recipe", "line", "words"),
    [
        (
            'FROM {base}\n# two\nRUN ["python", "-c", \\\n  "x=1"]\nRUN ["python", "-c", "raise SystemExit(7)"]\n',
            5,
            "returned a non-zero code: 7",
        ),
        ("FROM {base}\nCOPY nothing-there /x\n", 2, "nothing-there"),
    ],
)
def test_a_dockerfile_that_fails_is_told_with_its_line(  # noqa: PLR0917 - fixtures and parameters
    model: ImageModel, engine: Engine, serving_base: str, recipe: str, line: int, words: str
) -> None:
    engine.client.images.pull(serving_base)
    kept = engine.left()
    model.write("Dockerfile", recipe.format(base=serving_base))
    model.value["spec"]["serving"]["image"] = {"dockerfile": "Dockerfile"}
    model.commit()
    error = model.shell.json("build")["error"]
    now = engine.left()
    forget(engine, serving_base)
    assert (error["code"], error["exitCode"]) == ("dockerfile", 1)
    assert f"Dockerfile:{line}:" in error["message"]
    assert words in error["message"]
    assert now == kept


def test_an_engine_that_dies_in_the_middle_of_a_load_is_told_in_time(model: ImageModel, engine: Engine) -> None:
    """A wire to the real engine that is cut after the first megabytes."""
    model.write(image_models.WEIGHTS, "x" * (32 << 20))
    model.value["spec"]["artifact"] = {"format": "safetensors", "path": image_models.WEIGHTS}
    before = engine.left()
    client, stop = cut_wires.cut(engine.host, after=4 << 20)
    try:
        content = image_models.one_layer(model.folder / image_models.WEIGHTS)
        with pytest.raises(Exception, match="container engine could not load") as told:
            image_engine.load(client, content, name="cut:now")
        assert getattr(told.value, "code", None) == "engine"
    finally:
        stop()
    assert engine.left() == before


@pytest.mark.parametrize(
    ("text", "step", "line"),
    [("FROM a\nRUN b\n", 2, 2), ("# c\n\nFROM a\nRUN b \\\n  c\n# d\nRUN e\n", 3, 7), ("FROM a", 9, 1)],
)
def test_the_line_of_a_step(text: str, step: int, line: int) -> None:
    assert dockerfiles.line_of_step(text, step) == line


def test_no_engine_is_told_and_pushing_needs_none(model: ImageModel, engine: Engine) -> None:
    model.shell.environ["DOCKER_HOST"] = "unix:///nowhere/docker.sock"
    assert model.shell.json("build", "--load")["error"]["code"] == "no-engine"
    assert build(model, "--push", f"{engine.registry}/alone")["pushed"]["new"]
