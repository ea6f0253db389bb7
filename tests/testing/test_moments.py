from __future__ import annotations

import itertools
import math
import statistics
from fractions import Fraction

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_gitops.testing.data.digests import Digests, Run
from mlops_gitops.testing.data.moments import Dyadic, Moments
from mlops_gitops.testing.data.sketch import Sketch
from mlops_gitops.testing.engines import numbers

finite = st.floats(allow_nan=False, allow_infinity=False)
dyadics = st.builds(Dyadic.of, st.integers(-(2**200), 2**200), st.integers(-2200, 2200))
moments = st.builds(Moments, st.integers(0, 2**40), dyadics, dyadics)
sketches = st.builds(Sketch, st.integers(0, 2**64))


@pytest.mark.parametrize(("kind", "nothing"), [(moments, Moments()), (sketches, Sketch())])
def test_sums_are_a_commutative_monoid(kind: st.SearchStrategy[Moments], nothing: Moments) -> None:
    @settings(max_examples=60, deadline=None)
    @given(kind, kind, kind)
    def holds(a: Moments, b: Moments, c: Moments) -> None:
        assert a + b == b + a
        assert (a + b) + c == a + (b + c)
        assert a + nothing == a == nothing + a

    holds()


@settings(max_examples=60, deadline=None)
@given(dyadics)
def test_a_number_is_written_in_one_form_and_read_back(one: Dyadic) -> None:
    assert Dyadic.read(str(one)) == one
    assert one.mantissa % 2 == 1 or one == Dyadic()


@pytest.mark.parametrize("text", ["", "2p0", "1p", "p1", "01p0", "1p99999", "0p3", "1e5", "9" * 3000 + "p0", "1p0\n"])
def test_another_text_is_no_number(text: str) -> None:
    with pytest.raises(ValueError, match="no exact sum"):
        Dyadic.read(text)


def summed(values: list[float | None]) -> tuple[Moments | None, Moments]:
    """From the first pass, and in bands."""
    connection = duckdb.connect()
    connection.execute("CREATE TABLE t AS SELECT unnest(?::DOUBLE[]) AS v", [values])
    sums = numbers.Sums("v")
    asked = f"SELECT {', '.join(sums.aggregates())} FROM {numbers.layered('t', [sums.layers])}"  # noqa: S608
    count, found = sums.read(iter(connection.execute(asked).fetchall()[0]))
    return found, sums.of_bands(count, connection.execute(sums.banded("t")).fetchall())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.none() | st.floats(), max_size=30))
def test_the_engine_sums_exactly_whatever_the_numbers(values: list[float | None]) -> None:
    fast, banded = summed(values)
    exact = [Fraction(value) for value in values if value is not None and math.isfinite(value)]
    assert (banded.count, banded.sum.fraction) == (len(exact), sum(exact))
    assert banded.squares.fraction == sum(value * value for value in exact)
    assert fast in (None, banded)


EDGES = [5e-324, 2.2e-308, 1e-200, 1 / 3, 2.0**40, 1.7976931348623157e308]


@pytest.mark.parametrize(
    "value", [*EDGES, *(math.nextafter(2.0**n, side) for n in (-27, 39, 40) for side in (0, 1e99))]
)
def test_numbers_at_the_edges_of_the_windows_are_summed_exactly(value: float) -> None:
    fast, banded = summed([value, -value, value, 1.0])
    assert banded.sum.fraction == Fraction(value) + 1
    assert banded.squares.fraction == 3 * Fraction(value) ** 2 + 1
    assert (fast is not None) == (2.0**-27 <= value < 2.0**40)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=20))
def test_the_engine_sums_integers_exactly(values: list[int]) -> None:
    connection = duckdb.connect()
    connection.execute("CREATE TABLE t AS SELECT unnest(?::BIGINT[]) AS v", [values])
    row = connection.execute(f"SELECT {', '.join(numbers.whole_sums('v'))} FROM t").fetchall()[0]  # noqa: S608
    found = numbers.read_whole(iter(row))
    assert found.sum.fraction == sum(values)
    assert found.squares.fraction == sum(value * value for value in values)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20))
def test_mean_and_variance_are_the_nearest_doubles(values: list[float]) -> None:
    _, found = summed(values)
    exact = [Fraction(value) for value in values]
    assert found.mean == float(statistics.mean(exact))
    assert found.variance == float(statistics.variance(exact))


def test_what_no_double_holds_is_not_told() -> None:
    _, found = summed([1.7e308, -1.7e308])
    assert found.variance is None
    assert Moments().mean is None


def sketched(low: int, high: int) -> Sketch:
    query = f"SELECT CAST({numbers.sketch('v')} AS BLOB) FROM range({low}, {high}) t(v)"  # noqa: S608
    return numbers.read_sketch(duckdb.connect().execute(query).fetchall()[0][0])


@pytest.mark.parametrize("values", [0, 1, 2, 5, 100, 3_000, 200_000])
def test_distinct_values_are_estimated_within_a_tenth(values: int) -> None:
    assert sketched(0, values).distinct == pytest.approx(values, rel=0.1, abs=1)


def test_a_sketch_of_all_is_that_of_the_parts_and_survives_its_bytes() -> None:
    whole = sketched(0, 5000)
    assert sketched(0, 3000) + sketched(2000, 5000) == whole
    assert Sketch.read(bytes(whole)) == whole
    with pytest.raises(ValueError, match="6144 bytes"):
        Sketch.read(b"short")


runs = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2**90), st.integers(0, 2**120)), min_size=1, max_size=5)


@settings(max_examples=60, deadline=None)
@given(runs)
def test_digests_do_not_know_in_which_order_shards_were_counted(parts: list[tuple[int, int, int]]) -> None:
    found = [Digests("test-0", (Run(at, at + 1, *one),)) for at, one in enumerate(parts)]
    sums = {sum(order[1:], order[0]) for order in itertools.islice(itertools.permutations(found), 24)}
    assert len(sums) == 1
    assert next(iter(sums)).ordered is not None


def test_a_shard_that_is_missing_or_there_twice_is_seen() -> None:
    first, third = (Digests("test-0", (Run(at, at + 1, 1, 5, 0),)) for at in (0, 2))
    assert (first + third).ordered is None
    assert third.ordered is None
    with pytest.raises(ValueError, match="shard 2 is there twice"):
        third + third
    with pytest.raises(ValueError, match="do not merge"):
        first + Digests("test-1", third.runs)
