"""``build`` beside registries that wait, drip and lose, on full disks, and twice at once."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import image_models
from image_models import ImageModel
from mlops_gitops.adapters import registry as registries
from mlops_gitops.adapters import registry_session
from mlops_gitops.adapters.registry_session import Session
from servers import base_images, small_disks
from servers.image_registry import ImageRegistry

pytestmark = pytest.mark.skipif(not Path(image_models.UV).is_file(), reason="uv is not installed")


@pytest.fixture
def waits() -> list[float]:
    """How long a client waited, or would have."""
    return []


@pytest.fixture
def model(tmp_path: Path, registry: ImageRegistry, monkeypatch: pytest.MonkeyPatch, waits: list[float]) -> ImageModel:
    for room in ("cli.building", "adapters.image_bases"):
        monkeypatch.setattr(f"mlops_gitops.{room}.Session", functools.partial(Session, wait=waits.append))
    base = base_images.put(registry.address, "python", base_images.tiny())
    return image_models.made(tmp_path / "repo", base=base, cache=tmp_path / "cache", wheels=tmp_path / "wheels")


def place(model: ImageModel, registry: ImageRegistry) -> str:
    """A repository of the test's own."""
    return f"{registry.address}/{model.root.parent.name.replace('_', '-').lower()}"


@pytest.mark.parametrize("fault", ["429 7", "503", "500"])
def test_a_registry_that_says_later_is_asked_later(
    model: ImageModel, registry: ImageRegistry, waits: list[float], fault: str
) -> None:
    seen: set[tuple[str, str]] = set()

    def once(method: str, path: str) -> str | None:
        one = (method, path.partition("?")[0].partition("/uploads/")[0])
        return None if one in seen else seen.add(one) or fault

    registry.fault = once
    assert model.shell.json("build", "--push", place(model, registry))["images"][0]["pushed"]["new"]
    assert len(waits) >= 5
    if fault == "429 7":
        assert waits.count(7.0) == len(seen) - 1, "as long as it asks, but for an upload, which is taken up anew"


def test_a_registry_that_says_later_for_ever_is_given_up(
    model: ImageModel, registry: ImageRegistry, waits: list[float]
) -> None:
    registry.fault = lambda _, path: "429 100000" if "/blobs/uploads" in path else None
    error = model.shell.json("build", "--push", place(model, registry))["error"]
    assert (error["code"], error["exitCode"], error["retry"]) == ("registry", 5, True)
    assert "429" in error["message"]
    assert max(waits) <= 20, "nobody waits for as long as a registry pleases"
    assert registry.manifests(f"{place(model, registry)}/cancer") == []


@pytest.mark.parametrize(
    ("method", "part", "code"),
    [("HEAD", "/blobs/", "registry-unreachable"), ("PATCH", "", "registry-unreachable"), ("PUT", "/manifests/", None)],
)
def test_a_registry_that_never_answers_is_given_up_in_time(  # noqa: PLR0917 - fixtures and parameters
    model: ImageModel,
    registry: ImageRegistry,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    part: str,
    code: str | None,
) -> None:
    monkeypatch.setattr(registry_session, "_READ", 0.2)
    registry.fault = lambda asked, path: "silent" if asked == method and part in path else None
    begun = time.monotonic()
    error = model.shell.json("build", "--push", place(model, registry))["error"]
    assert (error["code"], error["exitCode"]) == (code or "registry-unreachable", 5)
    assert time.monotonic() - begun < 30
    assert registry.manifests(f"{place(model, registry)}/cancer") == []


def test_a_registry_whose_answers_have_no_end_is_given_up_in_time(
    model: ImageModel, registry: ImageRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_session, "_LONGEST_ANSWER", 0.5)
    monkeypatch.setattr(registries, "_PATIENCE", 0.5)
    begun = time.monotonic()
    for kind in ("/manifests/", "/blobs/"):
        registry.fault = lambda method, path, kind=kind: "drips" if method == "GET" and kind in path else None
        error = model.shell.json("build", "--push", place(model, registry))["error"]
        assert error["exitCode"] == 5
        if kind == "/manifests/":
            assert error["code"] == "registry-slow"
    assert time.monotonic() - begun < 30
    assert model.left() == []


@pytest.mark.parametrize(
    ("method", "part", "kind"),
    [
        ("GET", "/manifests/", "drips its head"),
        ("HEAD", "/blobs/", "drips its head"),
        ("POST", "/blobs/uploads/", "drips its head"),
        ("POST", "/blobs/uploads/", "drips"),
        ("PUT", "/manifests/", "drips"),
    ],
)
def test_an_answer_whose_head_or_end_never_comes_is_given_up_in_time(  # noqa: PLR0917 - fixtures and parameters
    model: ImageModel, registry: ImageRegistry, monkeypatch: pytest.MonkeyPatch, method: str, part: str, kind: str
) -> None:
    monkeypatch.setattr(registry_session, "_LONGEST_ANSWER", 1.0)
    registry.fault = lambda asked, path: kind if asked == method and part in path else None
    begun = time.monotonic()
    error = model.shell.json("build", "--push", place(model, registry))["error"]
    assert (error["code"], error["exitCode"], error["retry"]) == ("registry-slow", 5, True)
    assert time.monotonic() - begun < 30
    assert registry.manifests(f"{place(model, registry)}/cancer") == []


