"""Pickles, plain or as joblib writes them, as leaves: the graph of objects walked in an order of its own.

Neither protocol, framing nor the order of the memo shows.  Attributes come sorted by name, as the order in which they
were set means nothing; the members of a set come sorted; lists, tuples and dictionaries keep their order, which code
can see.  An object that was met before is told by the path where it was met first, so that cycles end and shared
objects cost nothing.  Sets of objects other than numbers, texts and tuples of these keep the order of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from mlops_gitops.packaging.scan.values import Global
from mlops_gitops.reproduction.contents import lightgbm, ndarrays, noise, sources, xgboost
from mlops_gitops.reproduction.contents.graphs import Blob, Keyed, Listed, Made, Persistent, Value, build
from mlops_gitops.reproduction.contents.leaves import Leaf, Unreadable
from mlops_gitops.reproduction.contents.sources import Source, Stored

Fold = Callable[[Made], Value]
"""What a call stands for where a reader knows it; the call itself where it does not."""

_SCALARS = (type(None), bool, int, float, complex, str, bytes)
_SUFFIXES = (".pkl", ".pickle", ".joblib", ".jl", ".sav", ".p", ".dill")
_MOST_STEPS = 50_000_000
_DEEPEST = 500
_LONGEST_KEY = 120
_NUMBERS = 8
_FLAT = 64
_HEAD = 4096
_LONGEST_BOOSTER = 1 << 30
_BYTE = np.dtype("u1")


def recognises(head: bytes, name: str) -> bool:
    """Whether a file that starts so says that it is a pickle."""
    return (head[:1] == b"\x80" and b"\0" < head[1:2] <= b"\x05") or name.lower().endswith(_SUFFIXES)


def read(path: Path) -> Iterator[Leaf]:
    """The leaves of the pickle at ``path``."""
    return of_source(sources.at(path))


def of_source(
    source: Source, *, persistent: Persistent | None = None, fold: Fold = ndarrays.fold, root: str = ""
) -> Iterator[Leaf]:
    """The leaves of a pickle; whatever follows its end is told as raw bytes."""
    value, end = build(source, persistent=persistent, after=ndarrays.wrapped)
    yield from walk(value, fold=fold, root=root)
    if end < source.size:
        yield Leaf("(after the end of the pickle)", Stored(source, end, _BYTE, (source.size - end,)))


def walk(value: Value, *, fold: Fold = ndarrays.fold, root: str = "") -> Iterator[Leaf]:
    """Every leaf below ``value``, which ``graphs.build`` returned.

    ``fold`` may answer with a scalar, a tuple, a node of the graph, or an ``Array``.
    """
    seen: dict[int, str] = {}
    kept: list[Value] = []  # what was folded must live as long as its identity counts
    pending: list[tuple[str, object, Value, int]] = [(root, None, value, 0)]
    for _ in range(_MOST_STEPS):
        if not pending:
            return
        path, name, found, depth = pending.pop()
        if depth > _DEEPEST:
            raise Unreadable(f"its objects are nested more than {_DEEPEST} deep")
        if not isinstance(found, (*_SCALARS, Global, bytearray)) and not _flat(found):
            if id(found) in seen:
                yield Leaf(path or "(root)", f"the same as {seen[id(found)] or '(root)'}")
                continue
            seen[id(found)] = path
        if isinstance(found, Made):
            found = fold(found)
            kept.append(found)
        if isinstance(found, Made | Keyed | Listed | tuple):
            below, told = _opened(path, found)
            kept.append(below)
            yield from told
            pending.extend((*entry, depth + 1) for entry in reversed(below))
        else:
            yield from _leaf(path or "(root)", name, found)
    raise Unreadable(f"it has more than {_MOST_STEPS} values")


def _flat(value: Value) -> bool:
    """Whether ``value`` is a short tuple of plain values, which nothing can tell from an equal one."""
    return (
        isinstance(value, tuple) and len(value) <= _FLAT and all(isinstance(one, (*_SCALARS, Global)) for one in value)
    )


def _leaf(path: str, name: object, value: Value) -> Iterator[Leaf]:
    if (booster := _booster(value)) is not None:
        for leaf in booster:
            yield Leaf(f"{path}.{leaf.path}", leaf.value, leaf.noise)
    elif isinstance(value, Stored):
        yield from sources.leaves(path, value)
    elif isinstance(value, Blob):
        yield Leaf(path, Stored(value.source, value.offset, _BYTE, (value.size,)))
    elif isinstance(value, Global):
        yield Leaf(path, f"name {value}")
    elif isinstance(value, bytearray):
        yield Leaf(path, bytes(value))
    else:
        yield Leaf(path, value, noise.of_setting(name, value))


def _booster(value: Value) -> Iterator[Leaf] | None:
    """The leaves of a model of XGBoost or LightGBM, which their estimators hold as one long text."""
    if isinstance(value, str):
        return lightgbm.of_text(value) if lightgbm.recognises(value[:_HEAD].encode("utf-8", "replace"), "") else None
    if isinstance(value, Blob) and value.size <= _LONGEST_BOOSTER:
        if xgboost.recognises(value.source.read(value.offset, min(_HEAD, value.size)), ""):
            return xgboost.of_bytes(value.source.read(value.offset, value.size))
    elif isinstance(value, bytes | bytearray) and xgboost.recognises(bytes(value[:_HEAD]), ""):
        return xgboost.of_bytes(bytes(value))
    return None


Below = list[tuple[str, object, Value]]


def _opened(path: str, value: Made | Keyed | Listed | tuple[Value, ...]) -> tuple[Below, list[Leaf]]:
    """What lies below a node, in order, and what is told of the node itself."""
    if isinstance(value, Made):
        return _made(path, value)
    if isinstance(value, Keyed):
        return _entries(path, value.pairs), [Leaf(f"{path}.__class__", f"dict of {len(value.pairs)}")]
    kind, items = ("tuple", list(value)) if isinstance(value, tuple) else (value.kind, value.items)
    told = [Leaf(f"{path}.__class__", f"{kind} of {len(items)}")]
    if kind in ("set", "frozenset"):
        items = _ordered(items)
    if len(items) >= _NUMBERS and (numbers := _numbers(items)) is not None:
        return [(path, None, numbers)], told
    return [(f"{path}[{index}]", None, one) for index, one in enumerate(items)], told


def _made(path: str, made: Made) -> tuple[Below, list[Leaf]]:
    below: Below = []
    told = []
    if isinstance(made.maker, Global):
        told.append(Leaf(f"{path}.__class__", str(made.maker)))
    else:
        below.append((f"{path}.__class__", None, made.maker))
    if made.args != ():
        below.append((f"{path}.__args__", None, made.args))
    if made.keywords is not None:
        below.append((f"{path}.__keywords__", None, made.keywords))
    for state in made.states:
        parts = state if isinstance(state, tuple) and len(state) == 2 else (state,)  # noqa: PLR2004 - dict and slots
        if all(part is None or _attributes(part) for part in parts):
            pairs = [pair for part in parts if part is not None for pair in part.pairs]
            below += [(f"{path}.{key}" if path else key, key, one) for key, one in sorted(pairs, key=_name)]
        else:
            below.append((f"{path}.__state__", None, state))
    below += [(f"{path}[{index}]", None, one) for index, one in enumerate(made.items)]
    return below + _entries(path, made.pairs), told


def _name(pair: tuple[Value, Value]) -> str:
    return str(pair[0])


def _attributes(value: Value) -> bool:
    return isinstance(value, Keyed) and all(isinstance(key, str) and len(key) < _LONGEST_KEY for key, _ in value.pairs)


def _entries(path: str, pairs: list[tuple[Value, Value]]) -> Below:
    below: Below = []
    for index, (key, value) in enumerate(pairs):
        if isinstance(key, _SCALARS) and (shown := _shown(key)) is not None:
            below.append((f"{path}[{shown}]", key, value))
        else:
            below += [(f"{path}.key[{index}]", None, key), (f"{path}.value[{index}]", None, value)]
    return below


def _shown(key: Value) -> str | None:
    if isinstance(key, str | bytes):
        return repr(key) if len(key) < _LONGEST_KEY else None
    return None if isinstance(key, int) and key.bit_length() > _LONGEST_KEY else repr(key)


def _ordered(items: list[Value]) -> list[Value]:
    """The members of a set, in an order that does not depend on how they were hashed."""
    if not all(isinstance(one, (*_SCALARS, Global)) or _flat(one) for one in items):
        return items
    try:
        return sorted(items, key=lambda one: (type(one).__name__, repr(one)))
    except ValueError as error:  # a number of too many digits
        raise Unreadable(f"a set cannot be ordered: {error}") from error


def _numbers(items: list[Value]) -> Stored | None:
    """A list of whole numbers, or of floating-point numbers, as the array that it could be."""
    kind = type(items[0])
    if kind not in (int, float) or any(type(one) is not kind for one in items):
        return None
    try:
        array = np.array(items, dtype=np.int64 if kind is int else np.float64)
    except OverflowError:
        return None
    return Stored(sources.of_bytes(array.tobytes()), 0, array.dtype, array.shape)
