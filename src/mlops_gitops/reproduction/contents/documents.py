"""Texts as leaves: ``MLmodel``, JSON and YAML by key, anything else by line; and files that nothing knows, as bytes.

The keys of JSON and YAML come sorted, as writers order them as they like.  Of Python's version, the patch level is
noise (``3.11.7`` against ``3.11.9``) and the rest is not, as pickles and wheels differ between minor versions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import yaml

from mlops_gitops.packaging.scan import texts
from mlops_gitops.reproduction.contents import noise
from mlops_gitops.reproduction.contents.leaves import Leaf, Unreadable
from mlops_gitops.reproduction.contents.sources import Source, Stored

_MOST_TEXT = 256 << 20
_MOST_YAML = 16 << 20
_DEEPEST = 200
_IDENTITY = {
    "model_uuid": "MLmodel uuid",
    "model_id": "MLmodel id",
    "run_id": "MLflow run",
    "utc_time_created": "MLmodel time",
    "artifact_path": "MLflow place of the artifact",
    "mlflow_version": "version of the library that wrote it",
    "model_size_bytes": "MLmodel size",
}
_PYTHON = {"python", "python_version"}


def raw(source: Source) -> Iterator[Leaf]:
    """The bytes of a file, as one array."""
    yield Leaf("(bytes)", Stored(source, 0, np.dtype("u1"), (source.size,)))


def of_text(source: Source, name: str) -> tuple[str, Iterator[Leaf]]:
    """What kind of text this is, and its leaves."""
    if source.size > _MOST_TEXT:
        return "raw", raw(source)
    data = source.read(0, source.size)
    last = PurePosixPath(name).name
    if not texts.is_text(data):
        return "raw", raw(source)
    try:
        if last == "MLmodel":
            return "mlmodel", _walk("", None, _yaml(data), mlmodel=True)
        if last.lower().endswith((".yaml", ".yml")):
            return "yaml", _walk("", None, _yaml(data))
        if last.lower().endswith(".json") or data.lstrip()[:1] in (b"{", b"["):
            return "json", _walk("", None, json.loads(data, object_pairs_hook=_unique))
    except (ValueError, RecursionError, yaml.YAMLError):
        pass  # not what its name says: a text all the same, and compared as one
    return "text", _lines(data.decode())


def _lines(text: str) -> Iterator[Leaf]:
    for number, line in enumerate(text.split("\n"), start=1):
        yield Leaf(f"line {number}", line)


def _yaml(data: bytes) -> Any:
    if len(data) > _MOST_YAML:
        raise ValueError("it is too long")
    texts.check_yaml(data)
    return yaml.load(data, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - a safe loader


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found


def _walk(path: str, name: str | None, value: Any, *, mlmodel: bool = False, depth: int = 0) -> Iterator[Leaf]:
    if depth > _DEEPEST:
        raise Unreadable(f"it is nested more than {_DEEPEST} deep")
    if isinstance(value, dict):
        if not value:
            yield Leaf(path or "(root)", "an empty mapping")
        for key in sorted(value, key=str):
            below = f"{path}.{key}" if path else str(key)
            yield from _walk(below, str(key), value[key], mlmodel=mlmodel, depth=depth + 1)
    elif isinstance(value, list):
        yield Leaf(f"{path or '(root)'}.__len__", len(value))
        for index, one in enumerate(value):
            yield from _walk(f"{path}[{index}]", None, one, mlmodel=mlmodel, depth=depth + 1)
    else:
        yield from _scalar(path or "(root)", name, value, mlmodel=mlmodel)


def _scalar(path: str, name: str | None, value: Any, *, mlmodel: bool) -> Iterator[Leaf]:
    plain = value if isinstance(value, str | int | float | bool | bytes | None) else str(value)
    pinned = isinstance(plain, str) and plain.startswith("python=")
    if isinstance(plain, str) and (name in _PYTHON or pinned):
        minor, dot, patch = plain.rpartition(".")
        if dot and minor.count(".") == 1:
            yield Leaf(path, minor)
            yield Leaf(f"{path} (patch level)", patch, "patch level of Python")
            return
    reason = noise.of_setting(name, plain)
    if mlmodel and name is not None:
        reason = reason or _IDENTITY.get(name, "")
        if not reason and name.endswith("_version"):
            reason = "version of the library that wrote it"
    yield Leaf(path, plain, reason)
