"""Fixtures that several packages of tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import settings

from servers import base_images, docker_engine
from servers.docker_engine import Engine
from servers.git_http import GitServer, serve

if not os.environ.get("MG_EXHAUSTIVE"):  # which looks for new inputs: without it, a change is judged by what it changes
    settings.register_profile("same", derandomize=True)
    settings.load_profile("same")

LONGEST = (
    "cli/test_infra_records.py",
    "cli/test_release.py",
    "cli/test_build_servers.py",
    "demo/test_demo.py",
    "cli/test_unregistered.py",
    "adapters/test_serving_containers.py",
    "cli/test_reproduce.py",
    "actions/test_reusable_workflows.py",
    "adapters/test_training_containers.py",
    "cli/test_build_failures.py",
    "actions/test_model_actions.py",
    "cli/test_infra.py",
    "adapters/test_spark.py",
)
"""Files of few tests that take a minute or more, the longest first."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files come first, so that no worker is left alone with one of them at the end."""
    root = Path(__file__).parent
    places = {root / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.fixture
def git_server(tmp_path: Path) -> Iterator[GitServer]:
    """A real git server on this machine to which everybody may push."""
    with serve(tmp_path / "served") as server:
        yield server


def _while_it_is_ours(**_: object) -> Literal["session", "module"]:
    """An engine of one's own is kept; one that ran before is let go of soon, since other workers wait for it."""
    return "session" if docker_engine.starts_its_own() else "module"


@pytest.fixture(scope=_while_it_is_ours)
def engine() -> Iterator[Engine]:
    """A real container engine and registry; the tests that want them are skipped where there can be none.

    A test leaves of it what it found, which most of them count.
    """
    with docker_engine.served() as found:
        yield found


@pytest.fixture(scope=_while_it_is_ours)
def serving_base(engine: Engine) -> str:
    """A base image with this machine's Python, by digest, in the engine's registry."""
    return base_images.put(engine.registry, "serving-base", base_images.working())
