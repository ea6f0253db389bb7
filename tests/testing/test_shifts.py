"""How far two columns are apart, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.testing.data.bounds import Side
from mlops_gitops.testing.data.designs import design_effect, design_effect_of_categories, stretches
from mlops_gitops.testing.data.profile import Category, Column, Histogram
from mlops_gitops.testing.data.reference import hash_of
from mlops_gitops.testing.data.shifts import (
    Errors,
    Incomparable,
    Sample,
    Shift,
    of_absence,
    of_values,
    shares,
)

EDGES = tuple(np.linspace(-3, 3, 63).tolist())
ERRORS = Errors(of_fail=0.05, of_pass=0.05)


def numbers(values: np.ndarray, *, missing: int = 0, design: float = 1.0, freedom: int | None = None) -> Sample:
    counts = np.bincount(np.searchsorted(EDGES, values, side="left"), minlength=len(EDGES) + 1)
    column = Column("x", "double", nulls=missing, histogram=Histogram(EDGES, tuple(map(int, counts))))
    return Sample(column, len(values) + missing, design, freedom)


def words(counts: dict[str, int], others: int = 0) -> Sample:
    kept = tuple(sorted(Category(hash_of(name), name, count) for name, count in counts.items()))
    return Sample(Column("x", "string", nulls=0, categories=kept, others=others), sum(counts.values()) + others)


def test_d_is_that_of_scipy_where_both_see_the_same_values() -> None:
    random = np.random.default_rng(0)
    before, after = (np.array(EDGES)[random.integers(0, n, 4000)] for n in (63, 50))
    found = of_values(numbers(before), numbers(after), errors=ERRORS)
    assert found.effect == pytest.approx(stats.ks_2samp(before, after).statistic)
    assert found.measure == "D"


def test_the_width_is_kolmogorovs() -> None:
    found = of_values(numbers(np.zeros(1000)), numbers(np.zeros(500)), errors=ERRORS)
    exact = stats.kstwobign.isf(0.05) * math.sqrt(1 / 1000 + 1 / 500)
    assert found.upper == pytest.approx(exact, rel=1e-3)
    assert (found.effect, found.lower) == (0, 0)


@pytest.mark.parametrize("apart", [0.0, 0.2, 1.0])
def test_the_true_change_of_numbers_is_within_the_bounds(apart: float) -> None:
    """In 400 simulations of unequal samples each bound is missed no more often than it may be."""
    random = np.random.default_rng(1)
    grid = np.array(EDGES)
    true = float(np.max(np.abs(stats.norm.cdf(grid) - stats.norm.cdf(grid, loc=apart))))
    found = [
        of_values(numbers(random.normal(size=900)), numbers(random.normal(apart, size=300)), errors=ERRORS)
        for _ in range(400)
    ]
    assert np.mean([one.lower > true for one in found]) <= 0.05
    assert np.mean([one.upper < true for one in found]) <= 0.05


@pytest.mark.parametrize("apart", [0.0, 0.1, 0.3])
def test_the_true_change_of_categories_is_within_the_bounds(apart: float) -> None:
    random = np.random.default_rng(2)
    before = np.full(20, 1 / 20)
    after = before + np.where(np.arange(20) < 10, apart, -apart) / 20
    true = float(np.abs(before - after).sum() / 2)

    def drawn(chances: np.ndarray, rows: int) -> Sample:
        return words({f"c{at}": int(count) for at, count in enumerate(random.multinomial(rows, chances))})

    found = [of_values(drawn(before, 900), drawn(after, 300), errors=ERRORS) for _ in range(400)]
    assert np.mean([one.lower > true for one in found]) <= 0.05
    assert np.mean([one.upper < true for one in found]) <= 0.05


def test_three_answers_and_the_rows_that_would_decide() -> None:
    random = np.random.default_rng(3)
    large, moved = random.normal(size=100_000), random.normal(0.4, size=100_000)
    same = of_values(numbers(large), numbers(random.normal(size=5000)), errors=ERRORS)
    far = of_values(numbers(large), numbers(moved[:5000]), errors=ERRORS)
    few = of_values(numbers(large), numbers(moved[:200]), errors=ERRORS)
    assert [one.judged(0.1) for one in (same, far, few)] == [Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE]
    needed = few.rows_to_decide(0.1, errors=ERRORS)
    assert needed is not None
    assert 200 < needed < 5000
    enough = of_values(numbers(large), numbers(np.tile(moved[:200], math.ceil(needed / 200))), errors=ERRORS)
    assert enough.judged(0.1) is Verdict.FAIL


@pytest.mark.parametrize(("moved", "few", "least"), [(0.0, 300, 0.85), (0.45, 300, 0.85)])
def test_as_many_fresh_rows_as_are_told_decide(moved: float, few: int, least: float) -> None:
    """By the bound alone, without what chance makes of the next sample, seven in ten did."""
    random = np.random.default_rng(5)
    before = numbers(random.normal(size=20_000))

    def found(rows: int) -> Shift:
        return of_values(before, numbers(random.normal(moved, size=rows)), errors=ERRORS)

    told = [one for one in (found(few) for _ in range(250)) if one.judged(0.1) is Verdict.INCONCLUSIVE]
    needed = [rows for one in told if (rows := one.rows_to_decide(0.1, errors=ERRORS)) is not None]
    assert len(needed) > 60
    decided = [found(rows).judged(0.1) is not Verdict.INCONCLUSIVE for rows in needed]
    assert np.mean(decided) > least


def test_a_reference_that_is_too_small_is_said_to_be() -> None:
    random = np.random.default_rng(4)
    before, after = random.normal(size=60), random.normal(0.5, size=100_000)
    found = of_values(numbers(before), numbers(after), errors=ERRORS)
    assert found.judged(0.1) is Verdict.INCONCLUSIVE
    assert found.rows_to_decide(0.1, errors=ERRORS) is None
    needed = found.rows_on_either_side(0.1, errors=ERRORS)
    assert needed is not None
    enough = of_values(numbers(np.tile(before, math.ceil(needed / 60))), numbers(after), errors=ERRORS)
    assert enough.judged(0.1) is Verdict.FAIL


def test_rows_that_would_decide_allow_for_what_chance_makes_of_many_categories() -> None:
    """Sixty categories of which a quarter of the rows moved: the rows that are told are enough, and not many more."""
    before = {f"{n}": 100_000 for n in range(60)}
    after = {f"{n}": 4 if n < 30 else 7 for n in range(60)}
    few = of_values(words(before), words(after), errors=ERRORS)
    assert few.judged(0.1) is Verdict.INCONCLUSIVE
    needed = few.rows_to_decide(0.1, errors=ERRORS)
    assert needed is not None
    rows, verdicts = sum(after.values()), []
    for times in (math.ceil(needed / rows), math.floor(needed / rows * 0.6)):
        whole = {name: count * times for name, count in after.items()}
        verdicts.append(of_values(words(before), words(whole), errors=ERRORS).judged(0.1))
    assert verdicts == [Verdict.FAIL, Verdict.INCONCLUSIVE]


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        (numbers(np.zeros(1000)), words({"a": 1000}), "of type double and is of type string"),
        (numbers(np.zeros(1000)), numbers(np.zeros(49)), "49 values' worth, and 50 are the least"),
        (numbers(np.zeros(49), missing=900), numbers(np.zeros(1000)), "the reference holds 49"),
        (numbers(np.zeros(1000)), numbers(np.zeros(1000), design=100), "10 values' worth"),
    ],
)
def test_what_cannot_answer_says_why(before: Sample, after: Sample, why: str) -> None:
    with pytest.raises(Incomparable, match=why):
        of_values(before, after, errors=ERRORS)


def test_a_gap_that_grows_is_a_change_of_its_own() -> None:
    before, after = numbers(np.zeros(9900), missing=100), numbers(np.zeros(8000), missing=2000)
    assert of_values(before, after, errors=ERRORS).effect == 0
    found = of_absence(before, after, errors=ERRORS)
    assert found.effect == pytest.approx(0.19)
    assert found.judged(0.1) is Verdict.FAIL


def test_categories_that_only_one_side_kept_are_not_taken_for_new() -> None:
    """Each side keeps the smallest hashes; one that was cut elsewhere is compared only where both kept everything."""
    names = sorted((f"c{number}" for number in range(300)), key=hash_of)
    all_of_them, cut = dict.fromkeys(names, 100), dict.fromkeys(names[:128], 100)
    found = of_values(words(all_of_them), words(cut, others=100 * 172), errors=ERRORS)
    assert found.effect == 0


def test_categories_that_are_counted_together_do_not_pass_unseen() -> None:
    names = [[f"{letter}{number}" for number in range(128)] for letter in "ab"]
    before, after = (words(dict.fromkeys(kept, 1), others=10_000) for kept in names)
    found = of_values(before, after, errors=ERRORS)
    assert found.judged(0.1) is Verdict.INCONCLUSIVE
    assert found.upper > 0.98
    assert found.rows_to_decide(0.1, errors=ERRORS) is None


def test_a_category_of_any_name_is_only_itself() -> None:
    found = of_values(words({"a": 5000}), words({"\0others": 5000}), errors=ERRORS)
    assert found.effect == 1


@pytest.mark.parametrize("watched", [(("false", 0), ("true", 0)), (("maybe", 1000),), ()])
def test_values_that_nobody_watched_count_too(watched: tuple[tuple[str, int], ...]) -> None:
    truth = Sample(Column("x", "boolean", nulls=0, watched=(("false", 0), ("true", 1000))), 1000)
    other = Sample(Column("x", "boolean", nulls=0, watched=watched), 1000)
    assert of_values(other, truth, errors=ERRORS).judged(0.1) is not Verdict.PASS
    with pytest.raises(Incomparable, match="of type boolean and is of type string"):
        of_values(truth, words({"x": 1000}), errors=ERRORS)


def test_a_share_of_the_errors_that_vanishes_never_alarms() -> None:
    error = shares(["a", "b"], {"a": 5e-324}, error=0.05)["a"]
    found = of_values(numbers(np.zeros(1000)), numbers(np.ones(1000)), errors=error)
    assert (found.effect, found.lower) == (1, 0)


def test_a_new_category_is_seen() -> None:
    found = of_values(words({"AA": 5000, "UA": 5000}), words({"AA": 2500, "UA": 2500, "XX": 5000}), errors=ERRORS)
    assert found.effect == pytest.approx(0.5)
    assert found.judged(0.1) is Verdict.FAIL


@example({"a": 5e-324})
@given(st.dictionaries(st.text(min_size=1), st.floats(0, 10), min_size=1, max_size=40))
def test_the_alarms_of_a_family_share_one_error(weights: dict[str, float]) -> None:
    found = shares(list(weights), weights, error=0.05)
    assert sum(one.of_fail for one in found.values()) == pytest.approx(0.05 if found else 0)
    assert set(found) == {name for name, weight in weights.items() if weight > 0}


def test_rows_of_one_block_count_for_fewer() -> None:
    """An intraclass correlation of .05 in blocks of 100: at the median 2/π·arcsin .05, and Kish's 1 + 99 times that."""
    random = np.random.default_rng(5)

    def blocks(share: float) -> list[tuple[int, ...]]:
        return [
            numbers(
                random.normal() * math.sqrt(share) + random.normal(size=100) * math.sqrt(1 - share)
            ).column.histogram.counts  # type: ignore[union-attr]
            for _ in range(400)
        ]

    assert design_effect(blocks(0.0)) == pytest.approx(1, abs=0.15)
    assert design_effect(blocks(0.05)) == pytest.approx(1 + 99 * 2 / math.pi * math.asin(0.05), rel=0.15)
    random = np.random.default_rng(6)
    tail = [numbers(random.uniform(-3, 1.3, 50) if at % 10 else random.uniform(1.3, 3, 50)) for at in range(400)]
    counts = [one.column.histogram.counts for one in tail]  # type: ignore[union-attr]
    assert design_effect(counts) > 4 * 50 * 0.09 * 0.9
    with pytest.raises(Incomparable, match="9 blocks"):
        design_effect(blocks(0.0)[:9])


