"""Every tensor, and every number of the trees, of two artifacts side by side, within a tolerance of its own type.

Files are read as leaves (``contents``) and never held: two pieces are in memory at a time, for each of a few threads,
so memory stays the same however large a model is.  Numbers that may differ are told with their statistics; a text, a
truth value or a shape that differs is a ``problem``, and never within a tolerance.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeGuard, cast

import numpy as np
import numpy.typing as npt

from mlops_gitops.packaging import digests
from mlops_gitops.reproduction.contents.flats import Flat, stored
from mlops_gitops.reproduction.contents.leaves import Array, Leaf, Scalar, Unreadable
from mlops_gitops.reproduction.differences import Room, Tally, Tolerance, quiet, taken
from mlops_gitops.reproduction.levels import TensorComparison

PIECE = 262_144
"""Elements at a time: large enough that threads seldom wait for one another, small enough for the cache."""

_Numbers = npt.NDArray[Any]
_TYPICAL = {
    "float64": Tolerance(1e-9, 1e-12),
    "float32": Tolerance(1e-5, 1e-7),
    "float16": Tolerance(1e-2, 1e-3),
    "complex128": Tolerance(1e-9, 1e-12),
    "complex64": Tolerance(1e-5, 1e-7),
}
_SHORT = Tolerance(1e-2, 1e-3)
_WORTH_THREADS = 1 << 20
_MOST_SCALARS = 1_000
_LONGEST_TEXT = 60


@dataclass(frozen=True, slots=True)
class _Crew:
    """Threads, and a room for each."""

    pool: ThreadPoolExecutor
    rooms: list[Room]


def compare(
    left: Path,
    right: Path,
    *,
    names: Sequence[str],
    relative: float | None = None,
    absolute: float | None = None,
    workers: int = 2,
) -> tuple[TensorComparison, ...]:
    """Every tensor of the files ``names``, which are on both sides; and every other value that differs.

    ``relative`` and ``absolute`` stand for those of each type where they are given; whole numbers are always exact.
    A file that cannot be read is one row with a ``problem``.
    """
    from mlops_gitops.reproduction.contents import files

    found: list[TensorComparison] = []
    beside = _beside(left, names) & _beside(right, names)
    for name in names:
        if name in beside:
            continue
        inner = left.name if name == digests.SINGLE else name
        try:
            left_kind, left_leaves = files.read(left / name, inner)
            right_kind, right_leaves = files.read(right / name, inner)
            if left_kind != right_kind:
                found.append(_row("", inner, problem=f"is {left_kind} on the left and {right_kind} on the right"))
                continue
            found += of_leaves(
                left_leaves, right_leaves, file=inner, relative=relative, absolute=absolute, workers=workers
            )
        except Unreadable as error:
            found.append(_row("", inner, problem=f"cannot be read: {error}"))
    return tuple(found)


def _beside(folder: Path, names: Sequence[str]) -> frozenset[str]:
    """Files that are read as a part of another: what an ONNX model keeps outside itself."""
    from mlops_gitops.reproduction.contents import onnx

    found: set[str] = set()
    for name in names:
        if name.lower().endswith(".onnx"):
            try:
                found |= {str(PurePosixPath(name).parent / one) for one in onnx.beside(folder / name)}
            except Unreadable:
                continue  # it is told where the model itself is read
    return frozenset(found)


def of_leaves(
    left: Iterator[Leaf],
    right: Iterator[Leaf],
    *,
    file: str,
    relative: float | None = None,
    absolute: float | None = None,
    workers: int = 2,
) -> Iterator[TensorComparison]:
    """The rows of one file: each array, each other value that differs, each that one side lacks.  Noise is left out."""
    scalars = 0
    with ThreadPoolExecutor(max_workers=workers) as pool:
        crew = _Crew(pool, [{} for _ in range(workers)])
        for one, other in paired(left, right):
            row = _of_pair(one, other, file=file, crew=crew, chosen=(relative, absolute))
            if row is None:
                continue
            scalars += row.problem != "" or row.dtype in ("text", "int", "float", "complex", "bool")
            if scalars > _MOST_SCALARS:
                yield _row("", file, problem=f"differs in more than {_MOST_SCALARS} values: the first are told")
                return
            yield row


def paired(left: Iterator[Leaf], right: Iterator[Leaf]) -> Iterator[tuple[Leaf | None, Leaf | None]]:
    """Leaves of both sides by path; ``None`` where a side has none.  Only what is out of step is kept."""
    waiting: tuple[dict[str, list[Leaf]], dict[str, list[Leaf]]] = ({}, {})
    streams = (left, right)
    done = [False, False]
    while not all(done):
        fresh = [None if done[side] else next(streams[side], None) for side in (0, 1)]
        done = [done[side] or fresh[side] is None for side in (0, 1)]
        one, other = fresh
        if one is not None and other is not None and one.path == other.path and not _waits(waiting, one.path):
            yield one, other
            continue
        for side, leaf in enumerate(fresh):
            if leaf is None:
                continue
            across = waiting[1 - side].get(leaf.path)
            if across:
                match = across.pop(0)
                if not across:
                    del waiting[1 - side][leaf.path]
                yield (leaf, match) if side == 0 else (match, leaf)
            else:
                waiting[side].setdefault(leaf.path, []).append(leaf)
    yield from ((leaf, None) for leaves in waiting[0].values() for leaf in leaves)
    yield from ((None, leaf) for leaves in waiting[1].values() for leaf in leaves)


def _waits(waiting: tuple[dict[str, list[Leaf]], dict[str, list[Leaf]]], path: str) -> bool:
    return path in waiting[0] or path in waiting[1]


def _of_pair(
    left: Leaf | None,
    right: Leaf | None,
    *,
    file: str,
    crew: _Crew,
    chosen: tuple[float | None, float | None],
) -> TensorComparison | None:
    there = left or right
    if there is None or (left and left.noise) or (right and right.noise):
        return None
    if left is None or right is None:
        return _row(there.path, file, there.value, problem=f"is missing on the {'left' if left is None else 'right'}")
    one, other = left.value, right.value
    if not _is_array(one) and not _is_array(other):
        return _of_scalars(there.path, file, cast("Scalar", one), cast("Scalar", other), chosen=chosen)
    if not _is_array(one) or not _is_array(other):
        return _row(there.path, file, one, problem="is an array on one side only")
    if one.dtype != other.dtype:
        return _row(there.path, file, one, problem=f"has type {one.dtype} on the left and {other.dtype} on the right")
    if one.shape != other.shape:
        return _row(there.path, file, one, problem=f"has shape {one.shape} on the left and {other.shape} on the right")
    tally = _tallied(one, other, crew=crew, tolerance=_tolerance(one.dtype, chosen))
    return _told(there.path, file, one, tally)


def _told(path: str, file: str, array: Array, tally: Tally) -> TensorComparison:
    problem = "is no number (NaN) on one side only" if tally.nan else ""
    problem = problem or ("is infinite on one side only" if tally.infinite else "")
    where = None if tally.where is None else tuple(int(axis) for axis in np.unravel_index(tally.where, array.shape))
    return TensorComparison(
        name=path, file=file, dtype=array.dtype, shape=tuple(array.shape), count=math.prod(array.shape),
        differing=tally.differing, absolute=tally.absolute, relative=tally.relative, ulp=tally.ulp, where=where,
        within=not tally.beyond and not problem, problem=problem,
    )  # fmt: skip


def _tallied(left: Array, right: Array, *, crew: _Crew, tolerance: Tolerance) -> Tally:
    """Threads take turns at the pieces, and reckon side by side: numpy lets go of the interpreter meanwhile."""
    turn = threading.Lock()
    pieces = _together(left, right)
    starts = iter(range(0, math.prod(left.shape), PIECE))

    def work(room: Room) -> Tally:
        tally = Tally(tolerance, left.dtype == "bfloat16", not left.dtype.startswith("float8"), room=room)
        with quiet():
            if isinstance(left, Flat) and isinstance(right, Flat):
                _in_place(left, right, starts, tally)
            else:
                while True:
                    with turn:
                        piece = next(pieces, None)
                    if piece is None:
                        break
                    tally.add(*piece)
        return tally

    if math.prod(left.shape) < _WORTH_THREADS:
        return work(crew.rooms[0])
    first, *others = crew.pool.map(work, crew.rooms)
    for other in others:
        first.merge(other)
    return first


def _in_place(left: Flat, right: Flat, starts: Iterator[int], tally: Tally) -> None:
    """Read each piece into the same room, which thereby stays in the cache of the core."""
    count, kind = math.prod(left.shape), stored(left.dtype)
    for start in starts:
        length = min(PIECE, count - start)
        one, other = (taken(tally.room, side, kind, length) for side in ("left", "right"))
        tally.add(left.part(start, one), right.part(start, other), start)


def _together(left: Array, right: Array) -> Iterator[tuple[_Numbers, _Numbers, int]]:
    """Pieces of equal length with the flat index of their first element, however each side is cut."""
    start = 0
    rights = right.chunks(PIECE)
    rest: _Numbers = np.empty(0)
    for piece in left.chunks(PIECE):
        one = piece
        while len(one):
            if not len(rest):
                rest = next(rights, rest)
                if not len(rest):
                    raise Unreadable("an array ends before its shape does")
            length = min(len(one), len(rest))
            yield one[:length], rest[:length], start
            start, one, rest = start + length, one[length:], rest[length:]


def _of_scalars(
    path: str, file: str, left: Scalar, right: Scalar, *, chosen: tuple[float | None, float | None]
) -> TensorComparison | None:
    if type(left) is not type(right):
        return _row(path, file, left, problem=f"is {_shown(left)} on the left and {_shown(right)} on the right")
    if left == right or (left != left and right != right):  # noqa: PLR0124 - NaN is what differs from itself
        return None
    if not isinstance(left, float | complex) or not isinstance(right, float | complex) or isinstance(left, int):
        return _row(path, file, left, problem=f"is {_shown(left)} on the left and {_shown(right)} on the right")
    tally = Tally(_tolerance("float64", chosen))
    with quiet():
        tally.add(np.array([left]), np.array([right]), 0)
    problem = f"is {_shown(left)} on the left and {_shown(right)} on the right" if tally.nan or tally.infinite else ""
    return TensorComparison(
        name=path, file=file, dtype=type(left).__name__, shape=(), count=1, differing=1, absolute=tally.absolute,
        relative=tally.relative, ulp=tally.ulp, where=None, within=not tally.beyond and not problem, problem=problem,
    )  # fmt: skip


def _tolerance(dtype: str, chosen: tuple[float | None, float | None]) -> Tolerance:
    own = _TYPICAL.get(dtype) or (_SHORT if dtype.startswith(("bfloat", "float8")) else _TYPICAL["float64"])
    relative, absolute = chosen
    return Tolerance(
        own.relative if relative is None else relative,
        own.absolute if absolute is None else absolute,
    )


def _is_array(value: Scalar | Array) -> TypeGuard[Array]:
    return hasattr(value, "chunks")


def _row(path: str, file: str, value: object = "", *, problem: str) -> TensorComparison:
    shape = tuple(getattr(value, "shape", ()))
    dtype = getattr(value, "dtype", None) or ("text" if isinstance(value, str) else type(value).__name__)
    count = math.prod(shape)
    return TensorComparison(
        name=path, file=file, dtype=str(dtype), shape=shape, count=count, differing=count, within=False, problem=problem
    )


def _shown(value: object) -> str:
    text = ascii(value) if isinstance(value, str | bytes) else str(value)
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"
