"""A disk that is as small as a test wants it, and larger afterwards: a file system in memory."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def mounted(folder: Path, *, kibibytes: int) -> Iterator[Callable[[int], None]]:
    """Mount one at ``folder`` until the block ends; what is yielded gives it another size."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kibibytes}k,mode=1777", "disk", str(folder)], check=True)
    try:
        yield lambda size: _resized(folder, size)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _resized(folder: Path, kibibytes: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={kibibytes}k", str(folder)], check=True)
