"""Data held against a committed reference: real files, real passes, hostile profiles."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cancer import NOW, Project
from mlops_gitops.errors import Refused
from mlops_gitops.evidence.verdicts import Check, Report, Verdict
from mlops_gitops.evidence.windows import Window
from mlops_gitops.manifests.data_tests import DriftTests
from mlops_gitops.testing.data.reference import Reference, hash_of, read
from mlops_gitops.testing.data.references import made
from mlops_gitops.testing.data.spending import Count, nobody, spending
from mlops_gitops.testing.data.suite import run_data_tests

Make = Callable[..., Project]


def rows(count: int, *, seed: int, **moved: Any) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "mean texture": random.normal(20, 4, count).clip(1),
            "mean area": random.integers(100, 2000, count),
            "mean smoothness": random.random(count),
            "site": random.choice(["north", "south", "west"], count, p=[0.6, 0.3, 0.1]),
            "fasting": random.random(count) < 0.3,
            "benign": random.random(count) < 0.6,
            "id": np.arange(count) + seed * 1_000_000,
            "seen": pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(count), unit="h"),
        }
    )
    return frame.assign(**moved)


def drifting(**more: Any) -> Callable[[dict[str, Any]], None]:
    def change(spec: dict[str, Any]) -> None:
        spec["tests"]["data"]["drift"] = {"of": "train", "in": ["test"], "max": 0.1, "weights": {"id": 0}, **more}

    return change


def written(project: Project) -> Reference:
    reference = made(project.model, "train", folder=project.folder, root=project.folder)
    (project.folder / "train.profile.json").write_text(reference.text())
    return reference


def report(project: Project, count: Count = nobody) -> Report:
    return run_data_tests(project.model, folder=project.folder, locate=project.locate, now=NOW, count=count)


def drifts(project: Project, count: Count = nobody) -> dict[tuple[str, str], Check]:
    found = report(project, count).checks
    return {(one.id, one.subject): one for one in found if one.id.startswith(("data.drift", "data.ref"))}


def test_a_fresh_sample_of_the_same_source_passes(project: Make) -> None:
    made_ = project(drifting(), train=rows(20_000, seed=1), test=rows(5_000, seed=2))
    written(made_)
    found = drifts(made_)
    assert {subject for _, subject in found} == {
        *("test.mean texture", "test.mean area", "test.mean smoothness", "test.site", "test.fasting", "test.benign"),
    }
    assert {one.verdict for one in found.values()} == {Verdict.PASS}
    shown = found["data.drift", "test.mean texture"]
    assert shown.interval is not None
    assert shown.interval[0] <= float(shown.observed or 0) <= shown.interval[1] <= 0.1
    assert "rows are taken as independent" in shown.message
    assert made_.line(shown.location) == "max: 0.1"


@pytest.mark.parametrize(
    ("column", "moved", "id_"),
    [
        ("mean texture", lambda f: f["mean texture"] + 2, "data.drift"),
        ("mean area", lambda f: f["mean area"] // 2, "data.drift"),
        ("site", lambda f: f["site"].replace("south", "east"), "data.drift"),
        ("fasting", lambda f: ~f["fasting"], "data.drift"),
        ("benign", lambda f: f["benign"] & (f["mean area"] > 1000), "data.drift"),
        ("mean texture", lambda f: f["mean texture"].where(f.index % 4 > 0), "data.drift-missing"),
    ],
)
def test_a_column_that_moved_fails_and_no_other(project: Make, column: str, moved: Any, id_: str) -> None:
    fresh = rows(5_000, seed=2)
    made_ = project(drifting(), train=rows(20_000, seed=1), test=fresh.assign(**{column: moved(fresh)}))
    written(made_)
    found = drifts(made_)
    assert [key for key, one in found.items() if one.verdict is Verdict.FAIL] == [(id_, f"test.{column}")]
    assert "--write-reference" in found[id_, f"test.{column}"].fix


@pytest.mark.parametrize("start", [np.full(5_000, 5.0), np.where(np.arange(5_000) % 2, 5.0, np.arange(5_000))])
def test_a_value_of_many_rows_that_becomes_a_smaller_one_is_seen(project: Make, start: np.ndarray) -> None:
    fresh = rows(5_000, seed=2).assign(**{"mean texture": start})
    moved = fresh.assign(**{"mean texture": np.where(start == 5, 4.5, start)})
    made_ = project(drifting(), train=fresh, test=moved)
    written(made_)
    assert drifts(made_)["data.drift", "test.mean texture"].verdict is Verdict.FAIL


def test_nothing_is_left_out_in_silence(project: Make) -> None:
    """A column that the reference lacks, and a data set of which no column is compared."""
    fresh = rows(5_000, seed=2)
    made_ = project(drifting(), train=fresh.drop(columns="site"), test=fresh)
    written(made_)
    assert drifts(made_)["data.drift", "test.site"].verdict is Verdict.INCONCLUSIVE
    without = project(drifting(weights=dict.fromkeys(fresh.columns, 0)), train=fresh, test=fresh)
    written(without)
    assert [(key, one.verdict) for key, one in drifts(without).items()] == [
        (("data.drift", "test"), Verdict.INCONCLUSIVE)
    ]


@pytest.mark.parametrize("role", ["serving", "reference"])
def test_a_data_set_that_is_not_tested_otherwise_is_compared(project: Make, role: str) -> None:
    def seen(spec: dict[str, Any]) -> None:
        drifting(**{"in": ["seen"]})(spec)
        spec["data"].append({"name": "seen", "role": role, "uri": "data/test.parquet"})

    fresh = rows(5_000, seed=2)
    made_ = project(seen, train=rows(20_000, seed=1), test=fresh.assign(site="north"))
    written(made_)
    assert drifts(made_)["data.drift", "seen.site"].verdict is Verdict.FAIL


def test_the_reference_is_that_of_the_data_set_that_the_manifest_names(project: Make) -> None:
    made_ = project(drifting(), train=rows(500, seed=1))
    text = written(made_).text()
    (made_.folder / "train.profile.json").write_text(text.replace('"dataset": "train"', '"dataset": "test"'))
    (check,) = drifts(made_).values()
    assert "that of 'test'" in check.message


def test_few_rows_answer_nothing_and_say_how_many_would(project: Make) -> None:
    made_ = project(drifting(), train=rows(20_000, seed=1), test=rows(120, seed=2))
    written(made_)
    shown = drifts(made_)["data.drift", "test.mean texture"]
    assert shown.verdict is Verdict.INCONCLUSIVE
    assert "would decide with 80 %; there are 120" in shown.fix


def test_one_day_answers_nothing_where_days_are_blocks_and_the_rest_is_told(project: Make) -> None:
    """Three days of many rows, a reference of two hundred days: what is missing are days, and not rows."""

    def daily(spec: dict[str, Any]) -> None:
        drifting()(spec)
        spec["data"][1]["timeColumn"] = "seen"

    made_ = project(daily, train=rows(20_000, seed=1), test=rows(72, seed=2))
    written(made_)
    shown = drifts(made_)["data.drift", "test.site"]
    assert shown.verdict is Verdict.INCONCLUSIVE
    assert shown.fix == "at least 10 days or entities are needed; rows of neighbouring days of seen are one block"
    small = project(drifting(), train=rows(200, seed=1), test=rows(20_000, seed=2))
    written(small)
    assert "would decide with 80 % against a reference of" in drifts(small)["data.drift", "test.mean texture"].fix
    tiny = project(drifting(), train=rows(20_000, seed=1), test=rows(40, seed=2))
    written(tiny)
    assert drifts(tiny)["data.drift", "test.site"].fix == "about 50 rows with a value are the least, and there are 40"


def test_blocks_of_rows_count_for_fewer(project: Make) -> None:
    """Each day has a mean of its own: 4,800 rows of 200 days say far less than 4,800 independent ones."""

    def daily(spec: dict[str, Any]) -> None:
        drifting()(spec)
        for dataset in spec["data"]:
            dataset["timeColumn"] = "seen"

    def frame(count: int, seed: int) -> pd.DataFrame:
        days = np.random.default_rng(seed).normal(0, 3, count // 24).repeat(24)
        return rows(count, seed=seed, **{"mean texture": days + rows(count, seed=seed)["mean texture"]})

    made_ = project(daily, train=frame(24_000, 1), test=frame(4_800, 2))
    design = written(made_).designs["mean texture"]
    assert design.effect > 4
    assert design.freedom == 40  # of a thousand days
    shown = drifts(made_)["data.drift", "test.mean texture"]
    assert shown.rows is not None
    assert shown.rows < 2_500
    assert "rows of neighbouring days of seen are one block" in shown.message
    site = drifts(made_)["data.drift", "test.site"]
    assert "rows of neighbouring days of seen are one block" in site.message
    assert site.rows is not None
    assert site.rows > shown.rows  # sites do not depend on the day; that fourteen stretches know no better


def test_a_design_effect_without_its_freedom_is_not_taken_for_certain(project: Make) -> None:
    """As one of days that were taken as independent, written before this was known, would be."""

    def daily(spec: dict[str, Any]) -> None:
        drifting()(spec)
        spec["data"][0]["timeColumn"] = "seen"

    reference = written(project(daily, train=rows(2_400, seed=1)))
    assert read(reference.text().encode()) == reference
    assert {one.freedom for one in reference.designs.values()} == {8}  # of a hundred days
    with pytest.raises(ValueError, match="does not fit the schema"):
        read(reference.text().replace('"freedom":8,', "").encode())


def test_the_file_is_read_back_as_it_was_and_is_small(project: Make) -> None:
    made_ = project(drifting(), train=rows(20_000, seed=1))
    reference = written(made_)
    text = reference.text()
    again = read(text.encode())
    assert again == reference
    assert again.text() == text
    assert len(text) < 60_000
    assert made(made_.model, "train", folder=made_.folder, root=made_.folder).text() == text


@pytest.mark.parametrize("empty", [np.nan, np.inf])
def test_a_reference_with_a_column_without_a_value_serves_for_all_others(project: Make, empty: float) -> None:
    before = rows(20_000, seed=1, **{"mean area": empty})
    made_ = project(drifting(), train=before, test=rows(5_000, seed=2))
    assert read(written(made_).text().encode()).profile.column("mean area")
    found = drifts(made_)
    assert found["data.drift", "test.mean texture"].verdict is Verdict.PASS
    values = found["data.drift", "test.mean area"]
    assert values.verdict is Verdict.INCONCLUSIVE
    assert "the reference holds no value" in values.message
    assert "there are 0" in values.fix
    assert found["data.drift-missing", "test.mean area"].verdict is Verdict.FAIL
    (made_.folder / "data/train.parquet").replace(made_.folder / "data/test.parquet")
    assert drifts(made_)["data.drift-missing", "test.mean area"].verdict is Verdict.PASS


def test_a_reference_with_a_variance_beyond_all_exact_integers_is_read_back(project: Make) -> None:
    stamps = np.random.default_rng(3).integers(0, 10**9, 20_000)
    made_ = project(drifting(), train=rows(20_000, seed=1, **{"mean area": stamps}), test=rows(5_000, seed=2))
    reference = written(made_)
    assert read(reference.text().encode()) == reference
    assert drifts(made_)["data.drift", "test.mean area"].verdict is Verdict.FAIL


def test_a_hash_is_that_of_the_engine(project: Make) -> None:
    reference = written(project(drifting(), train=rows(500, seed=1)))
    site = reference.profile.column("site")
    assert site is not None
    assert {one.value: one.hash for one in site.categories} == {n: hash_of(n) for n in ("north", "south", "west")}


def test_a_reference_that_is_not_there_says_how_to_write_it(project: Make) -> None:
    (check,) = drifts(project(drifting())).values()
    assert (check.id, check.verdict) == ("data.reference", Verdict.FAIL)
    assert "mlops-gitops test data cancer --write-reference" in check.fix


def test_a_reference_outside_the_repository_is_not_read(project: Make, tmp_path: Path) -> None:
    made_ = project(drifting())
    outside = tmp_path / "outside.json"
    outside.write_text(made(made_.model, "train", folder=made_.folder, root=made_.folder).text())
    (made_.folder / "train.profile.json").symlink_to(outside)
    (check,) = drifts(made_).values()
    assert "leads out of the repository" in check.message


def test_only_a_data_set_that_is_there_becomes_a_reference(project: Make) -> None:
    made_ = project(drifting())
    (made_.folder / "data" / "train.parquet").unlink()
    with pytest.raises(Refused, match="does not exist"):
        made(made_.model, "train", folder=made_.folder, root=made_.folder)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda _: b"\xff", "no JSON"),
        (lambda _: b"[" * 100_000, "no JSON"),
        (lambda _: b" " * (16 * 1024 * 1024 + 1), "are the most that is read"),
        (lambda text: text.replace(b'"rows": ', b'"rows": NaN, "x": '), "no JSON"),
        (lambda text: text.replace(b'"kind":', b'"kind": "Profile", "kind":'), "stands there twice"),
        (lambda text: text.replace(b'"rows": 500', b'"rows": -1'), "does not fit the schema"),
        (lambda text: text.replace(b'"rows": 500', b'"rows": 501'), "do not add up"),
        (lambda text: text.replace(b'"edges":[', b'"edges":[1e300,'), "do not rise"),
        (lambda text: text.replace(b'"name":"site"', b'"name":"benign"'), "two columns of one name"),
        (lambda text: text.replace(b'"columns"', b'"collumns"'), "does not fit the schema"),
        (lambda text: text.replace(b'"edges":[', b'"edges":[1e999,'), "beyond all bounds"),
        (lambda text: text.replace(b'"edges":[', b'"edges":[' + b"9" * 400 + b","), "beyond all bounds"),
        (lambda text: text.replace(b'"others":0', b'"others":1'), "does not name 128 categories"),
        (lambda text: re.sub(rb',"watched":{"false":\d+,"true":\d+}', b"", text), "has no counts"),
    ],
)
def test_a_file_that_somebody_spoilt_is_refused_with_the_reason(
    project: Make, spoil: Callable[[bytes], bytes], why: str
) -> None:
    made_ = project(drifting(), train=rows(500, seed=1))
    text = written(made_).text().encode()
    spoilt = spoil(text)
    assert spoilt != text
    with pytest.raises(ValueError, match=why):
        read(spoilt)
    (made_.folder / "train.profile.json").write_bytes(spoilt)
    (check,) = drifts(made_).values()
    assert (check.id, check.verdict) == ("data.reference", Verdict.FAIL)
    assert why in check.message


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_profile_makes_the_reader_stumble(data: st.DataObject) -> None:
    column = {"name": "x", "type": "double", "nulls": 0, "histogram": {"edges": [1.0], "counts": [1, 2]}}
    value: dict[str, Any] = {
        "apiVersion": "mlops-gitops/v1", "kind": "Profile", "dataset": "train", "digest": {"sha256": "0" * 64},
        "rows": 3, "columns": [column],
    }  # fmt: skip
    holder = data.draw(st.sampled_from([value, column, column["histogram"]]))
    name = data.draw(st.sampled_from(sorted(holder)))  # type: ignore[call-overload]
    holder[name] = data.draw(JUNK)  # type: ignore[index]
    try:
        found = read(json.dumps(value).encode())
    except ValueError:
        return
    assert read(found.text().encode()) == found


def test_the_target_and_the_scores_are_a_family_of_their_own(project: Make) -> None:
    """The bound of the label does not depend on how many features there are; that of a feature does."""

    def scored(spec: dict[str, Any]) -> None:
        drifting(weights={"id": 0, "seen": 0})(spec)

    def widths(**more: Any) -> dict[str, float]:
        frames = [
            rows(4_000, seed=seed).assign(probability=np.random.default_rng(seed).random(4_000), **more)
            for seed in (1, 2)
        ]
        made_ = project(scored, train=frames[0], test=frames[1].assign(benign=True, fasting=True))
        written(made_)
        found = drifts(made_)
        return {
            name: (found["data.drift", f"test.{name}"].observed or 0)
            - (found["data.drift", f"test.{name}"].interval or (0, 0))[0]  # type: ignore[operator]
            for name in ("benign", "fasting")
        }

    few, many = widths(), widths(**{f"x{n}": np.arange(4_000) % 7 for n in range(40)})
    assert few["benign"] == pytest.approx(many["benign"])
    assert many["fasting"] > few["fasting"] * 1.1


def test_planned_looks_make_each_alarm_dearer(project: Make) -> None:
    once = project(drifting(), train=rows(4_000, seed=1), test=rows(4_000, seed=2))
    written(once)
    single = drifts(once)["data.drift", "test.fasting"]
    many = drifts(project(drifting(looks=90), train=rows(4_000, seed=1), test=rows(4_000, seed=2)))
    daily = many["data.drift", "test.fasting"]
    assert single.interval is not None
    assert daily.interval is not None
    assert daily.interval[0] <= single.interval[0]
    assert daily.interval[1] == single.interval[1]  # calling a change small is one answer, not ninety
    moved = project(drifting(looks=90), train=rows(4_000, seed=1), test=rows(4_000, seed=2, fasting=True))
    assert drifts(moved)["data.drift", "test.fasting"].verdict is Verdict.FAIL


def test_looks_that_are_counted_are_judged_by_their_number_and_not_without(project: Make) -> None:
    moved = {"volume": {"min": 0.5}, "looks": "counted"}
    made_ = project(drifting(**moved), train=rows(4_000, seed=1), test=rows(4_000, seed=2, fasting=True))
    reference = written(made_)
    unknown = drifts(made_)
    assert {key: one.verdict for key, one in unknown.items()} == {
        ("data.drift-volume", "test"): Verdict.PASS,
        ("data.drift-look", "test"): Verdict.INCONCLUSIVE,
    }
    assert "nobody says how often train was looked at before" in unknown["data.drift-look", "test"].message
    assert made_.line(unknown["data.drift-look", "test"].location) == "looks: counted"
    asked: list[Window] = []

    def number(of: int) -> Count:
        return lambda window: (asked.append(window), of)[1]

    first, fourth = (drifts(made_, number(of))["data.drift", "test.fasting"] for of in (1, 4))
    assert first.verdict is fourth.verdict is Verdict.FAIL
    assert "look 4 at train, which may spend 1/20 of the errors" in fourth.message
    assert first.interval is not None
    assert fourth.interval is not None
    assert first.interval[0] > fourth.interval[0]
    assert first.interval[1] == fourth.interval[1]
    (window,) = set(asked)
    assert (window.section, window.reference) == ("drift", reference.digest)
    assert [len(one) for one in window.data] == [64]


def test_data_sets_of_one_look_share_what_it_may_spend(project: Make) -> None:
    """One interval is as wide with two data sets in one look as with one in the first of two looks."""

    def two(**more: Any) -> Callable[[dict[str, Any]], None]:
        def change(spec: dict[str, Any]) -> None:
            drifting(**more)(spec)
            spec["data"].append({"name": "seen", "role": "serving", "uri": "data/test.parquet"})

        return change

    def interval(**more: Any) -> tuple[float, float] | None:
        made_ = project(two(**more), train=rows(4_000, seed=1), test=rows(4_000, seed=2, fasting=True))
        written(made_)
        return drifts(made_)["data.drift", "test.fasting"].interval

    assert interval(**{"in": ["test", "seen"]}) == interval(looks=2) != interval()


def test_gaps_are_a_second_question_and_share_the_error_of_the_column(project: Make) -> None:
    """Two of four thousand rows lack a value: the bound of the rest is that of half the error."""
    fresh = rows(4_000, seed=2)
    gaps = fresh.assign(site=fresh["site"].where(fresh.index > 1))

    def lower(test: pd.DataFrame, looks: int) -> float:
        made_ = project(drifting(looks=looks), train=rows(4_000, seed=1), test=test.assign(fasting=True))
        written(made_)
        found = drifts(made_)["data.drift", "test.fasting"].interval
        return found[0] if found else 0.0

    assert lower(gaps, 1) == lower(fresh, 1), "another column's gaps are nothing to it"
    holes = fresh.assign(fasting=pd.Series([None, None, *[True] * 3998], dtype="boolean"))
    made_ = project(drifting(), train=rows(4_000, seed=1), test=holes)
    written(made_)
    found = drifts(made_)
    assert found["data.drift-missing", "test.fasting"].verdict is Verdict.PASS
    shown = found["data.drift", "test.fasting"].interval
    assert shown is not None
    assert shown[0] == pytest.approx(lower(fresh, 2), abs=1e-4)


@given(st.integers(1, 400), st.integers(1, 3))
def test_looks_of_whatever_number_spend_no_more_than_there_is(looks: int, files: int) -> None:
    counted = DriftTests("train", ("test",) * files, looks=None)
    spent = [spending(counted, number) for number in range(1, looks + 1)]
    assert sum(one.share for one in spent if one) * files == pytest.approx(1 - 1 / (looks + 1))
    assert all(one.later == after.share for one, after in pairwise(spent) if one and after)
    planned = spending(DriftTests("train", ("test",) * files, looks=looks), None)
    assert planned is not None
    assert planned.share * files * looks == pytest.approx(1)


@pytest.mark.parametrize(("count", "verdict"), [(4_000, Verdict.PASS), (1_000, Verdict.FAIL), (9_000, Verdict.FAIL)])
def test_the_volume_is_held_against_the_reference(project: Make, count: int, verdict: Verdict) -> None:
    made_ = project(drifting(volume={"min": 0.5, "max": 2}), train=rows(4_000, seed=1), test=rows(count, seed=2))
    written(made_)
    found = drifts(made_)["data.drift-volume", "test"]
    assert found.verdict is verdict
    assert f"test holds {count:,} rows, {count / 4000:.3f} times the 4,000 of train" in found.message
    assert made_.line(found.location) == "volume:"


def test_a_reference_of_other_data_is_a_finding(project: Make) -> None:
    made_ = project(drifting(), train=rows(2_000, seed=1), test=rows(2_000, seed=2))
    old = written(made_)
    assert ("data.reference", "train") not in drifts(made_)
    changed = project(drifting(), train=rows(2_000, seed=3), test=rows(2_000, seed=2))
    found = drifts(changed)["data.reference", "train"]
    assert found.verdict is Verdict.FAIL
    assert old.digest[:12] in found.message
    assert "--write-reference" in found.fix


def test_what_production_asks_is_held_against_training(project: Make) -> None:
    """Requests as they were logged: one feature is computed in another unit there."""

    def skewed(spec: dict[str, Any]) -> None:
        spec["data"].append({"name": "requests", "role": "serving", "uri": "data/requests.parquet"})
        spec["tests"] = {"data": {"skew": {"of": "train", "in": ["requests"], "weights": {"id": 0, "seen": 0}}}}

    made_ = project(skewed, train=rows(4_000, seed=1), test=rows(500, seed=2))
    written(made_)
    asked = rows(4_000, seed=3)
    asked.assign(**{"mean texture": asked["mean texture"] / 10}).to_parquet(made_.folder / "data" / "requests.parquet")
    found = {one.subject: one for one in report(made_).checks if one.id.startswith("data.skew")}
    assert found["requests.mean texture"].verdict is Verdict.FAIL
    assert "differ in production by D 0.98" in found["requests.mean texture"].message
    assert "training and serving do differently" in found["requests.mean texture"].fix
    assert found["requests.mean area"].verdict is Verdict.PASS
    assert not [one for one in report(made_).checks if one.id.startswith("data.drift")]


def test_requests_need_no_label(project: Make) -> None:
    def skewed(spec: dict[str, Any]) -> None:
        spec["data"].append({"name": "requests", "role": "serving", "uri": "data/requests.parquet"})
        spec["tests"] = {"data": {"skew": {"of": "train", "in": ["requests"], "weights": {"id": 0, "seen": 0}}}}

    made_ = project(skewed, train=rows(4_000, seed=1), test=rows(500, seed=2))
    written(made_)
    for absent in ([], ["benign"], ["benign", "site"]):
        rows(4_000, seed=3).drop(columns=absent).to_parquet(made_.folder / "data" / "requests.parquet")
        found = {one.subject: one for one in report(made_).checks if one.id.startswith("data.skew")}
        assert {one for one in found if found[one].verdict is Verdict.FAIL} == {f"requests.{one}" for one in absent[1:]}
        assert ("requests.benign" in found) is (not absent)


def test_labelled_data_without_their_label_are_a_finding(project: Make) -> None:
    made_ = project(drifting(), train=rows(4_000, seed=1), test=rows(500, seed=2).drop(columns="benign"))
    written(made_)
    assert drifts(made_)["data.drift", "test.benign"].verdict is Verdict.FAIL
