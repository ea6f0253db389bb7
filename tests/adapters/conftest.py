"""What several tests of adapters share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import time_limits
from servers import docker_engine
from servers.docker_engine import Engine


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """A real container engine and registry; the tests that want them are skipped where there can be none."""
    with docker_engine.served() as found:
        yield found


@pytest.fixture(autouse=True)
def limited(request: pytest.FixtureRequest) -> Iterator[None]:
    """Two minutes for a test with an engine, which waits for processes that are not its own."""
    if "engine" not in request.fixturenames:
        yield
        return
    with time_limits.within(120, request.node.name):
        yield
