"""How features go together, what each tells, and how much of their code was run: against references and truths."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.stats.contingency import association
from sklearn.datasets import load_breast_cancer

from mlops_gitops import canonical
from mlops_gitops.evidence.figures import Matrix
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.findings import Location
from mlops_gitops.testing.estimates import Unmeasurable
from mlops_gitops.testing.features import correlations, coverage, figures, subsets
from mlops_gitops.testing.features.checks import parsed, text
from mlops_gitops.testing.features.coding import Feature, coded
from mlops_gitops.testing.features.correlations import Correlations

HERE = Location("model.yaml", 1)
CANCER = load_breast_cancer(as_frame=True)
NAMES = [*CANCER.data.columns[:6]]
REAL = [Feature(name, CANCER.data[name].to_numpy(), categorical=False) for name in NAMES]


def of(values: object, name: str = "x", *, categorical: bool = False) -> Feature:
    return Feature(name, np.asarray(values, dtype=float), categorical=categorical)


def test_rank_and_plain_correlations_are_those_of_scipy_also_with_gaps() -> None:
    found = {(one.first, one.second): one for one in correlations.pairs(REAL)}
    assert len(found) == 15
    for (first, second), one in found.items():
        a, b = CANCER.data[first], CANCER.data[second]
        assert one.value == pytest.approx(stats.spearmanr(a, b).statistic, abs=1e-12)
        assert one.pearson == pytest.approx(stats.pearsonr(a, b).statistic, abs=1e-12)
    gaps = REAL[1].values.copy()
    gaps[::7] = np.nan
    there = np.isfinite(gaps)
    (one,) = correlations.pairs([REAL[0], of(gaps)])
    assert one.pearson == pytest.approx(stats.pearsonr(REAL[0].values[there], gaps[there]).statistic, abs=1e-12)


def test_what_is_constant_huge_or_infinite_goes_with_nothing_and_raises_nothing() -> None:
    values = np.random.default_rng(0).normal(size=200)
    odd = [
        of(values),
        of(np.ones(200)),
        of(values * 1e300),
        of(np.where(values > 0, np.inf, values)),
        of([np.nan] * 200),
    ]
    for one in correlations.pairs([replace(each, name=f"x{at}") for at, each in enumerate(odd)]):
        assert -1 <= one.value <= 1
        assert np.isfinite(one.error)


def test_cramers_v_is_that_of_scipy_without_what_chance_alone_gives() -> None:
    rng = np.random.default_rng(1)
    first = rng.integers(0, 4, 20_000)
    second = np.where(rng.random(20_000) < 0.4, first, rng.integers(0, 4, 20_000))
    (one,) = correlations.pairs([of(first, "a", categorical=True), of(second, "b", categorical=True)])
    table = np.histogram2d(first, second, bins=(4, 4))[0].astype(int)
    assert one.value == pytest.approx(association(table, method="cramer"), abs=0.002)
    assert one.error == pytest.approx(0.006, abs=0.003)
    alone = [of(rng.integers(0, 12, 300), name, categorical=True) for name in "ab"]
    assert correlations.pairs(alone)[0].value < 0.1, "plain V is 0.19 here, of nothing"


def held(features: list[Feature], *, rows: int) -> Correlations:
    return Correlations("train", "0" * 64, rows, correlations.pairs(features))


def test_figures_show_the_matrix_what_changed_and_what_is_new() -> None:
    rng = np.random.default_rng(3)
    a, b, c = rng.normal(size=(3, 500))
    before = held([of(a, "a"), of(-a, "b")], rows=500)
    now = held([of(a, "a"), of(b, "b"), of(-a, "c"), of(c > 0, "d", categorical=True)], rows=500)
    whole, moved = figures.of_correlations(now, before)
    assert isinstance(whole, Matrix)
    assert isinstance(moved, Matrix)
    assert whole.names == ("a", "b", "c", "d")
    assert [whole.values[at][at] for at in range(4)] == [1.0] * 4
    assert whole.values[0][2] == whole.values[2][0] == pytest.approx(-1)
    assert "Cramér's V" in whole.note
    assert moved.values[0][1] == pytest.approx((whole.values[0][1] or 0) + 1)
    assert moved.values[0][2] is None, "c was not there before"
    assert moved.values[0][3] is None
    assert len(list(figures.of_correlations(now, None))) == 1


def test_a_change_is_told_when_it_is_shown_and_rarely_when_there_is_none() -> None:
    rng, alarms = np.random.default_rng(2), 0

    def drawn(strength: float) -> Correlations:
        shared = rng.normal(size=(400, 1))
        noise = rng.normal(size=(400, 8))
        noise[:, :2] = strength * shared + (1 - strength**2) ** 0.5 * noise[:, :2]
        return held([of(noise[:, at], f"x{at}") for at in range(8)], rows=400)

    for _ in range(60):
        found = list(correlations.changed(drawn(0.7), drawn(0.7), 0.0, HERE))
        alarms += any(one.verdict is Verdict.FAIL for one in found)
    assert alarms <= 8, "at most 5 % of looks at 28 pairs"
    (one,) = correlations.changed(drawn(0.9), drawn(0.0), 0.3, HERE)
    assert (one.verdict, one.subject) == (Verdict.FAIL, "x0, x1")
    assert one.interval is not None
    assert one.interval[1] < -0.3
    (few,) = correlations.changed(replace(drawn(0.9), rows=40), drawn(0.0), 0.3, HERE)
    assert few.verdict is Verdict.INCONCLUSIVE
    (close,) = correlations.too_close(drawn(0.995), 0.95, HERE)
    assert (close.verdict, close.subject) == (Verdict.FAIL, "x0, x1")


def test_a_reference_is_read_as_it_was_written_and_nothing_else_is_one() -> None:
    kept = held(REAL, rows=569)
    again = parsed(text(kept), "train.correlations.json")
    assert isinstance(again, Correlations)
    assert text(again) == text(kept)
    document = json.loads(text(kept))
    document["pairs"][0]["value"] = "much"
    for data in (b"", b"[]", b"{", b"\xff", b"[" * 100_000, canonical.encode(document), b'{"pairs": [3]}'):
        assert isinstance(parsed(data, "x"), str)


def test_a_plain_learner_finds_what_each_tells_and_what_only_one_tells() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(size=(6_000, 4))
    values[:, 1] = values[:, 0] + 0.05 * rng.normal(size=6_000)  # tells what the first tells
    kind = rng.integers(0, 3, 6_000)
    target = values[:, 0] + values[:, 2] ** 2 + kind + rng.normal(size=6_000)
    features = [of(values[:, at], f"x{at}") for at in range(4)] + [of(kind, "kind", categorical=True)]
    found = subsets.found(features, target)
    share = 1.0 / np.var(target)
    assert found.alone["x0"].value == pytest.approx(share, abs=0.03)
    assert found.alone["x2"].lower > 0.2, "a parabola, which no line finds; ten bins find most of it"
    assert found.alone["kind"].value == pytest.approx(2 / 3 * share, abs=0.03)
    assert found.alone["x3"].lower < 0.001
    assert found.without["x0"].value < 0.01, "the twin tells it"
    assert found.without["kind"].value == pytest.approx(2 / 3 * share, abs=0.03)
    assert {one for one, _ in found.path} >= {"x2", "kind"}
    assert "x3" not in {one for one, _ in found.path}
    assert {found.pairs[0].first, found.pairs[0].second} <= {"x0", "x1", "x2", "kind"}


def test_the_learner_is_the_one_that_it_says_it_is() -> None:
    """The same ridge regression, made the long way on the rows."""
    target = CANCER.target.to_numpy().astype(float)
    part = np.random.default_rng(569).permutation(np.arange(569) % subsets.PARTS)
    codes = [coded(one, bins=subsets.BINS, categories=subsets.CATEGORIES) for one in REAL[:2]]
    rows = np.column_stack([np.eye(size)[code] for code, size in codes])
    errors = deviations = 0.0
    for odd in (0, 1):
        teach, held_out = part % 2 == odd, part % 2 != odd
        mean = target[teach].mean()
        gram = rows[teach].T @ rows[teach] + np.eye(rows.shape[1])
        weights = np.linalg.solve(gram, rows[teach].T @ (target[teach] - mean))
        errors += ((target[held_out] - mean - rows[held_out] @ weights) ** 2).sum()
        deviations += ((target[held_out] - mean) ** 2).sum()
    assert subsets.found(REAL[:2], target).whole.value == pytest.approx(1 - errors / deviations, abs=1e-9)


def test_the_learner_refuses_what_cannot_be_answered() -> None:
    with pytest.raises(Unmeasurable, match="too few"):
        subsets.found([of(np.ones(10))], np.ones(10))
    with pytest.raises(Unmeasurable, match="the same in all rows"):
        subsets.found([of(np.arange(300))], np.ones(300))
    with pytest.raises(Unmeasurable, match="0 features"):
        subsets.found([], np.arange(300.0))
    found = subsets.found([of([np.nan] * 300)], np.arange(300.0))
    assert found.alone["x"].upper < 0.2
    assert found.without == {}


XML = b"""<?xml version="1.0" ?>
<coverage version="7.6"><packages><package name="features"><classes>
<class name="a" filename="features/a.py"><lines><line number="1" hits="1"/><line number="2" hits="0"/></lines></class>
<class name="b" filename="features/a.py"><lines><line number="2" hits="3"/><line number="9" hits="0"/></lines></class>
<class name="c" filename="train.py"><methods/><lines><line number="1" hits="0"/></lines></class>
</classes></package></packages></coverage>"""
JSON = json.dumps(
    {
        "meta": {"version": "7.6"},
        "files": {
            "features/a.py": {"summary": {"num_statements": 10, "covered_lines": 9}},
            "train.py": {"summary": {"num_statements": 10, "covered_lines": 0}},
        },
    }
).encode()


def test_coverage_is_read_from_both_forms() -> None:
    assert coverage.of_bytes(XML, ("features/*",)) == coverage.Covered(1, 3, 2)
    assert coverage.of_bytes(XML, ()) == coverage.Covered(2, 4, 2)
    assert coverage.of_bytes(JSON, ("features/*",)).share == 0.9
    assert coverage.of_bytes(JSON, ()).share == 0.45
    with pytest.raises(ValueError, match="no file like gone"):
        coverage.of_bytes(XML, ("gone/*",))


BOMB = b"""<?xml version="1.0"?><!DOCTYPE coverage [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>
<coverage><class filename="&b;"><line number="1" hits="1"/></class></coverage>"""
OUTSIDE = b"""<!DOCTYPE coverage [<!ENTITY x SYSTEM "file:///etc/passwd">]><coverage>&x;</coverage>"""


@pytest.mark.parametrize(
    "data",
    [BOMB, OUTSIDE, b"", b"<coverage>", b"{}", b'{"files": []}', b'{"files": {"a": {"summary": 3}}}', b"<" * 99,
     b'{"files": {"a": {"summary": {"num_statements": -1, "covered_lines": true}}}}', b"<a>" * 5_000, b"{" * 100_000,
     XML.replace(b'hits="1"', b'hits="' + b"9" * 9_999 + b'x"') + b"<"],
    ids=range(12),
)  # fmt: skip
def test_a_hostile_file_of_coverage_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w+"):
        coverage.of_bytes(data, ())


@given(st.binary(max_size=200))
def test_no_bytes_bring_anything_but_a_refusal(data: bytes) -> None:
    try:
        coverage.of_bytes(data, ())
    except ValueError:
        return
