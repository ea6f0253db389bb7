"""What several tests of adapters share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from servers import docker_engine
from servers.docker_engine import Engine


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """A real container engine and registry; the tests that want them are skipped where there can be none."""
    docker_engine.skipped()
    with docker_engine.serve() as served:
        yield served
