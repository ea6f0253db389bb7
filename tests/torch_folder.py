"""Where PyTorch lies: in a folder of its own, since only some tests need it and it weighs more than all the rest."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / ".torch"


def torch_folder() -> Path:
    """The folder to put on a Python path.  Without PyTorch the test is skipped; where ``CI`` is set, it fails."""
    if not (FOLDER / "torch" / "__init__.py").is_file():
        reason = f"PyTorch is not in {FOLDER.name}/: `uv pip install --target {FOLDER.name} torch` puts it there"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return FOLDER
