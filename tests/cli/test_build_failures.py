"""``build`` where the world or a file is not as it should be: a clear answer in time, and nothing left behind."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import image_models
from image_models import ImageModel
from mlops_gitops.adapters.registry_session import Session
from servers import base_images, bombs, image_registry, token_service
from servers.image_registry import ImageRegistry

pytestmark = pytest.mark.skipif(not Path(image_models.UV).is_file(), reason="uv is not installed")
USERS = "ada:$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW\n"
"""htpasswd's own example of bcrypt: the password is U*U."""
SECRET = "U*U"


@pytest.fixture
def model(tmp_path: Path, served: ImageRegistry, monkeypatch: pytest.MonkeyPatch) -> ImageModel:
    for room in ("cli.building", "adapters.image_bases"):
        monkeypatch.setattr(f"mlops_gitops.{room}.Session", functools.partial(Session, wait=lambda _: None))
    base = base_images.put(served.address, "python", base_images.tiny())
    return image_models.made(tmp_path / "repo", base=base, cache=tmp_path / "cache", wheels=tmp_path / "wheels")


def failed(model: ImageModel, *words: str) -> Any:
    found = model.shell.json("build", *words)
    assert "error" in found, found
    return found["error"]


def change(model: ImageModel, **image: Any) -> None:
    model.value["spec"]["serving"]["image"] = {**model.value["spec"]["serving"]["image"], **image}
    model.commit()


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ({"base": "127.0.0.1:1/python:3.11"}, "is not named by its digest"),
        ({"base": "127.0.0.1:1/python"}, "MG761"),
        ({"lock": "requirements.lock"}, "numpy==2.0.0 in line 1 of requirements.lock has no hash"),
        ({"dockerfile": "train.py"}, "it names both"),
    ],
)
def test_findings_end_the_build_before_anything_is_asked(
    model: ImageModel, registry: ImageRegistry, image: dict[str, Any], words: str
) -> None:
    change(model, **image)
    registry.forget()
    error = failed(model)
    assert (error["code"], error["exitCode"]) == ("invalid-document", 1)
    assert words in error["message"]
    assert "models/cancer/model.yaml:" in error["message"]
    assert registry.requests == []


def test_a_lock_that_wants_a_source_distribution_is_refused_and_nothing_of_it_runs(
    model: ImageModel, tmp_path: Path
) -> None:
    source = tmp_path / "wheels" / "evil-1.0.0.tar.gz"
    ran = tmp_path / "ran"
    folder = tmp_path / "evil-1.0.0"
    folder.mkdir()
    (folder / "setup.py").write_text(
        f"open({str(ran)!r}, 'w')\nfrom setuptools import setup\nsetup(name='evil', version='1.0.0')\n"
    )
    (folder / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: evil\nVersion: 1.0.0\n")
    with tarfile.open(source, "w:gz") as archive:
        archive.add(folder, arcname=folder.name)
    image_models.offer(source)
    model.write("serving.lock", (model.folder / "serving.lock").read_text() + image_models.line(source))
    model.commit()
    error = failed(model)
    assert (error["code"], error["exitCode"]) == ("image-wheel", 1)
    assert "evil" in error["message"]
    assert "nothing is built for an image" in error["message"]
    assert not ran.exists()
    assert model.left() == []


def test_a_wheel_for_another_platform_is_refused(model: ImageModel, tmp_path: Path) -> None:
    only = image_models.wheel(tmp_path / "wheels", "native", "1.0.0", {"native.py": ""}, tag="cp311-cp311-win_amd64")
    model.write("serving.lock", (model.folder / "serving.lock").read_text() + image_models.line(only))
    model.commit()
    error = failed(model)
    assert error["code"] == "image-wheel"
    assert "x86_64-manylinux_2_28" in error["message"]
    assert model.left() == []


def test_a_wheel_that_is_another_than_the_locked_one_is_refused(model: ImageModel, tmp_path: Path) -> None:
    image_models.wheel(tmp_path / "wheels", "tool", "2.0.0", {"tool.py": "import os\n"})
    error = failed(model)
    assert (error["code"], error["exitCode"]) == ("lock-hashes", 1)
    assert model.left() == []


@pytest.mark.parametrize("where", ["artifact/other.json", "artifact"])
def test_a_model_file_that_is_a_link_out_of_the_folder_is_refused(
    model: ImageModel, tmp_path: Path, where: str
) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "model.json").write_text("{}")
    model.value["spec"]["artifact"]["path"] = "artifact"
    if where == "artifact":
        (model.folder / image_models.WEIGHTS).unlink()
        (model.folder / "artifact").rmdir()
        (model.folder / "artifact").symlink_to(secret)
    else:
        (model.folder / where).symlink_to(secret / "model.json")
    model.commit()
    error = failed(model)
    assert error["code"] in {"artifact-special", "path-outside"}


def test_code_that_leaves_the_folder_is_refused(model: ImageModel) -> None:
    for code in ("../cancer/../../.git/config", "link.py"):
        (model.folder / "link.py").unlink(missing_ok=True)
        (model.folder / "link.py").symlink_to("/etc/hostname")
        change(model, code=[code])
        assert failed(model)["code"] in {"path-outside", "artifact-special"}


