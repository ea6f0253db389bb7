"""What several tests of adapters share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import time_limits


@pytest.fixture(autouse=True)
def limited(request: pytest.FixtureRequest) -> Iterator[None]:
    """Two minutes for a test with an engine, which waits for processes that are not its own."""
    if "engine" not in request.fixturenames:
        yield
        return
    with time_limits.within(120, request.node.name):
        yield
