"""Whether the values of a request are of the types that the model declares, looked at before anybody converts them.

MLflow and pandas convert what does not fit: half a number to a whole one, any text to ``true``, a number that is too
large to another one; the model then answers a question that nobody asked.  Here such a value is ``Unfit``, and so are
NaN and infinity, which JSON does not have (RFC 8259, 6).  A value that is ``null`` is missing, which is for the model
to judge.  Imports nothing but the standard library.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

WHOLE = {"integer": 31, "long": 63}
REAL = {"float": 3.4028234663852886e38, "double": 1.7976931348623157e308}
_PLAIN: dict[str, frozenset[type]] = {
    "boolean": frozenset({bool}),
    "string": frozenset({str, bytes}),
    "binary": frozenset({str, bytes}),
}
_NUMBERS = frozenset({int, float})
_NOTHING = frozenset({type(None)})


class Unfit(ValueError):
    """A value, or the shape of what holds it, is not what the model declares; the text says which and why."""


def parsed(text: str) -> Any:
    """The JSON of a request, with no number that is none.  Raises ``ValueError`` and ``RecursionError``."""
    return json.loads(text, parse_constant=_constant)


def _constant(name: str) -> NoReturn:
    raise Unfit(f"{name} is no JSON")


def fit_table(document: Any, types: Mapping[str, str]) -> None:
    """Hold a request of MLflow's protocol against the declared types of the columns.  Raises ``Unfit``."""
    if not isinstance(document, dict):
        raise Unfit("the request is no JSON object")
    split, records = document.get("dataframe_split"), document.get("dataframe_records", document.get("instances"))
    named = document.get("inputs")
    if isinstance(split, dict) and isinstance(split.get("columns"), list):
        _fit_split(split["columns"], split.get("data"), types)
    elif isinstance(records, list) and all(isinstance(one, dict) for one in records):
        for name, kind in types.items():
            fit(name, kind, [one.get(name) for one in records])
    elif isinstance(named, dict):
        for name, values in named.items():
            if name in types:
                fit(name, types[name], _flat(values))
    else:
        _finite(document)


def _fit_split(names: Sequence[Any], data: Any, types: Mapping[str, str]) -> None:
    if not isinstance(data, list) or not all(isinstance(row, list) and len(row) == len(names) for row in data):
        raise Unfit("the data are not rows as long as the list of columns")
    for place, name in enumerate(names):
        kind = types.get(name) if isinstance(name, str) else None
        if kind is not None:
            fit(name, kind, [row[place] for row in data])


def fit_tensor(name: str, shape: Sequence[int], data: Any, types: Mapping[str, str]) -> None:
    """Hold an input of the Open Inference Protocol against its own shape and its declared type.  Raises ``Unfit``."""
    values = _flat(data)
    if min(shape, default=0) < 0 or math.prod(shape) != len(values):
        raise Unfit(f"{name} has {len(values)} values, and the shape {[*shape][:8]}")
    if name in types:
        fit(name, types[name], values)


def fit(name: str, kind: str, values: Sequence[Any]) -> None:
    """Hold the values of one column against its declared type.  Raises ``Unfit``."""
    found = frozenset(map(type, values)) - _NOTHING
    if kind in _PLAIN:
        wanted = _PLAIN[kind]
    elif kind in WHOLE or kind in REAL:
        wanted = _NUMBERS
    else:
        return
    other = next(iter(found - wanted), None)
    if other is not None:
        raise Unfit(f"{name} is declared {kind}, and one of its values is of the type {_WORDS.get(other, 'unknown')}")
    if kind in WHOLE:
        _fit_whole(name, kind, values)
    elif kind in REAL:
        _fit_real(name, kind, values)


def _fit_whole(name: str, kind: str, values: Iterable[Any]) -> None:
    limit = 1 << WHOLE[kind]
    for value in values:
        if value is None:
            continue
        if isinstance(value, float) and not value.is_integer():
            raise Unfit(f"{name} is declared {kind}, and one of its values is no whole number")
        if not -limit <= value < limit:
            raise Unfit(f"{name} is declared {kind}, and one of its values is too large for it")


def _fit_real(name: str, kind: str, values: Iterable[Any]) -> None:
    limit = REAL[kind]
    for value in values:
        if value is not None and not -limit <= value <= limit:  # which NaN is not, either
            raise Unfit(f"{name} is declared {kind}, and one of its values is infinite, too large for it, or NaN")


def _flat(data: Any) -> list[Any]:
    """The values of lists in lists, by a stack of our own: the depth is the client's."""
    if not isinstance(data, list):
        return [data]
    if not any(isinstance(one, list) for one in data):
        return data
    found, waiting = [], [*reversed(data)]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting.extend(reversed(one))
        else:
            found.append(one)
    return found


def _finite(document: Any) -> None:
    """No number anywhere is infinite."""
    waiting = [document]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
        elif isinstance(one, float) and not math.isfinite(one):
            raise Unfit("one of the numbers is infinite")


_WORDS: Mapping[type, str] = {
    bool: "boolean",
    int: "number",
    float: "number",
    str: "text",
    bytes: "bytes",
    list: "list",
    dict: "object",
}
