"""Models of XGBoost in JSON as leaves: every list of numbers is an array, every tree under its number.

The version that wrote the file is noise, and so is the number of threads.  Binary JSON (``.ubj``) is not read here: its
bytes are compared as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_gitops.reproduction.contents import noise as known_noise
from mlops_gitops.reproduction.contents.leaves import Leaf, Unreadable

_MOST_BYTES = 4 << 30
_DEEPEST = 200


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers that a text held."""

    values: npt.NDArray[np.generic]

    @property
    def dtype(self) -> str:
        """The type of an element."""
        return str(self.values.dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        """The length."""
        return tuple(self.values.shape)

    def chunks(self, size: int, /) -> Iterator[npt.NDArray[np.generic]]:
        """All elements, in pieces."""
        for start in range(0, len(self.values), size):
            yield self.values[start : start + size]


def recognises(head: bytes, name: str) -> bool:
    """Whether a file that starts so is a model of XGBoost in JSON."""
    del name
    start = head[:4096].lstrip()
    return start.startswith(b"{") and b'"learner"' in start[:64]


def read(path: Path) -> Iterator[Leaf]:
    """The leaves of the model at ``path``, which is read whole.  Raises ``Unreadable``."""
    if path.stat().st_size > _MOST_BYTES:
        raise Unreadable("it is larger than a model in JSON can be read")
    try:
        value = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise Unreadable("it is no JSON") from error
    yield from walk("", value)


def walk(path: str, value: Any, *, depth: int = 0) -> Iterator[Leaf]:
    """Every leaf below a value of JSON; the order of keys means nothing."""
    if depth > _DEEPEST:
        raise Unreadable("it is nested too deep")
    if isinstance(value, dict):
        for key in sorted(value):
            below = f"{path}.{key}".lstrip(".")
            if key == "version" and depth == 0:
                yield Leaf(below, json.dumps(value[key]), "version of the library that wrote it")
                continue
            reason = known_noise.of_setting(key, _number(value[key]))
            if reason:
                yield Leaf(below, str(value[key]), reason)
            else:
                yield from walk(below, value[key], depth=depth + 1)
    elif isinstance(value, list):
        if value and all(type(one) in (int, float) for one in value):
            yield Leaf(path, Numbers(np.asarray(value, dtype=np.float64)))
            return
        yield Leaf(f"{path}.length", len(value))
        for index, one in enumerate(value):
            yield from walk(f"{path}[{index}]", one, depth=depth + 1)
    else:
        yield Leaf(path, value)


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.lstrip("-").isdecimal() and len(value) < 9 else value  # noqa: PLR2004 - threads
