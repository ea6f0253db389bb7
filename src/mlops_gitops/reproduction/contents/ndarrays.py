"""What NumPy writes into pickles: arrays, types and single numbers, folded from the calls that would make them."""

from __future__ import annotations

import ast
import re
import struct

import numpy as np

from mlops_gitops.packaging.scan.values import Global
from mlops_gitops.reproduction.contents import sources
from mlops_gitops.reproduction.contents.graphs import Blob, Keyed, Listed, Made, Value, build
from mlops_gitops.reproduction.contents.leaves import Unreadable
from mlops_gitops.reproduction.contents.sources import Source, Stored

MAGIC = b"\x93NUMPY"
_CORE = ("numpy._core", "numpy.core")
_BYTES = ("__builtin__.bytes", "builtins.bytes", "__builtin__.bytearray", "builtins.bytearray")
_LONGEST_HEADER = 65_536
_DEEPEST = 8
_PLAIN = re.compile(r"[<>=|]?[?biufcmMSUVO]\d{0,9}(\[\d{0,6}\w{1,3}\])?")


def fold(made: Made) -> Value:
    """The array, type name or list that a NumPy call stands for, or ``made`` itself where it is no such call."""
    name = str(made.maker) if isinstance(made.maker, Global) else ""
    if name == "numpy.dtype":
        return f"dtype {dtype(made).descr if dtype(made).names else dtype(made).str}"
    for core in _CORE:
        if name == f"{core}.multiarray._reconstruct":
            return _reconstructed(made)
        if name == f"{core}.multiarray.scalar" and isinstance(made.args, tuple) and len(made.args) == 2:  # noqa: PLR2004
            return _filled(made.args[1], dtype(made.args[0]), (), fortran=False)
        if name == f"{core}.numeric._frombuffer" and isinstance(made.args, tuple) and len(made.args) == 4:  # noqa: PLR2004
            data, kind, shape, order = made.args
            return _filled(data, dtype(kind), shape, fortran=order == "F")
    if name == "_codecs.encode" and isinstance(made.args, tuple) and len(made.args) == 2:  # noqa: PLR2004
        text, coding = made.args
        if isinstance(text, str) and coding in ("latin1", "latin-1"):
            return _latin(text)
    if name in _BYTES and made.args == ():
        return b""  # as protocol 2 writes no bytes
    return made


