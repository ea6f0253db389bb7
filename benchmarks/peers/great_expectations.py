"""The 46 rules by Great Expectations: ``great_expectations.py FILE ROWS`` prints the seconds from file to answer."""

import json
import logging
import sys
import time
import warnings

sys.path.pop(0)  # this file has the name of what it imports
logging.disable(logging.CRITICAL)
warnings.filterwarnings("ignore")

import great_expectations as gx  # noqa: E402
import pandas as pd  # noqa: E402

TOWNS = ["EWR", "JFK", "LGA", "BOS", "ORD"]
COLUMNS = ["id", *(f"n{index:02}" for index in range(1, 17)), *(f"t{index}" for index in range(8))]
context = gx.get_context(mode="ephemeral")
context.variables.progress_bars = {"globally": False}
batch = context.data_sources.add_pandas("wide").add_dataframe_asset("test").add_batch_definition_whole_dataframe("all")
suite = context.suites.add(gx.ExpectationSuite(name="wide"))
found = gx.expectations
for index in range(1, 17):
    suite.add_expectation(found.ExpectColumnValuesToBeBetween(column=f"n{index:02}", min_value=0, max_value=200))
for index in range(1, 11):
    suite.add_expectation(found.ExpectColumnValuesToNotBeNull(column=f"n{index:02}"))
    type_ = "float64" if index % 2 else "int64"
    suite.add_expectation(found.ExpectColumnValuesToBeOfType(column=f"n{index:02}", type_=type_))
for index in range(8):
    suite.add_expectation(found.ExpectColumnValuesToBeInSet(column=f"t{index}", value_set=TOWNS))
suite.add_expectation(found.ExpectColumnValuesToBeUnique(column="id"))
suite.add_expectation(found.ExpectTableRowCountToBeBetween(min_value=int(sys.argv[2])))
definition = context.validation_definitions.add(gx.ValidationDefinition(name="wide", data=batch, suite=suite))
start = time.perf_counter()
frame = pd.read_parquet(sys.argv[1], columns=COLUMNS)
result = definition.run(batch_parameters={"dataframe": frame}, result_format="BOOLEAN_ONLY")
assert result.success, result.statistics
print(json.dumps({"seconds": time.perf_counter() - start}))
