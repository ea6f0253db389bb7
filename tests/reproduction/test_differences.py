from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mlops_gitops.reproduction.differences import Tally, Tolerance, quiet

EXACT = Tolerance(0.0, 0.0)
WIDE = {"float16": np.int16, "float32": np.int32, "float64": np.int64}


def tallied(
    left: np.ndarray, right: np.ndarray, *, piece: int = 7, tolerance: Tolerance = EXACT, **told: bool
) -> Tally:
    tally = Tally(tolerance, **told)
    with quiet():
        for start in range(0, len(left), piece):
            tally.add(left[start : start + piece], right[start : start + piece], start)
    return tally


def place(value: np.generic) -> int:
    """Where a float stands among all floats of its type, counted from zero: slow and plain."""
    bits = int(np.asarray(value).view(WIDE[value.dtype.name]))
    return bits if bits >= 0 else -(bits + (1 << (8 * value.dtype.itemsize - 1)))


def pairs(kind: str) -> st.SearchStrategy[tuple[np.ndarray, np.ndarray]]:
    count = st.integers(1, 30)
    elements = arrays.from_dtype(np.dtype(kind))
    near = st.integers(-3, 3)

    def both(size: int) -> st.SearchStrategy[tuple[np.ndarray, np.ndarray]]:
        one = arrays.arrays(kind, size, elements=elements)
        other = arrays.arrays(kind, size, elements=elements)
        steps = arrays.arrays(np.int8, size, elements=near)
        beside = st.tuples(one, steps).map(lambda drawn: (drawn[0], stepped(*drawn)))
        return st.one_of(beside, st.tuples(one, other))

    return count.flatmap(both)


def stepped(values: np.ndarray, steps: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        found = values.copy()
        for _ in range(3):
            found = np.where(steps > 0, np.nextafter(found, found.dtype.type(np.inf)), found)
            found = np.where(steps < 0, np.nextafter(found, found.dtype.type(-np.inf)), found)
            steps = steps - np.sign(steps)
    return found


@pytest.mark.parametrize("kind", sorted(WIDE))
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_one_pass_says_what_a_slow_walk_says(kind: str, data: st.DataObject) -> None:
    left, right = data.draw(pairs(kind))
    tolerance = Tolerance(data.draw(st.sampled_from([0.0, 1e-3, 0.5])), data.draw(st.sampled_from([0.0, 1e-3])))
    walked(left, right, tolerance)


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_half_of_the_smallest_numbers_is_no_number_of_their_type(kind: str) -> None:
    """Found once by chance: rounded to the type, half of three units would be two, and two apart would be within."""
    unit = np.finfo(kind).smallest_subnormal
    left, right = np.array([0, unit], kind), np.array([0, 3 * unit], kind)
    walked(left, right, Tolerance(0.5, 0.0))
    if kind == "float32":
        assert (left[1], right[1]) == (np.float32(1e-45), np.float32(4e-45))
        assert tallied(left, right, tolerance=Tolerance(0.5, 0.0)).beyond


def walked(left: np.ndarray, right: np.ndarray, tolerance: Tolerance) -> None:
    """One pass says what a slow walk in wider numbers says."""
    found = tallied(left, right, tolerance=tolerance)
    finite = [
        (index, one, other)
        for index, (one, other) in enumerate(zip(left, right, strict=True))
        if np.isfinite(one) and np.isfinite(other) and one != other
    ]
    unequal = (left != right) & ~(np.isnan(left) & np.isnan(right))
    assert found.differing == np.count_nonzero(unequal)
    assert found.nan == any(np.isnan(one) != np.isnan(other) for one, other in zip(left, right, strict=True))
    assert found.ulp == max((abs(place(one) - place(other)) for _, one, other in finite), default=0)
    exact = [abs(np.longdouble(one) - np.longdouble(other)) for _, one, other in finite]
    assert found.absolute == pytest.approx(min(float(max(exact, default=0.0)), np.finfo("f8").max), rel=1e-3)
    if finite:
        assert found.where is not None
        there = abs(np.longdouble(left[found.where]) - np.longdouble(right[found.where]))
        assert there == pytest.approx(max(exact), rel=1e-6)
    slack = 1 + 4 * float(np.finfo(left.dtype).eps)
    limits = [
        tolerance.absolute + np.longdouble(tolerance.relative) * abs(np.longdouble(other)) for _, _, other in finite
    ]
    if any(apart > limit * slack for apart, limit in zip(exact, limits, strict=True)):
        assert found.beyond
    if all(apart * slack <= limit for apart, limit in zip(exact, limits, strict=True)):
        assert not found.beyond


@settings(max_examples=100, deadline=None)
@given(
    bits=arrays.arrays(np.uint16, 20, elements=st.integers(0, 0x7F7F)),
    steps=arrays.arrays(np.int8, 20, elements=st.integers(-3, 3)),
)
def test_units_of_bfloat16_are_its_own(bits: np.ndarray, steps: np.ndarray) -> None:
    other = np.clip(bits.astype(np.int32) + steps, 0, 0x7F7F).astype(np.uint32)
    left, right = (bits.astype(np.uint32) << 16).view(np.float32), (other << 16).view(np.float32)
    found = tallied(left, right, bfloat16=True)
    assert found.ulp == int(np.abs(bits.astype(np.int64) - other.astype(np.int64)).max())


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_a_difference_that_no_number_holds_is_the_largest_number(kind: str) -> None:
    top = np.finfo(kind).max
    found = tallied(np.array([top, 1.0], kind), np.array([-top, 1.0], kind))
    assert math.isfinite(found.absolute)
    assert (found.where, found.differing, found.beyond, found.infinite) == (0, 1, True, False)


def test_zeros_of_both_signs_are_equal() -> None:
    found = tallied(np.array([0.0, -0.0], "f4"), np.array([-0.0, 0.0], "f4"))
    assert (found.differing, found.ulp, found.beyond) == (0, 0, False)


def test_what_differs_from_zero_differs_wholly() -> None:
    assert tallied(np.array([1e-9]), np.array([0.0]), tolerance=Tolerance(0.5, 0.0)).relative == 1.0
    assert tallied(np.array([1e-9]), np.array([0.0]), tolerance=Tolerance(0.5, 0.0)).beyond
    assert not tallied(np.array([1e-9]), np.array([0.0]), tolerance=Tolerance(0.0, 1e-8)).beyond


@pytest.mark.parametrize("kind", ["int8", "uint64", "bool", "complex64", "U3", "S2", "datetime64[s]", "V3"])
def test_whatever_numpy_holds_can_be_counted(kind: str) -> None:
    left = np.array([0, 1, 0, 1]).astype("S3" if kind == "V3" else kind if kind != "datetime64[s]" else "i8")
    left = left.view(kind) if kind in ("V3", "datetime64[s]") else left
    right = left.copy()
    assert tallied(left, right).differing == 0
    right[2] = left[1]
    found = tallied(left, right, piece=2)
    assert (found.differing, found.beyond, found.where) == (1, True, 2)


def test_what_several_threads_saw_is_put_together() -> None:
    left = np.zeros(40, "f4")
    right = left.copy()
    right[[3, 30, 35]] = 1, 2, 2
    one, other = tallied(left[:20], right[:20]), Tally(Tolerance(0.0, 0.0))
    with quiet():
        other.add(left[20:], right[20:], 20)
    other.merge(one)
    assert (other.differing, other.absolute, other.where, other.beyond) == (3, 2.0, 30, True)