def test_what_a_registry_does_not_see_while_another_writes_it_is_put_and_asked_for_again(
    model: ImageModel, registry: ImageRegistry
) -> None:
    """As a registry on files does: it empties a file before it writes it anew."""
    seen: set[tuple[str, str]] = set()
    found: list[str] = []

    def once(method: str, path: str) -> str | None:
        one = (method, path)
        if "/manifests/" not in path or "/python/" in path or method == "HEAD" or one in seen:
            return None
        seen.add(one)
        if method == "PUT":
            return "unseen"
        found.append(path)
        return "lost" if ("PUT", path) in seen else None

    registry.fault = once
    image = model.shell.json("build", "--push", place(model, registry))["images"][0]
    assert sum(method == "PUT" for method, _ in seen) >= 4, "the image, its tag, and what is attached"
    assert any(path.endswith(image["digest"]) for path in found)
    registry.fault = None
    again = model.shell.json("build", "--push", place(model, registry))["images"][0]
    assert (again["pushed"]["new"], again["pushed"]["blobs"]) == (False, 0)


def test_a_blob_that_a_registry_loses_is_pushed_again_and_no_release_names_it_before(
    model: ImageModel, registry: ImageRegistry
) -> None:
    where = place(model, registry)
    image = model.shell.json("build", "--push", where)["images"][0]
    weights = image["layers"][-1]["digest"]
    registry.fault = lambda method, path: "lost" if method in {"HEAD", "GET"} and path.endswith(weights) else None
    error = released(model, image["pushed"]["reference"])
    assert (error["code"], error["exitCode"]) == ("image-incomplete", 1)
    assert weights in error["message"]
    again = model.shell.json("build", "--push", where)["images"][0]
    assert [one["state"] for one in again["layers"]] == ["there", "there", "there", "pushed"]
    registry.fault = None
    assert released(model, image["pushed"]["reference"]) is None


def released(model: ImageModel, reference: str) -> Any:
    """What keeps a release from naming an image, as ``release --image`` asks it."""
    import io

    from mlops_gitops.cli import building
    from mlops_gitops.cli.candidate import open_candidate
    from mlops_gitops.cli.world import World
    from mlops_gitops.errors import Failure
    from mlops_gitops.reporting.failures import failure_document

    world = World(model.shell.environ, model.shell.now, model.root, io.StringIO(), io.StringIO())
    try:
        building.released(open_candidate("cancer", world, allow_dirty=False), reference, world)
    except Failure as failure:
        return failure_document(failure)
    return None


@pytest.mark.parametrize("kibibytes", [4, 16, 40, 64, 96, 160])
def test_a_full_disk_is_told_and_with_room_the_same_command_goes_on(
    model: ImageModel, registry: ImageRegistry, tmp_path: Path, kibibytes: int
) -> None:
    model.write("features.py", "# " + "x" * 50_000)
    model.value["spec"]["serving"]["image"]["code"] = ["features.py"]
    model.write(image_models.WEIGHTS, '{"learner": {"weights": [' + "0.5," * 10_000 + '1]}, "version": [3, 0, 0]}')
    model.commit()
    where, cache = place(model, registry), tmp_path / "small"
    model.shell.environ = {**model.shell.environ, "MG_CACHE": str(cache)}
    with small_disks.mounted(cache, kibibytes=kibibytes) as resized:
        found = model.shell.json("build", "--push", where)
        if "error" in found:
            assert found["error"]["exitCode"] == 5, found
            assert found["error"]["code"] in {"image-cache", "disk"}
            assert registry.manifests(f"{where}/cancer") == []
        else:
            assert kibibytes >= 96
        assert model.left() == []
        resized(32 << 10)
        assert model.shell.json("build", "--push", where)["images"][0]["digest"]
        assert registry.manifests(f"{where}/cancer")


def test_two_builds_of_one_model_at_once_are_both_right(model: ImageModel, registry: ImageRegistry) -> None:
    where = place(model, registry)
    argv = [sys.executable, "-m", "mlops_gitops", "build", "--push", where, "--format", "json"]
    environ = {**os.environ, **model.shell.environ}
    both = [subprocess.Popen(argv, cwd=model.root, env=environ, stdout=subprocess.PIPE) for _ in range(2)]
    said = {one.communicate(timeout=60)[0] for one in both}
    assert [one.returncode for one in both] == [0, 0], said
    digests = {line for text in said for line in text.decode().splitlines() if '"digest": "sha256:' in line}
    image = model.shell.json("build", "--push", where)["images"][0]
    assert image["digest"] in "".join(digests)
    assert not image["pushed"]["new"]
    assert model.left() == []