def test_a_cache_that_cannot_be_written_is_told(model: ImageModel) -> None:
    cache = Path(model.shell.environ["MG_CACHE"])
    cache.mkdir(parents=True, exist_ok=True)
    (cache / "images").write_text("a file where a folder has to be")
    error = failed(model)
    assert error["exitCode"] == 5
    assert error["code"] == "image-cache"


@pytest.mark.parametrize("kept", ["", "{}", '{"installed": 7}', "[]", "\\ud800"])
def test_what_was_kept_of_a_base_and_is_damaged_is_made_again(model: ImageModel, kept: str) -> None:
    good = model.shell.json("build")
    (facts,) = Path(model.shell.environ["MG_CACHE"]).glob("**/bases/*.json")
    facts.write_text(kept)
    assert model.shell.json("build") == good
    assert facts.read_text() != kept


def test_a_registry_that_is_not_there_is_told_in_time(model: ImageModel) -> None:
    begun = time.monotonic()
    error = failed(model, "--push", "127.0.0.1:1/team")
    assert (error["code"], error["exitCode"], error["retry"]) == ("registry-unreachable", 5, True)
    assert "127.0.0.1:1" in error["message"]
    assert time.monotonic() - begun < 30


def test_a_base_that_is_not_there_and_one_that_lies(model: ImageModel, registry: ImageRegistry) -> None:
    change(model, base=f"{registry.address}/python@sha256:{'0' * 64}")
    assert failed(model)["code"] == "image-missing"
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": 7,
        "layers": [],
    }
    with pytest.raises(Exception, match="400"):  # the registry itself refuses such a manifest
        base_images.manifested(registry.address, "python", manifest)


@pytest.mark.parametrize("method", ["PATCH", "PUT", "POST", "HEAD"])
def test_a_connection_that_is_cut_once_is_taken_up_again(
    model: ImageModel, registry: ImageRegistry, method: str
) -> None:
    model.write(image_models.WEIGHTS, '{"learner": {"weights": [' + "0.5," * 300_000 + '1]}, "version": [3, 0, 0]}')
    model.commit()
    cuts: list[str] = []

    def once(asked: str, path: str) -> str | None:
        if asked == method and not cuts:
            cuts.append(path)
            return "cut"
        return None

    registry.fault = once
    image = model.shell.json("build", "--push", f"{registry.address}/cut-{method.lower()}")["images"][0]
    assert len(cuts) == 1
    assert image["pushed"]["new"]
    assert registry.manifests(f"cut-{method.lower()}/cancer")


def test_a_registry_that_answers_503_for_a_while_is_waited_for(model: ImageModel, registry: ImageRegistry) -> None:
    asked: set[tuple[str, str]] = set()

    def busy(method: str, path: str) -> str | None:
        one = (method, path.partition("?")[0])
        if one in asked:
            return None
        asked.add(one)
        return "503"

    registry.fault = busy
    assert model.shell.json("build", "--push", f"{registry.address}/busy")["images"][0]["pushed"]["new"]


@pytest.mark.parametrize(
    ("status", "code", "exit_code"),
    [("403", "registry-auth", 1), ("503", "registry", 5), ("413", "registry-refused", 1)],
)
def test_a_registry_that_takes_no_layer_gets_no_manifest(
    model: ImageModel, registry: ImageRegistry, status: str, code: str, exit_code: int
) -> None:
    registry.fault = lambda method, _: status if method == "PATCH" else None
    name = f"refused-{status}"
    error = failed(model, "--push", f"{registry.address}/{name}")
    assert (error["code"], error["exitCode"]) == (code, exit_code)
    assert registry.count("PUT", "/manifests/") == 0
    assert registry.manifests(f"{name}/cancer") == []


def test_a_blob_that_the_registry_only_says_it_has_is_sent_after_all(
    model: ImageModel, registry: ImageRegistry
) -> None:
    lies: list[str] = []

    def once(method: str, path: str) -> str | None:
        if method == "HEAD" and "/blobs/" in path and path not in lies:
            lies.append(path)
            return "lie"
        return None

    registry.fault = once
    image = model.shell.json("build", "--push", f"{registry.address}/lies")["images"][0]
    assert len(lies) >= 4
    assert image["pushed"]["new"]
    assert registry.manifests("lies/cancer")


def test_a_registry_that_loses_blobs_for_ever_gets_no_name_for_them(model: ImageModel, registry: ImageRegistry) -> None:
    registry.fault = lambda method, path: "lie" if method == "HEAD" and "/blobs/" in path else None
    error = failed(model, "--push", f"{registry.address}/lost")
    assert (error["code"], error["exitCode"]) == ("registry", 5)
    assert registry.manifests("lost/cancer") == []


def test_a_slow_registry_is_only_slow(model: ImageModel, registry: ImageRegistry) -> None:
    registry.fault = lambda method, path: "slow" if method == "PUT" and "/manifests/" not in path else None
    assert model.shell.json("build", "--push", f"{registry.address}/slow")["images"][0]["pushed"]["new"]


