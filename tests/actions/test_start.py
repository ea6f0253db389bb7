"""Where the packages of an Action go, and which."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType

import pytest
from launcher import load
from workflows import ROOT


@pytest.fixture(scope="module")
def start() -> ModuleType:
    return load(ROOT / "actions" / "_runtime" / "start.py")


def test_mlflow_is_installed_only_where_it_is_asked_for(start: ModuleType) -> None:
    assert start.extras({}) == ()
    assert start.extras({"MG_MLFLOW": "false"}) == ()
    assert start.extras({"MG_MLFLOW": "true"}) == ("mlflow",)


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