def test_categories_of_rows_in_blocks_count_for_as_few_as_they_are() -> None:
    """Blocks of fifty rows of one category each say as much as one row; independent rows keep their worth."""
    chance = np.random.default_rng(3)
    alike = [tuple(50 if at == kind else 0 for at in range(4)) for kind in chance.integers(0, 4, 200)]
    assert 40 < design_effect_of_categories(alike) < 60
    apart = [tuple(chance.multinomial(50, [0.4, 0.3, 0.2, 0.1]).tolist()) for _ in range(200)]
    assert design_effect_of_categories(apart) < 1.3
    with pytest.raises(Incomparable):
        design_effect_of_categories(alike[:9])
    assert design_effect_of_categories([(50, 0)] * 20) == 1.0


def test_categories_in_blocks_raise_no_false_alarm() -> None:
    """Each block has shares of its own, and nothing moves between the samples: 200 draws."""
    chance = np.random.default_rng(4)
    errors = Errors(of_fail=0.05, of_pass=0.05)

    def sample() -> tuple[Sample, Sample]:
        blocks = [chance.multinomial(50, chance.dirichlet([2, 2, 1])) for _ in range(40)]
        counts = {f"c{at}": int(sum(block[at] for block in blocks)) for at in range(3)}
        design = design_effect_of_categories([tuple(block.tolist()) for block in blocks])
        return words(counts), replace(words(counts), design=design)

    alarms, naive = 0, 0
    for _ in range(200):
        (plain, honest), (other, second) = sample(), sample()
        alarms += of_values(honest, second, errors=errors).lower > 0
        naive += of_values(plain, other, errors=errors).lower > 0
    assert alarms <= 10
    assert naive > 60


