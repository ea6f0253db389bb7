"""Fixtures that several packages of tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from servers.git_http import GitServer, serve


@pytest.fixture
def git_server(tmp_path: Path) -> Iterator[GitServer]:
    """A real git server on this machine to which everybody may push."""
    with serve(tmp_path / "served") as server:
        yield server
