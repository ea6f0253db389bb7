"""Fixtures for the command line."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import estate
from estate import Estate
from servers import image_registry
from servers.image_registry import ImageRegistry
from shells import Shell


@pytest.fixture
def shell_of(tmp_path: Path) -> Callable[[Estate], Shell]:
    """A shell over a new environment repository."""

    def make(start: Estate) -> Shell:
        bare = start.bare(tmp_path)
        folder = tmp_path / "here"
        folder.mkdir()
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        environ = {**kept, "MG_ENVIRONMENTS": str(bare), "MG_CACHE": str(tmp_path / "cache"), "USER": "grace"}
        return Shell(folder, bare, environ)

    return make


@pytest.fixture
def shell(shell_of: Callable[[Estate], Shell]) -> Shell:
    """A shell over dev, staging and prod with one release and its evidence."""
    return shell_of(Estate.new().with_release(estate.release()))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImageRegistry]:
    """A real registry for the tests of one file."""
    with image_registry.serve(tmp_path_factory.mktemp("registry") / "one") as found:
        yield found


@pytest.fixture
def registry(served: ImageRegistry) -> Iterator[ImageRegistry]:
    """The same, with nothing broken and nothing counted."""
    served.fault = None
    served.forget()
    yield served
    served.fault = None
    served.referrers = False
