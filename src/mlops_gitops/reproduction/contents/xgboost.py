"""Models of XGBoost, in JSON or UBJSON, as leaves: every list of numbers is an array, every tree under its number.

The version that wrote the file is noise, and so is the number of threads.  The order of keys means nothing.  Numbers
with a fraction are of 32 bits, as XGBoost reckons with, so that units in the last place mean what they say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mlops_gitops.reproduction.contents import flats, noise, sources, ubjson
from mlops_gitops.reproduction.contents.leaves import Leaf, Unreadable

_MOST_BYTES = 1 << 30
_DEEPEST = 100
_LONGEST_COUNT = 9
_JSON = re.compile(rb'\s*\{\s*"(learner|version|Config|Model)"\s*:')
_BINARY = re.compile(rb"\{(?:L\0{7}|[iU])(?:\x07learner|\x06Config\{|\x05Model\{)")
_TOLD = re.compile(r"\[?-?\d{1,40}(\.\d{1,40})?E[-+]?\d{1,3}(,-?\d{1,40}(\.\d{1,40})?E[-+]?\d{1,3})*\]?")
"""A parameter with a fraction, which the format writes as a text: ``5E-1``, or ``[5E-1,2E0]`` for several targets."""
_VERSIONS = ("version", "Config.version", "Model.version")


def recognises(head: bytes, name: str) -> bool:
    """Whether bytes that start so are a model of XGBoost."""
    del name
    return _BINARY.match(head) is not None or (_JSON.match(head) is not None and b'"learner"' in head)


def read(path: Path) -> Iterator[Leaf]:
    """The leaves of the model at ``path``, which is read whole.  Raises ``Unreadable``."""
    source = sources.at(path)
    if source.size > _MOST_BYTES:
        raise Unreadable("it is larger than a model of trees can be read")
    return of_bytes(source.read(0, source.size))


def of_bytes(data: bytes) -> Iterator[Leaf]:
    """The leaves of a model in memory."""
    if _BINARY.match(data):
        return _walk("", ubjson.parsed(data))
    try:
        return _walk("", json.loads(data, object_pairs_hook=_once))
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"it is no JSON: {str(error)[:80]}") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a key occurs twice")
    return dict(pairs)


def _walk(path: str, value: Any, *, depth: int = 0) -> Iterator[Leaf]:
    if depth > _DEEPEST:
        raise Unreadable("it is nested too deep")
    if isinstance(value, dict):
        yield from _mapping(path, value, depth=depth)
    elif isinstance(value, np.ndarray):
        yield Leaf(path, flats.Held(value))
    elif isinstance(value, list):
        if (numbers := _numbers(value)) is not None:
            yield Leaf(path, flats.Held(numbers))
            return
        yield Leaf(f"{path}.__len__", len(value))
        for index, one in enumerate(value):
            yield from _walk(f"{path}[{index}]", one, depth=depth + 1)
    elif isinstance(value, str) and ".attributes." not in path and _TOLD.fullmatch(value):
        told = [float(one) for one in value.strip("[]").split(",")]
        yield Leaf(path, flats.Held(np.asarray(told, np.float32)))
    else:
        yield Leaf(path or "(root)", value)


def _mapping(path: str, value: dict[str, Any], *, depth: int) -> Iterator[Leaf]:
    if not value:
        yield Leaf(path or "(root)", "an empty mapping")
    for key in sorted(value):
        below = f"{path}.{key}" if path else key
        reason = noise.of_setting(key, _count(value[key]))
        if below in _VERSIONS:
            reason = "version of the library that wrote it"
        if reason:
            yield Leaf(below, str(value[key]), reason)
        else:
            yield from _walk(below, value[key], depth=depth + 1)


def _numbers(values: list[Any]) -> Any:
    """The array that a list is; ``None`` where it holds other things than numbers."""
    if not values or any(type(one) not in (int, float) for one in values):
        return None
    try:
        if all(type(one) is int for one in values):
            return np.asarray(values, np.int64)
        wide = np.asarray(values, np.float64)
    except OverflowError:
        return None
    with np.errstate(over="ignore"):
        narrow = wide.astype(np.float32)
    return narrow if np.array_equal(np.isfinite(wide), np.isfinite(narrow)) else wide


def _count(value: Any) -> Any:
    """XGBoost writes the number of threads as a text."""
    told = isinstance(value, str) and value.lstrip("-").isdecimal() and len(value) < _LONGEST_COUNT
    return int(value) if told else value
