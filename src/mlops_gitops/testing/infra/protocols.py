"""The two protocols that a serving image speaks: a table as a request, and an answer as columns.

MLflow's ``/invocations`` (https://mlflow.org/docs/latest/ml/deployment/) takes ``dataframe_split``; the Open Inference
Protocol v2 (https://github.com/open-inference/open-inference-protocol) takes one tensor a column.  Pure.  An answer is
whatever a server sent: ``Unreadable`` says what is wrong with it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlops_gitops.manifests.model import Column

INVOCATIONS, V2 = "/invocations", "/v2"
READY = ("/v2/health/ready", "/ping")
_TENSORS = {
    "boolean": "BOOL",
    "integer": "INT32",
    "long": "INT64",
    "float": "FP32",
    "double": "FP64",
    "string": "BYTES",
    "binary": "BYTES",
    "datetime": "BYTES",
}
_REAL = frozenset({"float", "double"})
_CONTENT = {"string": "str", "binary": "base64", "datetime": "datetime"}
_FAMILIES = {
    "boolean": ("BOOL",),
    "integer": ("INT", "UINT"),
    "long": ("INT", "UINT"),
    "float": ("FP",),
    "double": ("FP",),
    "string": ("BYTES",),
    "binary": ("BYTES",),
    "datetime": ("BYTES",),
}

Row = tuple[Any, ...]
"""The inputs of one row as JSON has them, in the order of the interface; ``None`` where there is no value."""


class Unreadable(Exception):
    """An answer that is not what its protocol says; the text says why."""


@dataclass(frozen=True, slots=True)
class Columns:
    """An answer: name → values, all of one length; ``types`` are the tensors' types, where the protocol names them."""

    values: Mapping[str, list[Any]]
    types: Mapping[str, str]

    @property
    def rows(self) -> int:
        """How many predictions there are."""
        return len(next(iter(self.values.values()), []))


def infer(model: str) -> str:
    """The path of v2's inference."""
    return f"{V2}/models/{model}/infer"


def split(columns: Sequence[Column], rows: Sequence[Row]) -> bytes:
    """The body of a request to ``/invocations``."""
    table = {"columns": [one.name for one in columns], "data": rows}
    return json.dumps({"dataframe_split": table}, ensure_ascii=False, allow_nan=False).encode()


def tensors(columns: Sequence[Column], rows: Sequence[Row]) -> bytes:
    """The body of a request of v2."""
    inputs = []
    for place, one in enumerate(columns):
        tensor: dict[str, Any] = {
            "name": one.name,
            "shape": [len(rows), 1],
            "datatype": _TENSORS[one.type],
            "data": [row[place] for row in rows],
        }
        if one.type in _CONTENT:
            tensor["parameters"] = {"content_type": _CONTENT[one.type]}
        inputs.append(tensor)
    return json.dumps({"inputs": inputs}, ensure_ascii=False, allow_nan=False).encode()


def has_tensors(columns: Sequence[Column], row: Row) -> bool:
    """Whether v2 can say this row: it knows a missing value of real numbers only."""
    return all(value is not None or one.type in _REAL for one, value in zip(columns, row, strict=True))


def predictions(body: bytes, outputs: Sequence[Column]) -> Columns:
    """The answer of ``/invocations``.  Raises ``Unreadable``."""
    found = _document(body)
    if isinstance(found, dict):
        found = found.get("predictions")
    if not isinstance(found, list):
        raise Unreadable("it has no list under `predictions`")
    if not found:
        return Columns({}, {})
    first = found[0]
    if isinstance(first, dict):
        names = list(first)
        if any(not isinstance(one, dict) or list(one) != names for one in found):
            raise Unreadable("its predictions do not all have the same fields")
        return Columns({name: [one[name] for one in found] for name in names}, {})
    lists = [one if isinstance(one, list) else [one] for one in found]
    if any(len(one) != len(lists[0]) for one in lists):
        raise Unreadable("its predictions are not all of the same length")
    return Columns(dict(zip(_named(outputs, len(lists[0])), map(list, zip(*lists, strict=True)), strict=True)), {})


