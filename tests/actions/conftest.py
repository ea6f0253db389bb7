from __future__ import annotations

from pathlib import Path

import pytest
from workflows import stage


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This checkout as a tag of ours would give it."""
    return stage(tmp_path_factory.mktemp("product") / "v1")