def _latin(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError as error:
        raise Unreadable("bytes are written as a text that holds others") from error


def _reconstructed(made: Made) -> Value:
    state = made.states[0] if len(made.states) == 1 else None
    if not isinstance(state, tuple) or len(state) != 5:  # noqa: PLR2004 - what ndarray.__setstate__ takes
        return made
    _, shape, kind, fortran, data = state
    if isinstance(data, Listed):
        return Listed(f"array of objects {shape}{' F' if fortran else ''}", data.items)
    return _filled(data, dtype(kind), shape, fortran=bool(fortran))


def _filled(data: Value, kind: np.dtype[np.generic], shape: Value, *, fortran: bool) -> Value:
    folded = fold(data) if isinstance(data, Made) else data
    if isinstance(folded, Made) and str(folded.maker) in _BYTES:
        folded = folded.args[0] if isinstance(folded.args, tuple) and folded.args else b""
    if not isinstance(shape, tuple):
        raise Unreadable("an array has a shape that cannot be resolved")
    if isinstance(folded, Blob):
        source, offset, size = folded.source, folded.offset, folded.size
    elif isinstance(folded, bytes | bytearray):
        source, offset, size = sources.of_bytes(bytes(folded)), 0, len(folded)
    else:
        raise Unreadable("an array has bytes that cannot be resolved")
    found = sources.stored(source, offset, kind, shape, fortran=fortran)
    if int(np.prod(shape, dtype=object)) * kind.itemsize != size:
        raise Unreadable("an array has more bytes than its shape says")
    return found


def wrapped(source: Source, wrapper: Made) -> Value:
    """The array after joblib's wrapper; the stream is left behind its bytes."""
    state = wrapper.states[0] if wrapper.states else None
    fields = {key: value for key, value in state.pairs if isinstance(key, str)} if isinstance(state, Keyed) else {}
    kind, shape, here = dtype(fields.get("dtype")), fields.get("shape"), source.stream.tell()
    if kind.hasobject:
        value, end = build(source, start=here)
        source.stream.seek(end)
        return value
    if fields.get("numpy_array_alignment_bytes") is not None:
        here += 1 + source.read(here, 1)[0]
    if not isinstance(shape, tuple):
        raise Unreadable("an array has a shape that cannot be resolved")
    found = sources.stored(source, here, kind, shape, fortran=fields.get("order") == "F")
    source.stream.seek(here + int(np.prod(shape, dtype=object)) * kind.itemsize)
    return found


def dtype(value: Value, depth: int = 0) -> np.dtype[np.generic]:
    """The type that a pickle describes."""
    if not isinstance(value, Made) or str(value.maker) != "numpy.dtype" or depth > _DEEPEST:
        raise Unreadable("an array has a type that cannot be resolved")
    state = value.states[0] if value.states and isinstance(value.states[0], tuple) else ()
    text = value.args[0] if isinstance(value.args, tuple) and value.args else None
    if not isinstance(text, str) or _PLAIN.fullmatch(text) is None:
        raise Unreadable("an array has a type that cannot be resolved")
    try:
        return _described(text, state, depth)
    except (TypeError, ValueError, KeyError, IndexError, OverflowError) as error:
        raise Unreadable(f"an array has a type that cannot be resolved: {str(error)[:80]}") from error


def _described(text: str, state: tuple[Value, ...], depth: int) -> np.dtype[np.generic]:
    if len(state) < 5:  # noqa: PLR2004 - a type without a state is in this machine's order
        return np.dtype(text)
    order, part, names, fields = state[1:5]
    if isinstance(part, tuple):
        return np.dtype((dtype(part[0], depth + 1), part[1]))
    if names is not None:
        by_name = {key: entry for key, entry in fields.pairs if isinstance(key, str)}
        return np.dtype(
            {
                "names": list(names),
                "formats": [dtype(by_name[name][0], depth + 1) for name in names],
                "offsets": [by_name[name][1] for name in names],
                "itemsize": state[5],
            }
        )
    found = np.dtype(text)
    if found.kind in "mM" and len(state) > 8 and isinstance(state[8], tuple):  # noqa: PLR2004 - its unit comes last
        unit = state[8][-1] if isinstance(state[8][-1], tuple) else state[8]
        first = fold(unit[0]) if isinstance(unit[0], Made) else unit[0]
        name = first.decode() if isinstance(first, bytes) else str(first)
        found = np.dtype(f"{found.kind}8[{unit[1]}{name}]")
    return found.newbyteorder(order) if order in ("<", ">") else found


def of_npy(source: Source) -> Stored:
    """The array in a ``.npy`` file.  Arrays of objects are refused: they are a pickle."""
    preamble = source.read(0, 8)
    form = {1: "<H", 2: "<I", 3: "<I"}.get(preamble[6])
    if form is None or not preamble.startswith(MAGIC):
        raise Unreadable("it is no NumPy array of a known version")
    at = 8 + struct.calcsize(form)
    (length,) = struct.unpack(form, source.read(8, at - 8))
    if length > _LONGEST_HEADER:
        raise Unreadable("its header is too long")
    try:
        header = ast.literal_eval(source.read(at, length).decode("utf-8" if preamble[6] > 2 else "latin-1").strip())  # noqa: PLR2004
        kind = np.lib.format.descr_to_dtype(header["descr"])
        shape, fortran = header["shape"], header["fortran_order"]
    except (ValueError, SyntaxError, TypeError, KeyError, RecursionError, MemoryError) as error:
        raise Unreadable(f"its header cannot be read: {str(error)[:80]}") from error
    if kind.hasobject or not isinstance(shape, tuple):
        raise Unreadable("it holds an array of Python objects, which is a pickle")
    return sources.stored(source, at + length, kind, shape, fortran=fortran is True)
