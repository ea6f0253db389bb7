"""Exact sums and sketches in SQL: what is asked of the engine, and how its answers become records.

A double ``x`` is cut at fixed powers of two into windows of ``WIDTH`` bits, each of which fits a 64-bit integer; the
engine adds integers in 128 bits, exactly and in any order.  The square has twice the digits: it is the sum of its
rounded value and the rounding error, both doubles and both exact (Dekker 1971, "A floating-point technique for
extending the available precision"), and these are cut likewise.  What does not fit, because it is too large or has
digits below the last window, is counted; such a column is added again in bands of ``BAND`` binary orders, each brought
near 1, where everything fits.  The sum is the same number either way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from mlops_gitops.testing.data.moments import Dyadic, Moments
from mlops_gitops.testing.data.sketch import BITS, BUCKETS, RANKS, Sketch

WIDTH = 62
"""Bits of a window: its integers are below 2**62."""
LARGEST = 40
"""Numbers below ``2**LARGEST`` are added in the first pass, and of these all from 2**-27 whatever their digits."""
BAND = 32
_SPLITTER = "134217729.0::DOUBLE"
_WINDOWS = (("x", LARGEST, 2), ("p", 2 * LARGEST, 3), ("e", 2 * LARGEST - 53, 3))
"""Of the number, its rounded square and the error of that: the binary order it lies below, and how many windows."""


class Sums:
    """The exact sums of one column of doubles, given as an SQL expression.

    Expressions that build on one another are ``layers``, each a projection of the one before, or the engine would
    work them out again for every aggregate that they are in.
    """

    def __init__(self, real: str, name: str = "exact ") -> None:
        self.real, self._name = real, name
        x, p, e, h, low = (self._at(one) for one in ("x", "p", "e", "h", "l"))
        fits = f"CASE WHEN isfinite({real}) AND abs({real}) < {2.0**LARGEST!r}::DOUBLE THEN {real} END"
        self.layers: list[dict[str, str]] = [{x: fits}, *_squared(x, p, e, h, low)]
        for part, below, windows in _WINDOWS:
            rest = f"{self._at(part)} * {2.0 ** (WIDTH - below)!r}::DOUBLE"
            for window in range(windows + 1):
                cut = self._at(f"{part}{window}")
                self.layers.append({cut: rest})
                rest = f"({cut} - trunc({cut})) * {2.0**WIDTH!r}::DOUBLE"
        first = len(self.layers) - sum(windows + 1 for _, _, windows in _WINDOWS)
        self.layers[first:] = _side_by_side(self.layers[first:])

    def _at(self, part: str) -> str:
        return quoted(f"{self._name}{part}")

    def aggregates(self) -> Iterator[str]:
        """Expressions in the order in which ``read`` takes their answers; each is over the finite numbers."""
        yield f"count(CASE WHEN isfinite({self.real}) THEN 1 END)"  # a FILTER costs several times as much
        yield f"count({self._at('x')})"
        yield from self._sums()
        left = (self._at(f"{part}{windows}") for part, _, windows in _WINDOWS)
        yield f"max({' + '.join(f'abs({one})' for one in left)})"

    def _sums(self) -> Iterator[str]:
        for part, _, windows in _WINDOWS:
            for window in range(windows):
                yield f"sum(CAST(trunc({self._at(f'{part}{window}')}) AS BIGINT))"

    @staticmethod
    def read(answers: Iterator[Any]) -> tuple[int, Moments | None]:
        """How many finite numbers there are, and their moments: ``None`` where ``banded`` has to be asked."""
        count, inside = int(next(answers)), int(next(answers))
        total, squares = _added(answers)
        left = next(answers)
        return count, Moments(count, total, squares) if count == inside and not left else None

    def banded(self, source: str) -> str:
        """The statement that always fits: a row for each band of binary orders."""
        band = f"CAST(floor(log2(abs({self.real})) / {BAND}) AS BIGINT)"
        finite = f"isfinite({self.real}) AND {self.real} <> 0"
        rows = f"SELECT {self.real} AS x, {band} AS band FROM {source} WHERE {finite}"  # noqa: S608 - made here
        half = f"pow(2.0, -{BAND // 2} * band)"
        near = Sums("y", self._name)
        inner = layered(f"(SELECT band, x * {half} * {half} AS y FROM ({rows}))", [near.layers])  # noqa: S608
        return f"SELECT band, {', '.join(near._sums())} FROM {inner} GROUP BY band"  # noqa: S608 - made here

    @staticmethod
    def of_bands(count: int, rows: Sequence[Sequence[Any]]) -> Moments:
        """The moments from the answer to ``banded``."""
        total, squares = Dyadic(), Dyadic()
        for band, *answers in rows:
            one, two = _added(iter(answers))
            total += Dyadic.of(one.mantissa, one.exponent + BAND * band)
            squares += Dyadic.of(two.mantissa, two.exponent + 2 * BAND * band)
        return Moments(count, total, squares)


def layered(source: str, columns: Sequence[Sequence[Mapping[str, str]]]) -> str:
    """``source`` with the layers of some columns, one projection for each depth."""
    for depth in range(max(map(len, columns), default=0)):
        added = ", ".join(
            f"{text} AS {name}" for layers in columns if depth < len(layers) for name, text in layers[depth].items()
        )
        source = f"(SELECT *, {added} FROM {source})"  # noqa: S608 - made here
    return source


def quoted(name: str) -> str:
    """A column name as SQL writes it, whatever characters it holds."""
    return '"' + name.replace('"', '""') + '"'


def _squared(x: str, p: str, e: str, h: str, low: str) -> list[dict[str, str]]:
    return [
        {h: f"{x} * {_SPLITTER} - ({x} * {_SPLITTER} - {x})", p: f"{x} * {x}"},
        {low: f"{x} - {h}"},
        {e: f"(({h} * {h} - {p}) + 2.0::DOUBLE * {h} * {low}) + {low} * {low}"},
    ]


def _side_by_side(layers: list[dict[str, str]]) -> list[dict[str, str]]:
    """The windows of all parts at once, instead of one part after the other."""
    chains: list[list[dict[str, str]]] = []
    for _, _, windows in _WINDOWS:
        chains.append(layers[: windows + 1])
        layers = layers[windows + 1 :]
    return [{name: text for one in depth if one for name, text in one.items()} for depth in zip_longest(*chains)]


def _added(answers: Iterator[Any]) -> tuple[Dyadic, Dyadic]:
    """The sums of the numbers and of their squares, from the sums in windows."""
    found = []
    for _, below, windows in _WINDOWS:
        total = Dyadic()
        for window in range(1, windows + 1):
            total += Dyadic.of(int(next(answers) or 0), below - WIDTH * window)
        found.append(total)
    return found[0], found[1] + found[2]


def whole_sums(column: str) -> Iterator[str]:
    """The aggregates of a column of integers of at most 64 bits: their halves' squares fit."""
    high, low = f"(CAST({column} AS BIGINT) >> 32)", f"(CAST({column} AS BIGINT) & 4294967295)"
    yield f"count({column})"
    yield f"sum(CAST({column} AS BIGINT))"
    yield f"sum({high} * {high})"
    yield f"sum({high} * {low})"
    yield f"sum(CAST({low} AS UBIGINT) * CAST({low} AS UBIGINT))"


def read_whole(answers: Iterator[Any]) -> Moments:
    """The moments from the answers to ``whole_sums``."""
    count, total, high, mixed, low = (int(next(answers) or 0) for _ in range(5))
    return Moments(count, Dyadic.of(total), Dyadic.of((high << 64) + (mixed << 33) + low))


def sketch(value: str) -> str:
    """The aggregate that sets the bit of each value."""
    hashed = f"hash({value})"
    rest = f"(CAST({hashed} >> {(BUCKETS - 1).bit_length()} AS BIGINT) | {1 << RANKS - 1})"
    rank = f"(bit_count(xor({rest}, {rest} - 1)) - 1)"
    bucket = f"CAST({hashed} & {BUCKETS - 1} AS BIGINT)"
    return f"bitstring_agg(CASE WHEN {value} IS NOT NULL THEN {bucket} * {RANKS} + {rank} END, 0, {BITS - 1})"


def read_sketch(answer: bytes | None) -> Sketch:
    """The sketch from that aggregate's answer as a blob; empty where there was no value."""
    return Sketch() if answer is None else Sketch.read(answer)