@pytest.mark.parametrize(("days", "count"), [(10, 2), (30, 4), (90, 9), (124, 10), (125, 11), (365, 21)])
def test_neighbouring_days_make_few_long_stretches(days: int, count: int) -> None:
    """Two fifths of the power two thirds, and one more; without a float, which misses 125 days."""
    found = stretches([(0, at) for at in range(1, days + 1)] + [(0, 0)])
    lengths, last = [], 0
    for _, total in found:
        first = last + 1
        while sum(range(first, last + 1)) < total:
            last += 1
        assert sum(range(first, last + 1)) == total
        lengths.append(last + 1 - first)
    assert len(found) == count
    assert sum(lengths) == days
    assert max(lengths) - min(lengths) <= 1
    with pytest.raises(Incomparable, match="there are 9 blocks"):
        stretches([(1, 1)] * 9 + [(0, 0)])


@pytest.mark.parametrize("freedom", [1, 4, 30])
def test_what_few_blocks_leave_uncertain_widens_the_bound_as_students_t(freedom: int) -> None:
    values = np.zeros(40_000_000 // freedom**2)
    plain, found = (
        of_values(numbers(np.zeros(1000)), numbers(values, freedom=one), errors=ERRORS) for one in (None, freedom)
    )
    ratio = stats.t.isf(0.025, freedom) / stats.norm.isf(0.025)
    assert plain.upper == pytest.approx(math.sqrt(math.log(40) / 2 * (1 / 1000 + 1 / len(values))))
    assert found.upper == pytest.approx(math.sqrt(math.log(40) / 2 * (1 / 1000 + ratio**2 / len(values))))


def test_the_rows_that_would_decide_bring_days_that_are_better_known() -> None:
    """At so many rows, and the freedom that they have, four of five samples decide; one row less is not enough."""
    before, after = numbers(np.zeros(100_000)), numbers(np.zeros(3000), design=3, freedom=4)
    shift = of_values(before, after, errors=ERRORS)
    needed = shift.rows_to_decide(0.05, errors=ERRORS)
    assert needed is not None

    def reach(rows: int) -> float:
        """The upper bound where the change is nought, as far as one sample of five goes beyond it."""
        sides = Side(100_000), Side(rows, int(4 * (rows / 1000) ** (2 / 3)))
        spread = stats.norm.ppf(0.8) / 2
        return math.sqrt(sum(side.part(ERRORS.of_pass, measure="D", more=spread) for side in sides))

    assert reach(needed) <= 0.05 < reach(needed - 1)
    assert needed < 3 * 735  # of which so many rows would do if all of them were independent
    assert shift.rows_on_either_side(0.001, errors=ERRORS) is not None


@pytest.mark.parametrize("alike", [0.0, 0.6, 0.9])
def test_days_that_resemble_their_neighbours_raise_no_false_alarm(alike: float) -> None:
    """All has moved by what the limit allows, in 90 days of 200 rows; days on their own would raise one in four."""
    chance = np.random.default_rng(7)
    grid = np.append(EDGES, np.inf)
    limit = float(np.max(np.abs(stats.norm.cdf(EDGES) - stats.norm.cdf(EDGES, loc=0.25))))

    def drawn(moved: float) -> tuple[Sample, Sample]:
        day = chance.normal(size=90)
        for at in range(1, 90):
            day[at] = alike * day[at - 1] + math.sqrt(1 - alike**2) * day[at]
        below = stats.norm.cdf((grid - moved - math.sqrt(0.1) * day[:, None]) / math.sqrt(0.9))
        days = [tuple(one.tolist()) for one in chance.multinomial(200, np.diff(below, axis=1, prepend=0))]
        histogram = Histogram(EDGES, tuple(map(sum, zip(*days, strict=True))))
        column, parts = Column("x", "double", nulls=0, histogram=histogram), stretches(days)
        return (
            Sample(column, 18_000, design_effect(parts, least=2), len(parts) - 1),
            Sample(column, 18_000, design_effect(days)),
        )

    alarms, single, passed = 0, 0, 0
    for _ in range(200):
        (before, old), (after, new) = drawn(0), drawn(0.25)
        found, alone = of_values(before, after, errors=ERRORS), of_values(old, new, errors=ERRORS)
        alarms, single = alarms + (found.lower > limit), single + (alone.lower > limit)
        passed += found.upper < limit
    assert alarms <= 10
    assert passed <= 10
    assert single > 30 or alike < 0.9
