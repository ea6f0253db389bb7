"""The data of the demo do not look ahead, and its four releases are as good or as bad as the demo says."""

import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import yaml
from threadpoolctl import threadpool_limits

from mlops_gitops.canonical import sha256
from mlops_gitops.demo.flights import prepare, train
from mlops_gitops.testing.statistics import auc, auc_difference

FLIGHTS = Path(prepare.__file__).parent
VERSIONS = ("1.0.0", "1.1.0", "1.2.0", "1.3.0")
HONEST = VERSIONS[:3]


def manifest(version: str) -> dict:
    return yaml.safe_load((FLIGHTS / f"model-{version}.yaml").read_text(encoding="utf-8"))


def inputs(version: str) -> list[str]:
    return [item["name"] for item in manifest(version)["spec"]["interface"]["inputs"]]


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return prepare.table(prepare.source())


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five days of July, so that a whole preparation takes a moment."""
    folder = tmp_path_factory.mktemp("days")
    flights = pd.read_csv(prepare.source() / "flights.csv.zip")
    weather = pd.read_csv(prepare.source() / "weather.csv")
    keep(folder, flights[(flights.month == 7) & flights.day.between(8, 12)], weather[weather.month == 7])
    return folder


def keep(folder: Path, flights: pd.DataFrame, weather: pd.DataFrame) -> None:
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / "flights.csv.zip", "w") as archive:
        archive.writestr("flights.csv", flights.to_csv(index=False))
    weather.to_csv(folder / "weather.csv", index=False)
    (folder / "planes.csv").write_bytes((prepare.source() / "planes.csv").read_bytes())


# --- the bytes -------------------------------------------------------------------------------------------------------


def test_the_same_records_make_the_same_bytes(rows: pd.DataFrame, tmp_path: Path) -> None:
    part = rows[rows["month"] == 7]
    again = prepare.table(prepare.source())
    prepare.write(part, tmp_path / "one.parquet")
    prepare.write(again[again["month"] == 7], tmp_path / "two.parquet")
    assert sha256((tmp_path / "one.parquet").read_bytes()) == sha256((tmp_path / "two.parquet").read_bytes())


def test_every_flight_that_arrived_is_there_once(rows: pd.DataFrame) -> None:
    assert len(rows) == 336_776 - 8_255 - 1_175
    assert rows["flight_id"].is_unique


def test_training_ends_before_the_test_begins(rows: pd.DataFrame) -> None:
    part = prepare.split(rows)
    assert part["train"]["scheduled_departure"].max() < part["test"]["predicted_at"].min()
    assert (len(part["train"]), len(part["test"])) == (80_339, 42_030)


def test_a_broken_instrument_is_no_storm(rows: pd.DataFrame) -> None:
    assert rows["wind_speed"].max() < 60


# --- nothing looks ahead ---------------------------------------------------------------------------------------------


def test_everything_was_known_at_the_prediction(rows: pd.DataFrame) -> None:
    for known in ("weather_known_at", "delays_known_at"):
        assert (rows[known] <= rows["predicted_at"]).all()
    assert (rows["predicted_at"] == rows["scheduled_departure"] - 60).all()


@pytest.mark.parametrize("moment", ["2013-07-10T14:00:00Z", "2013-07-10T21:37:00Z", "2013-07-11T00:05:00Z"])
def test_no_honest_feature_changes_when_the_future_does(days: Path, tmp_path: Path, moment: str) -> None:
    now = int(pd.Timestamp(moment).timestamp()) // 60
    flights, weather = pd.read_csv(days / "flights.csv.zip"), pd.read_csv(days / "weather.csv")
    scheduled = prepare.minutes(flights["time_hour"]) + flights["minute"].to_numpy()
    later = ~(scheduled + flights["dep_delay"] <= now)
    flights.loc[later, "dep_delay"] = flights.loc[later, "dep_delay"] + 77.0
    flights.loc[later, "arr_delay"] = flights.loc[later, "arr_delay"] + 77.0
    unknown = prepare.minutes(weather["time_hour"]) + 60 > now
    weather.loc[unknown, list(prepare.WEATHER)] = 1.0
    keep(tmp_path / "other", flights, weather)

    before, after = prepare.table(days), prepare.table(tmp_path / "other")
    known = before["predicted_at"] <= now
    assert 500 < known.sum() < len(before) - 500
    honest = sorted({column for version in HONEST for column in inputs(version)})
    pd.testing.assert_frame_equal(before.loc[known, honest], after.loc[known, honest])
    assert not before.loc[~known, honest].equals(after.loc[~known, honest]), "the other future left no trace at all"
    assert not before.loc[known, "block_time_ratio"].equals(after.loc[known, "block_time_ratio"]), "the leak is a leak"


def test_recent_delays_are_what_they_are_called(days: Path) -> None:
    flights = prepare.read_flights(days)
    rows = prepare.table(days).sample(40, random_state=1)
    left = flights[flights["dep_delay"].notna()]
    for row in rows.itertuples():
        window = left[(left["departed"] > row.predicted_at - 180) & (left["departed"] <= row.predicted_at)]
        for group, value in (("origin", row.origin_recent_delay), ("carrier", row.carrier_recent_delay)):
            expected = window.loc[window[group] == getattr(row, group), "dep_delay"].mean()
            assert value == pytest.approx(expected, abs=0.001, nan_ok=True)
        due = flights[flights["scheduled"].between(row.predicted_at - 179, row.predicted_at)]
        waiting = due[(due["departed"] > row.predicted_at) & (due["origin"] == row.origin)]
        assert row.origin_overdue == len(waiting)


def test_a_cancelled_flight_counts_as_one_that_has_not_left(days: Path) -> None:
    flights = prepare.read_flights(days)
    cancelled = flights["dep_delay"].isna()
    assert cancelled.sum() > 50
    assert (flights.loc[cancelled, "departed"] == prepare.NEVER).all()


# --- the four releases -----------------------------------------------------------------------------------------------


class Trained(NamedTuple):
    late: npt.NDArray[np.bool_]
    probability: dict[str, npt.NDArray[np.float64]]


@pytest.fixture(scope="module")
def trained(rows: pd.DataFrame) -> Trained:
    """All four, trained as their manifests say."""
    learn, judge = prepare.split(rows).values()
    found = {}
    for version in VERSIONS:
        words = manifest(version)["spec"]["training"]["entrypoint"]
        part = learn
        if "--until" in words:
            until = int(pd.Timestamp(words[words.index("--until") + 1], tz="UTC").timestamp()) // 60
            part = learn[learn["scheduled_departure"] < until]
        texts = [column for column in inputs(version) if column in {"carrier", "origin"}]
        with threadpool_limits(1):  # other tests run beside this one
            model = train.pipeline(texts).fit(part[inputs(version)], part["late"].astype(bool))
            found[version] = model.predict_proba(judge[inputs(version)])[:, 1]
    return Trained(judge["late"].to_numpy(bool), found)


def test_the_first_three_pass_what_their_manifests_ask(trained: Trained) -> None:
    for version in HONEST:
        wanted = manifest(version)["spec"]["metrics"][0]["threshold"]["min"]
        assert auc(trained.late, trained.probability[version]).lower > wanted + 0.01


def test_the_challenger_is_better_and_the_third_is_worse(trained: Trained) -> None:
    first, second, third, _ = (trained.probability[version] for version in VERSIONS)
    margin = manifest("1.2.0")["spec"]["metrics"][0]["maxRegression"]
    assert auc_difference(trained.late, first, second).lower > 0.02
    assert auc_difference(trained.late, second, third).upper < -margin - 0.02
    assert auc_difference(trained.late, first, third).upper < -margin - 0.02


def test_one_feature_of_the_fourth_knows_the_answer_and_no_other_does(rows: pd.DataFrame, trained: Trained) -> None:
    judge = prepare.split(rows)["test"]
    limit = manifest("1.3.0")["spec"]["tests"]["leakage"]["maxSingleFeaturePower"]
    power = {}
    for column in inputs("1.3.0"):
        if column not in {"carrier", "origin"}:
            there = judge[column].notna().to_numpy()
            power[column] = auc(trained.late[there], judge[column].to_numpy(float)[there]).lower
    assert [column for column, found in power.items() if found > limit] == ["block_time_ratio"]
    assert max(found for column, found in power.items() if column != "block_time_ratio") < limit - 0.1
    assert auc(trained.late, trained.probability["1.3.0"]).lower > 0.99