def test_with_auth_by_variables_and_by_dockers_configuration_and_never_in_words(
    model: ImageModel, tmp_path: Path
) -> None:
    with image_registry.serve(tmp_path / "guarded", users=USERS) as guarded:
        place = f"{guarded.address}/team"
        error = failed(model, "--push", place)
        assert (error["code"], error["exitCode"]) == ("registry-auth", 1)
        model.shell.environ |= {"MG_REGISTRY_USER": "ada", "MG_REGISTRY_PASSWORD": "wrong-secret"}
        assert failed(model, "--push", place)["code"] == "registry-auth"
        assert "wrong-secret" not in model.shell.out + model.shell.err
        model.shell.environ["MG_REGISTRY_PASSWORD"] = SECRET
        assert model.shell.json("build", "--push", place)["images"][0]["pushed"]["new"]
        assert SECRET not in model.shell.out + model.shell.err
        del model.shell.environ["MG_REGISTRY_USER"]
        docker = tmp_path / "docker"
        docker.mkdir()
        model.shell.environ["DOCKER_CONFIG"] = str(docker)
        model.write("train.py", "1\n")
        model.commit()
        assert failed(model, "--push", place)["code"] == "registry-auth"
        import base64
        import json

        auth = base64.b64encode(f"ada:{SECRET}".encode()).decode()
        (docker / "config.json").write_text(json.dumps({"auths": {guarded.address: {"auth": auth}}}))
        assert model.shell.json("build", "--push", place)["images"][0]["pushed"]["new"]
        (docker / "config.json").write_text(json.dumps({"credHelpers": {guarded.address: "mine"}}))
        assert failed(model, "--push", place)["code"] == "docker-credential"
        helper = tmp_path / "bin" / "docker-credential-mine"
        helper.parent.mkdir()
        helper.write_text(f'#!/bin/sh\nread host\nprintf \'{{"Username": "ada", "Secret": "{SECRET}"}}\'\n')
        helper.chmod(0o755)
        model.shell.environ["PATH"] = f"{helper.parent}:{model.shell.environ['PATH']}"
        model.write("train.py", "2\n")
        model.commit()
        assert model.shell.json("build", "--push", place)["images"][0]["pushed"]["new"]
        (docker / "config.json").write_text("{")
        assert failed(model, "--push", place)["code"] == "docker-config"


def test_a_build_that_is_killed_while_it_pushes_leaves_no_name_and_the_next_one_ends_well(
    model: ImageModel, registry: ImageRegistry
) -> None:
    started: list[subprocess.Popen[bytes]] = []
    killed = threading.Event()

    def kill(method: str, path: str) -> str | None:
        if method == "PATCH" and "/killed/" in path and not killed.is_set() and started:
            started[0].kill()
            killed.set()
            return "cut"
        return None

    registry.fault = kill
    argv = [sys.executable, "-m", "mlops_gitops", "build", "--push", f"{registry.address}/killed"]
    started.append(subprocess.Popen(argv, cwd=model.root, env={**os.environ, **model.shell.environ}))
    assert started[0].wait(60) < 0
    assert killed.is_set()
    assert registry.manifests("killed/cancer") == []
    registry.fault = None
    image = model.shell.json("build", "--push", f"{registry.address}/killed")["images"][0]
    assert image["pushed"]["new"]
    assert image["digest"].removeprefix("sha256:") in registry.manifests("killed/cancer")
    assert model.left() == []


def test_a_registry_that_wants_tokens_gets_them_for_what_is_pushed_and_for_nothing_else(
    model: ImageModel, tmp_path: Path
) -> None:
    with (
        token_service.serve(tmp_path / "tokens", user="ada", password=SECRET) as tokens,
        image_registry.serve(tmp_path / "guarded", auth=tokens.auth) as guarded,
    ):
        place = f"{guarded.address}/team"
        assert failed(model, "--push", place)["code"] == "registry-auth"
        model.shell.environ |= {"MG_REGISTRY_USER": "ada", "MG_REGISTRY_PASSWORD": SECRET}
        tokens.asked.clear()
        assert model.shell.json("build", "--push", place)["images"][0]["pushed"]["new"]
        assert {tuple(scopes) for scopes in tokens.asked} == {("repository:team/cancer:pull,push",)}
        assert len(tokens.asked) == 1, "a token is bought once"
        assert SECRET not in model.shell.out + model.shell.err


def test_a_base_that_inflates_without_end_is_refused(model: ImageModel, registry: ImageRegistry) -> None:
    bomb = bombs.gzipped(bombs.header("big", 8 << 30), zeros=8 << 30)
    change(model, base=base_images.put(registry.address, "bomb", base_images.tiny(), packed=bomb))
    error = failed(model, "--push", f"{registry.address}/exploded")
    assert (error["code"], error["exitCode"], error["retry"]) == ("image-base", 1, False)
    assert "one of its layers inflates without end: " in error["message"]
    assert "name another base under serving.image.base" in error["hint"]
    assert registry.manifests("exploded/cancer") == []