def outputs_of(body: bytes, outputs: Sequence[Column]) -> Columns:
    """The answer of v2.  Raises ``Unreadable``."""
    found = _document(body)
    listed = found.get("outputs") if isinstance(found, dict) else None
    if not isinstance(listed, list):
        raise Unreadable("it has no list under `outputs`")
    values: dict[str, list[Any]] = {}
    types: dict[str, str] = {}
    for one in listed:
        try:
            name, data, kind, shape = one["name"], one["data"], one["datatype"], one["shape"]
            rows, across = int(shape[0]), math.prod(map(int, shape[1:]))
        except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
            raise Unreadable("one of its outputs lacks name, shape, datatype or data") from error
        if not isinstance(data, list):
            raise Unreadable("one of its outputs has no list of data")
        flat = [value for part in data for value in part] if data and isinstance(data[0], list) else data
        if len(flat) != rows * across:
            shown = str(shape)[:60]
            raise Unreadable(f"the output {str(name)[:60]!r} has {len(flat)} values and the shape {shown}")
        wide = _named(outputs, across) if across != 1 else [str(name)]
        for place, column in enumerate(wide):
            values[column], types[column] = flat[place::across], str(kind)
    if len({len(one) for one in values.values()}) > 1:
        raise Unreadable("its outputs are of different lengths")
    return Columns(values, types)


def wrong_types(found: Columns, outputs: Sequence[Column]) -> list[str]:
    """What of an answer is not of the declared type, in words."""
    said = []
    for one in outputs:
        values = found.values.get(one.name)
        if values is None:
            said.append(f"there is no {one.name}")
            continue
        kind = found.types.get(one.name)
        if kind is not None and not kind.startswith(_FAMILIES[one.type]):
            said.append(f"{one.name} is {kind[:20]} and declared {one.type}")
            continue
        other = next((value for value in values if value is not None and not _is(value, one.type)), None)
        if other is not None:
            said.append(f"{one.name} is {str(other)[:40]!r} and declared {one.type}")
    return said


def wrong_metadata(body: bytes, inputs: Sequence[Column], outputs: Sequence[Column]) -> list[str] | None:
    """How v2's metadata of a model differ from the manifest, in words; ``None`` where they say nothing of it."""
    try:
        found = _document(body)
    except Unreadable as problem:
        return [str(problem)]
    said: list[str] = []
    told = False
    for key, declared in (("inputs", inputs), ("outputs", outputs)):
        listed = found.get(key) if isinstance(found, dict) else None
        if not isinstance(listed, list) or not listed:
            continue
        told = True
        kinds = {str(one.get("name")): str(one.get("datatype")) for one in listed if isinstance(one, dict)}
        said += [f"it serves no {key[:-1]} {one.name}" for one in declared if one.name not in kinds]
        known = {one.name: one.type for one in declared}
        said += [f"it serves the {key[:-1]} {name[:60]}, which is not declared" for name in kinds if name not in known]
        said += [
            f"{name} is served as {kinds[name][:20]} and declared {type_}"
            for name, type_ in known.items()
            if name in kinds and not kinds[name].startswith(_FAMILIES[type_])
        ]
    return said if told else None


def _document(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unreadable("it is no JSON") from error


def _named(outputs: Sequence[Column], count: int) -> list[str]:
    names = [one.name for one in outputs]
    return names if len(names) == count else [f"prediction_{place}" for place in range(count)]


def _is(value: Any, type_: str) -> bool:
    if type_ == "boolean":
        return isinstance(value, bool)
    if type_ in {"integer", "long"}:
        return isinstance(value, int) and not isinstance(value, bool)
    if type_ in _REAL:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, str)
