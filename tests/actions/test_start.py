"""Where the packages of an Action go, and which."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from launcher import load
from workflows import ROOT

from mlops_gitops.actions.run import ACTIONS


@pytest.fixture(scope="module")
def start() -> ModuleType:
    return load(ROOT / "actions" / "_runtime" / "start.py")


def test_mlflow_is_installed_only_where_it_is_asked_for(start: ModuleType) -> None:
    assert start.extras("promote", {}) == ()
    assert start.extras("promote", {"MG_INPUT_MLFLOW": "false"}) == ()
    assert start.extras("promote", {"MG_INPUT_MLFLOW": "true"}) == ("mlflow",)
    assert start.extras("test", {"MG_INPUT_MLFLOW": "true", "MG_INPUT_KIND": "data"}) == ("data", "mlflow")


@pytest.mark.parametrize("name", ["validate", "plan", "gate", "verify", "promote"])
def test_what_reads_no_data_installs_nothing_for_it(start: ModuleType, name: str) -> None:
    assert start.extras(name, {}) == ()


def test_an_image_is_looked_up_only_where_a_release_names_one(start: ModuleType) -> None:
    assert start.extras("release", {"MG_INPUT_IMAGE": ""}) == ("models",)
    assert start.extras("release", {"MG_INPUT_IMAGE": "registry.example.com/x@sha256:0"}) == ("build", "models")


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("data", ("data",)),
        ("model", ("data", "models")),
        ("features", ("data", "models")),
        ("infra", ("build", "data", "models")),
        ("all", ("build", "data", "models")),
    ],
)
def test_what_speaks_to_an_engine_is_installed_where_images_are_tested(
    start: ModuleType, kind: str, wanted: tuple[str, ...]
) -> None:
    assert start.extras("test", {"MG_INPUT_KIND": kind, "MG_INPUT_IMAGE": "x"}) == wanted


def test_only_actions_and_extras_that_exist_are_named(start: ModuleType) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert set(start.EXTRAS) <= set(ACTIONS)
    assert {extra for listed in start.EXTRAS.values() for extra in listed} <= set(extras)


def test_another_lock_or_other_extras_are_another_folder(start: ModuleType) -> None:
    assert start.key(b"lock", ()) == start.key(b"lock", ())
    assert len({start.key(b"lock", ()), start.key(b"other", ()), start.key(b"lock", ("mlflow",))}) == 3


def test_the_first_folder_that_can_be_written_is_the_cache(start: ModuleType, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    environ = {"RUNNER_TOOL_CACHE": str(blocked), "RUNNER_TEMP": str(tmp_path / "temp")}
    assert start.cache(environ) == tmp_path / "temp" / "mlops-gitops"
    assert start.cache({**environ, "RUNNER_TOOL_CACHE": str(tmp_path / "tools")}) == tmp_path / "tools" / "mlops-gitops"


def test_a_cache_that_somebody_else_made_is_passed_over(
    start: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder in a place that everybody may write to could have been filled by anybody before us."""
    environ = {"RUNNER_TOOL_CACHE": str(tmp_path / "tools"), "RUNNER_TEMP": str(tmp_path / "temp")}
    monkeypatch.setattr(start.tempfile, "gettempdir", lambda: str(tmp_path))
    assert start.cache(environ) == tmp_path / "tools" / "mlops-gitops"
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    with pytest.raises(start.provision.Unable):
        start.cache(environ)


def test_an_action_that_installs_finds_a_uv(start: ModuleType, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    uv = tools / "mlops-gitops" / f"uv-{start.provision.PINNED_UV}" / "bin" / "uv"
    uv.parent.mkdir(parents=True)
    uv.write_text(f"#!/bin/sh\necho uv {start.provision.PINNED_UV}\n")
    uv.chmod(0o755)
    environ = {"PATH": "/usr/bin:/bin", "RUNNER_TOOL_CACHE": str(tools)}
    assert start.search("validate", environ) == "/usr/bin:/bin"
    assert start.search("reproduce", environ) == f"/usr/bin:/bin:{uv.parent}"
    there = {**environ, "PATH": f"/usr/bin:/bin:{uv.parent}"}
    assert start.search("build", there) == there["PATH"]


def test_a_note_is_whole_and_follows_no_link(start: ModuleType, tmp_path: Path) -> None:
    """A job that could write here before us would lead it elsewhere."""
    victim, place = tmp_path / "victim", tmp_path / "ready-validate"
    victim.write_text("mine")
    place.symlink_to(victim)
    start.note(place, tmp_path / "home")
    assert victim.read_text() == "mine"
    assert place.read_text() == f"{tmp_path / 'home'}\n"
    start.note(tmp_path / "no" / "such" / "folder", tmp_path)
