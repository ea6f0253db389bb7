"""The globals that a pickle may name, by library: exact names only, so that a re-exported module can never slip in.

Each text file is one library; a line is a module and the names that may be taken from it.  What these names have in
common: calling them with hostile arguments runs no code that the file brings along, and opens no file or socket.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

CLASSIC = ("python", "numpy", "scipy", "pandas", "sklearn", "joblib", "xgboost", "lightgbm")
TENSORS = ("python", "torch")

OLD_NAMES = {"__builtin__": "builtins", "copy_reg": "copyreg"}
"""Modules that protocols 0 to 2 write under their Python 2 name."""


@cache
def names(*libraries: str) -> frozenset[tuple[str, str]]:
    """Every allowed ``(module, name)`` of the libraries."""
    return frozenset(
        (module, name)
        for library in libraries
        for line in (Path(__file__).parent / f"{library}.txt").read_text(encoding="utf-8").splitlines()
        for module, *rest in [line.split()]
        for name in rest
    )
