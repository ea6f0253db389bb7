"""Makes the results beside it with the tools themselves: ``python make.py TOOL``, in an environment that has the tool.

One small table, a few expectations that hold and one that does not: ``hour`` has a 27.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

HERE = Path(__file__).parent
ROWS = 120


def frame(shift: float = 0.0) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(5)
    found = pd.DataFrame(
        {
            "distance": rng.normal(1000 + shift, 200, ROWS).round(1),
            "hour": rng.integers(0, 24, ROWS),
            "origin": rng.choice(["EWR", "JFK", "LGA"], ROWS),
            "late": rng.random(ROWS) < 0.2,
        }
    )
    found.loc[3, "hour"] = 27
    return found


def great_expectations() -> None:
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    batch = (
        context.data_sources.add_pandas("flights")
        .add_dataframe_asset("test")
        .add_batch_definition_whole_dataframe("all")
    )
    suite = context.suites.add(gx.ExpectationSuite(name="flights"))
    for one in (
        gx.expectations.ExpectColumnValuesToNotBeNull(column="distance"),
        gx.expectations.ExpectColumnValuesToBeBetween(column="hour", min_value=0, max_value=23),
        gx.expectations.ExpectColumnValuesToBeInSet(column="origin", value_set=["EWR", "JFK", "LGA"]),
        gx.expectations.ExpectTableRowCountToBeBetween(min_value=100, max_value=200),
        gx.expectations.ExpectColumnValuesToNotBeNull(column="absent"),
    ):
        suite.add_expectation(one)
    definition = context.validation_definitions.add(gx.ValidationDefinition(name="flights", data=batch, suite=suite))
    result = definition.run(batch_parameters={"dataframe": frame()})
    write(f"great-expectations-{gx.__version__}.json", result.to_json_dict())
    checkpoint = context.checkpoints.add(gx.Checkpoint(name="flights", validation_definitions=[definition]))
    whole = checkpoint.run(batch_parameters={"dataframe": frame()})
    write(f"great-expectations-{gx.__version__}-checkpoint.json", json.loads(whole.describe()))


def pandera() -> None:
    import pandera
    import pandera.pandas as pa

    schema = pa.DataFrameSchema(
        {
            "distance": pa.Column(float, [pa.Check.ge(0), pa.Check.le(6000)], nullable=False),
            "hour": pa.Column(int, pa.Check.in_range(0, 23)),
            "origin": pa.Column(str, pa.Check.isin(["EWR", "JFK", "LGA"])),
            "late": pa.Column(bool),
        },
        unique=["distance", "hour", "origin"],
        name="flights",
    )
    (HERE / f"pandera-{pandera.__version__}.yaml").write_text(schema.to_yaml(), encoding="utf-8")
    (HERE / f"pandera-{pandera.__version__}.json").write_text(schema.to_json(indent=1) + "\n", encoding="utf-8")


def pointblank() -> None:
    import pointblank as pb

    found = (
        pb.Validate(frame(), tbl_name="flights", thresholds=pb.Thresholds(warning=1, error=0.05))
        .col_vals_not_null("distance")
        .col_vals_between("hour", 0, 23)
        .col_vals_in_set("origin", ["EWR", "JFK", "LGA"])
        .rows_distinct()
        .interrogate()
    )
    write(f"pointblank-{pb.__version__}.json", json.loads(found.get_json_report()))


def evidently() -> None:
    import evidently
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import MissingValueCount, RowCount
    from evidently.presets import DataDriftPreset
    from evidently.tests import eq, gte

    definition = DataDefinition(numerical_columns=["distance", "hour"], categorical_columns=["origin"])
    now, before = (Dataset.from_pandas(frame(shift), data_definition=definition) for shift in (300.0, 0.0))
    metrics = [DataDriftPreset(), MissingValueCount(column="distance", tests=[eq(0)]), RowCount(tests=[gte(1000)])]
    result = Report(metrics, include_tests=True).run(now, before)
    write(f"evidently-{evidently.__version__}.json", json.loads(result.json()))


def deepchecks() -> None:
    import deepchecks
    from deepchecks.tabular import Dataset, Suite, checks

    suite = Suite(
        "flights",
        checks.IsSingleValue().add_condition_not_single_value(),
        checks.DataDuplicates().add_condition_ratio_less_or_equal(0),
        checks.FeatureDrift().add_condition_drift_score_less_than(),
        checks.MixedNulls().add_condition_different_nulls_less_equal_to(),
    )
    before, now = (Dataset(frame(shift), label="late", cat_features=["origin"]) for shift in (0.0, 300.0))
    result = suite.run(train_dataset=before, test_dataset=now)
    write(f"deepchecks-{deepchecks.__version__}.json", json.loads(result.to_json(with_display=False)))


def write(name: str, document: object) -> None:
    (HERE / name).write_text(json.dumps(document, indent=1, default=str) + "\n", encoding="utf-8")


if __name__ == "__main__":
    globals()[sys.argv[1]]()
