from __future__ import annotations

import shutil
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pytest

from mlops_gitops.adapters import artifacts
from mlops_gitops.errors import Misused, Refused, WorldFailed
from mlops_gitops.manifests.release import Release
from mlops_gitops.packaging import digests
from mlops_gitops.packaging.derivation import Change, Registered
from mlops_gitops.packaging.registry import Identity, Version

ZERO = "0" * 64


class Folder:
    """A registry that is a folder: ``models:/flights/1`` is ``flights/1`` in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.downloads = 0

    def find(self, name: str, identity: Identity) -> Version:
        raise AssertionError((name, identity))

    def download(self, uri: str, target: Path) -> None:
        self.downloads += 1
        shutil.copytree(self.root / uri.removeprefix("models:/"), target, dirs_exist_ok=True)

    def state(self, names: Iterable[str]) -> Mapping[str, Registered]:
        raise AssertionError(names)

    def apply(self, changes: Sequence[Change]) -> None:
        raise AssertionError(changes)


@pytest.fixture
def registry(tmp_path: Path) -> Folder:
    version = tmp_path / "registry" / "flights" / "1"
    (version / "inner").mkdir(parents=True)
    (version / "MLmodel").write_text("flavors: {}\n")
    (version / "inner" / "weights").write_bytes(bytes(1000))
    return Folder(tmp_path / "registry")


def released(path: Path, uri: str) -> Release:
    """A release of the artifact at ``path``; only what fetching needs is real."""
    artifact = digests.of_artifact(path)
    files = [file.document() for file in artifact.files]
    return Release.from_value({
        "apiVersion": "mlops-gitops/v1", "kind": "Release", "metadata": {"name": "flights", "version": "1.0.0"},
        "spec": {
            "supersedes": None, "manifest": {"sha256": ZERO}, "image": None, "data": [],
            "dependencies": {"sha256": ZERO},
            "source": {"repository": "x", "revision": "0" * 40, "author": "ada@example.com", "dirty": False},
            "artifact": {
                "format": "mlflow", "uri": uri, "digest": {"sha256": artifact.digest}, "files": files,
                "size": artifact.size,
            },
            "interface": {"inputs": [], "outputs": []}, "metrics": [], "serving": {"pattern": "rest"},
        },
    })  # fmt: skip


def model_of(registry: Folder) -> Path:
    return registry.root / "flights" / "1"


def test_a_registered_artifact_is_fetched_once(registry: Folder, tmp_path: Path) -> None:
    release, cache = released(model_of(registry), "models:/flights/1"), tmp_path / "cache"
    first = artifacts.fetch(release, cache=cache, registry=registry)
    assert digests.of_artifact(first) == digests.of_artifact(model_of(registry))
    assert artifacts.fetch(release, cache=cache, registry=registry) == first
    assert registry.downloads == 1
    assert [entry.name for entry in cache.iterdir()] == [first.name]


def test_what_is_not_what_was_released_is_refused_and_not_kept(registry: Folder, tmp_path: Path) -> None:
    release, cache = released(model_of(registry), "models:/flights/1"), tmp_path / "cache"
    (model_of(registry) / "inner" / "weights").write_bytes(bytes(999) + b"!")
    with pytest.raises(Refused) as refused:
        artifacts.fetch(release, cache=cache, registry=registry)
    assert refused.value.code == "artifact-digest"
    assert "inner/weights" in refused.value.message
    assert not list(cache.iterdir())


def test_a_name_that_changed_is_noticed_although_the_root_digest_is_the_same(registry: Folder, tmp_path: Path) -> None:
    release = released(model_of(registry), "models:/flights/1")
    (model_of(registry) / "inner" / "weights").rename(model_of(registry) / "inner" / "weightz")
    assert digests.of_artifact(model_of(registry)).digest == release.artifact.digest
    with pytest.raises(Refused):
        artifacts.fetch(release, cache=tmp_path / "cache", registry=registry)


def test_a_cache_that_somebody_wrote_to_is_fetched_again(registry: Folder, tmp_path: Path) -> None:
    release, cache = released(model_of(registry), "models:/flights/1"), tmp_path / "cache"
    first = artifacts.fetch(release, cache=cache, registry=registry)
    (first / "MLmodel").write_text("changed")
    again = artifacts.fetch(release, cache=cache, registry=registry)
    assert (again / "MLmodel").read_text() == "flavors: {}\n"
    shutil.rmtree(again)
    again.symlink_to("/etc")
    assert digests.of_artifact(artifacts.fetch(release, cache=cache, registry=registry))
    assert [entry.name for entry in cache.iterdir()] == [first.name]


def test_many_fetch_at_once_and_all_find_the_same(registry: Folder, tmp_path: Path) -> None:
    release, cache, found = released(model_of(registry), "models:/flights/1"), tmp_path / "cache", []
    gate = threading.Barrier(8)

    def run() -> None:
        gate.wait()
        found.append(artifacts.fetch(release, cache=cache, registry=registry))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert [entry.name for entry in cache.iterdir()] == [found[0].name]


@pytest.mark.parametrize("uri", ["model", "file:model", "model/weights", "file:model/weights"])
def test_a_path_is_beside_the_manifest(tmp_path: Path, uri: str) -> None:
    (tmp_path / "site" / "model").mkdir(parents=True)
    (tmp_path / "site" / "model" / "weights").write_bytes(b"x")
    release = released(tmp_path / "site" / uri.removeprefix("file:"), uri)
    place = artifacts.fetch(release, cache=tmp_path / "cache", folder=tmp_path / "site")
    assert digests.of_artifact(place) == artifacts.expected(release)


@pytest.mark.parametrize(
    "uri", ["../secret", "/etc/hostname", "file:///etc/hostname", "a/../../secret", "file:%2e%2e/secret"]
)
def test_a_path_stays_there(tmp_path: Path, uri: str) -> None:
    (tmp_path / "secret").write_bytes(b"x")
    (tmp_path / "site" / "a").mkdir(parents=True)
    with pytest.raises(Refused) as refused:
        artifacts.fetch(released(tmp_path / "secret", uri), cache=tmp_path / "cache", folder=tmp_path / "site")
    assert refused.value.code == "path-outside"


@pytest.mark.parametrize("uri", ["models:/flights/1", "https://ada:s3cret@example.com/m", "model"])
def test_a_source_that_cannot_be_asked_is_wrong_usage(tmp_path: Path, uri: str) -> None:
    (tmp_path / "x").write_bytes(b"x")
    with pytest.raises(Misused) as misused:
        artifacts.fetch(released(tmp_path / "x", uri), cache=tmp_path / "cache")
    assert "s3cret" not in misused.value.message


def test_a_release_that_contradicts_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x")
    value = released(tmp_path / "x", "x").document()
    spec = value["spec"]
    assert isinstance(spec, dict)
    broken = Release.from_value(
        {**value, "spec": {**spec, "artifact": {**spec["artifact"], "digest": {"sha256": ZERO}}}}
    )
    with pytest.raises(Refused):
        artifacts.fetch(broken, cache=tmp_path / "cache", folder=tmp_path)


def test_a_cache_that_cannot_be_made_is_a_failure_of_the_world(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x")
    with pytest.raises(WorldFailed):
        artifacts.fetch(released(tmp_path / "x", "x"), cache=tmp_path / "x" / "cache", folder=tmp_path)
