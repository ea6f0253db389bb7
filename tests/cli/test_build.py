"""``build`` against a real registry: no engine is needed, and what is pushed is what changed."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
import requests

import image_models
from image_models import ImageModel
from servers import base_images
from servers.image_registry import ImageRegistry

pytestmark = pytest.mark.skipif(not Path(image_models.UV).is_file(), reason="uv is not installed")


@pytest.fixture(scope="module")
def base(served: ImageRegistry) -> str:
    return base_images.put(served.address, "python", base_images.tiny())


@pytest.fixture
def model(tmp_path: Path, base: str) -> ImageModel:
    return image_models.made(tmp_path / "repo", base=base, cache=tmp_path / "cache", wheels=tmp_path / "wheels")


def build(model: ImageModel, *words: str) -> Any:
    return model.shell.json("build", *words)["images"][0]


def fetched(registry: ImageRegistry, name: str, kind: str, digest: str) -> bytes:
    accept = {"Accept": "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"}
    answer = requests.get(f"http://{registry.address}/v2/{name}/{kind}/{digest}", headers=accept, timeout=30)
    answer.raise_for_status()
    return answer.content


def layer(registry: ImageRegistry, image: Any, title: str) -> dict[str, tarfile.TarInfo]:
    one = next(one for one in image["layers"] if one["title"].startswith(title))
    data = fetched(registry, "team/cancer", "blobs", one["digest"])
    assert len(data) == one["size"]
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {member.name: member for member in archive}


def test_the_same_inputs_give_the_same_digest_whoever_builds_where_and_when(
    model: ImageModel, tmp_path: Path, registry: ImageRegistry, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os
    import time

    first = build(model, "--push", f"{registry.address}/team")
    place = tmp_path / "a folder with another name"
    subprocess.run(["git", "clone", "--quiet", str(model.root), str(place)], check=True)
    before = os.umask(0o077)
    try:
        time.sleep(1.1)  # file times are another second's
        other = image_models.made(
            tmp_path / "unused", base=base, cache=tmp_path / "other cache", wheels=tmp_path / "wheels"
        )
        source = "git", "-C", str(place), "remote", "set-url", "origin", model.root.resolve().as_uri()
        subprocess.run(source, check=True)
        other.root, other.shell.folder = place, place
        other.shell.environ |= {
            "LC_ALL": "C.UTF-8",
            "TZ": "Asia/Kathmandu",
            "USER": "someone",
            "HOME": str(place.parent / "h"),
        }
        monkeypatch.setenv("TZ", "Asia/Kathmandu")
        time.tzset()
        (place / "models/cancer/artifact/model.json").chmod(0o600)
        second = build(other)
    finally:
        os.umask(before)
        monkeypatch.undo()
        time.tzset()
    assert second["digest"] == first["digest"]
    assert [one["digest"] for one in second["layers"]] == [one["digest"] for one in first["layers"]]


def test_another_version_of_anything_is_another_digest(model: ImageModel) -> None:
    seen = {build(model)["digest"]}
    model.write(image_models.WEIGHTS, '{"learner": {"weights": [2.0]}, "version": [3, 0, 0]}')
    model.commit()
    seen.add(build(model)["digest"])
    model.value["metadata"]["version"] = "1.0.1"
    model.commit()
    seen.add(build(model)["digest"])
    assert len(seen) == 3


def test_layers_hold_what_they_say_and_nothing_of_this_machine(model: ImageModel, registry: ImageRegistry) -> None:
    image = build(model, "--push", f"{registry.address}/team")
    assert [one["title"] for one in image["layers"]] == [
        "base",
        "dependencies of serving.lock",
        "prediction code",
        "model 1.0.0",
    ]
    found = {title: layer(registry, image, title) for title in ("dependencies", "prediction", "model")}
    assert "model/artifact/model.json" in found["model"]
    assert "opt/mlops-gitops/packages/tool.py" in found["dependencies"]
    names = [name for one in found.values() for name in one]
    assert not [name for name in names if "/bin/" in name or name.endswith((".pyc", "INSTALLER", "REQUESTED"))]
    for members in found.values():
        assert list(members) == sorted(members, key=lambda name: name.split("/"))
        for one in members.values():
            assert (one.uid, one.gid, one.uname, one.gname, one.mtime) == (0, 0, "", "", 0)
            assert one.mode in ({0o755} if one.isdir() else {0o644, 0o755})
            assert not one.pax_headers


def test_the_configuration_is_that_of_a_careful_server(model: ImageModel, registry: ImageRegistry, base: str) -> None:
    image = build(model, "--push", f"{registry.address}/team")
    config = json.loads(fetched(registry, "team/cancer", "blobs", image["id"]))
    told = config["config"]
    assert told["User"] == "65532:65532"
    assert told["Entrypoint"] == ["/usr/bin/python3.11", "-m", "mlops_gitops.serving.batch"]
    assert "Volumes" not in told
    assert "PATH=/usr/local/bin:/usr/bin:/bin" in told["Env"]
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in told["Labels"].items()}
    revision = subprocess.run(
        ["git", "-C", str(model.root), "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert labels["revision"] == revision
    assert labels["created"] == config["created"] == "2026-11-25T12:00:00Z"
    assert (labels["title"], labels["version"], labels["licenses"]) == ("cancer", "1.0.0", "Apache-2.0")
    assert f"{labels['base.name']}@{labels['base.digest']}" == base
    assert labels["source"].startswith("file://")
    assert labels["io.github.mlops-gitops.inputs"] == image["inputs"]
    manifest = json.loads(fetched(registry, "team/cancer", "manifests", image["digest"]))
    assert config["rootfs"]["diff_ids"][1:] == [one["digest"] for one in manifest["layers"][1:]]


def test_a_change_of_weights_pushes_one_layer_and_hardly_more_bytes_than_they_are(
    model: ImageModel, registry: ImageRegistry
) -> None:
    build(model, "--push", f"{registry.address}/team")
    registry.forget()
    weights = json.dumps({"learner": {"weights": [0.125] * 40_000}, "version": [3, 0, 0]})
    model.write(image_models.WEIGHTS, weights)
    model.commit()
    image = build(model, "--push", f"{registry.address}/team")
    states = [one["state"] for one in image["layers"]]
    assert states == ["there", "there", "there", "pushed"]
    layers = [one["digest"] for one in image["layers"]]
    sent = [digest for digest in layers if registry.count("PUT", f"digest=sha256%3A{digest[7:]}")]
    assert sent == layers[3:]
    assert registry.received <= 1.05 * len(weights) + 20_000  # bill, provenance and two manifests stay as small as ever


def test_pushing_twice_sends_nothing(model: ImageModel, registry: ImageRegistry) -> None:
    first = build(model, "--push", f"{registry.address}/team")
    registry.forget()
    second = build(model, "--push", f"{registry.address}/team")
    assert (first["pushed"]["new"], second["pushed"]["new"]) == (True, False)
    assert second["digest"] == first["digest"]
    assert registry.count("POST") + registry.count("PUT") + registry.count("PATCH") == 0
    assert second["pushed"]["attached"] == first["pushed"]["attached"]


def test_the_base_is_mounted_where_both_are_in_one_registry(model: ImageModel, registry: ImageRegistry) -> None:
    image = build(model, "--push", f"{registry.address}/somewhere/else")
    assert image["layers"][0]["state"] == "mounted"


@pytest.mark.parametrize("api", [False, True], ids=["tag instead of the API", "referrers API"])
def test_bill_and_provenance_are_attached_and_found_by_their_subject(
    model: ImageModel, registry: ImageRegistry, *, api: bool
) -> None:
    registry.referrers, place = api, "native" if api else "team"
    image = build(model, "--push", f"{registry.address}/{place}")
    tag = image["digest"].replace(":", "-")
    if api:  # nothing stands in for what the registry does by itself
        index = json.loads(fetched(registry, "native/cancer", "referrers", image["digest"]))
        assert registry.count("PUT", tag) == 0
    else:
        index = json.loads(fetched(registry, "team/cancer", "manifests", tag))
    assert {one["digest"] for one in index["manifests"]} == {one["digest"] for one in image["pushed"]["attached"]}
    registry.forget()
    build(model, "--push", f"{registry.address}/{place}")
    assert registry.count("PUT") + registry.count("POST") == 0, "what is attached already is not attached again"
    found = {}
    for one in index["manifests"]:
        manifest = json.loads(fetched(registry, f"{place}/cancer", "manifests", one["digest"]))
        assert manifest["subject"]["digest"] == image["digest"]
        content = fetched(registry, f"{place}/cancer", "blobs", manifest["layers"][0]["digest"])
        found[one["artifactType"]] = json.loads(content)
    bill, said = found["application/vnd.cyclonedx+json"], found["application/vnd.in-toto+json"]
    assert said["subject"] == [{"name": "cancer", "digest": {"sha256": image["digest"].removeprefix("sha256:")}}]
    assert said["predicateType"] == "https://slsa.dev/provenance/v1"
    names = {one["name"] for one in said["predicate"]["buildDefinition"]["resolvedDependencies"]}
    assert names == {"source", "artifact", "data/train", "data/test", "dependencies", "base"}
    kinds = {one["name"]: one["type"] for one in bill["components"]}
    assert kinds["cancer"] == "machine-learning-model"
    assert {"pandas", "pyarrow", "tool"} <= set(kinds)
    lock = (model.folder / "serving.lock").read_text()
    tool = next(one for one in bill["components"] if one["name"] == "tool")
    assert tool["externalReferences"][0]["hashes"][0]["content"] in lock


def test_the_release_names_the_image_that_was_made_of_the_same(model: ImageModel, registry: ImageRegistry) -> None:
    from mlops_gitops.cli import building
    from mlops_gitops.cli.candidate import open_candidate
    from mlops_gitops.cli.world import World
    from mlops_gitops.errors import Misused, Refused

    def world() -> World:
        return World(model.shell.environ, model.shell.now, model.root, io.StringIO(), io.StringIO())

    reference = build(model, "--push", f"{registry.address}/team")["pushed"]["reference"]
    candidate = open_candidate("cancer", world(), allow_dirty=False)
    image = building.released(candidate, reference, world())
    assert image.reference == reference
    with pytest.raises(Misused, match="not named by its digest"):
        building.released(candidate, reference.split("@")[0] + ":1.0.0", world())
    with pytest.raises(Refused, match="there is no"):
        building.released(candidate, reference[:-4] + "0000", world())
    model.write("train.py", "print()\n")
    model.commit()
    with pytest.raises(Refused, match="was not made of this manifest, artifact, data, lock and commit"):
        building.released(open_candidate("cancer", world(), allow_dirty=False), reference, world())


def test_an_image_by_digest_is_in_the_release() -> None:
    import estate
    from mlops_gitops.manifests.release import Release

    before = estate.release()
    assert before.image is None
    digest = hashlib.sha256(b"image").hexdigest()
    value = json.loads(json.dumps(before.document()))
    value["spec"]["image"] = {"uri": "registry.example.com/a", "digest": {"sha256": digest}}
    after = Release.from_value(value)
    assert after.id != before.id
    assert Release.parse(after.render()).image == after.image
