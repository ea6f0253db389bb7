"""The 46 rules by Pointblank: ``pointblank.py FILE ROWS`` prints the seconds from the file to the answer."""

import json
import sys
import time

sys.path.pop(0)  # this file has the name of what it imports

import pointblank as pb
import polars as pl

TOWNS = ["EWR", "JFK", "LGA", "BOS", "ORD"]
COLUMNS = ["id", *(f"n{index:02}" for index in range(1, 17)), *(f"t{index}" for index in range(8))]
start = time.perf_counter()
plan = pb.Validate(pl.read_parquet(sys.argv[1], columns=COLUMNS))
for index in range(1, 17):
    plan = plan.col_vals_between(f"n{index:02}", 0, 200)
for index in range(1, 11):
    plan = plan.col_vals_not_null(f"n{index:02}")
    plan = plan.col_schema_match(
        pb.Schema(columns=[(f"n{index:02}", "Float64" if index % 2 else "Int64")]), complete=False
    )
for index in range(8):
    plan = plan.col_vals_in_set(f"t{index}", TOWNS)
plan = plan.rows_distinct(columns_subset="id").row_count_match(int(sys.argv[2]))
assert plan.interrogate().all_passed()
print(json.dumps({"seconds": time.perf_counter() - start}))
