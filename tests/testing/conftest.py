"""Real data files, made with the libraries that users make theirs with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest


@pytest.fixture
def parquet(tmp_path: Path) -> Callable[..., Path]:
    """Writes columns to a Parquet file and returns its path."""

    def write(name: str = "data.parquet", **columns: object) -> Path:
        path = tmp_path / name
        pd.DataFrame(columns).to_parquet(path, index=False)
        return path

    return write
