"""Where PySpark lies: in a folder of its own, as PyTorch does, and for the same reason; or where MG_SPARK says."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("MG_SPARK") or Path(__file__).parents[1] / ".spark")


def spark_folder() -> Path:
    """The folder to put on a path.  Without PySpark or Java a test is skipped; where ``CI`` is set, it fails."""
    missing = []
    if not (FOLDER / "pyspark" / "__init__.py").is_file():
        missing.append(
            f"PySpark is not in {FOLDER.name}/: `uv pip install --target {FOLDER.name} pyspark` puts it there"
        )
    if shutil.which("java") is None:
        missing.append("there is no Java: `apt-get install default-jre-headless`")
    if missing and os.environ.get("CI"):
        pytest.fail("; ".join(missing))
    if missing:
        pytest.skip("; ".join(missing))
    return FOLDER
