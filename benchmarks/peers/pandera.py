"""The 46 rules by Pandera: ``pandera.py FILE ROWS`` prints the seconds from the file to the answer."""

import json
import sys
import time

sys.path.pop(0)  # this file has the name of what it imports

import pandas as pd
import pandera.pandas as pa

TOWNS = ["EWR", "JFK", "LGA", "BOS", "ORD"]
columns = {}
for index in range(1, 17):
    typed = index <= 10
    columns[f"n{index:02}"] = pa.Column(
        (float if index % 2 else int) if typed else None, pa.Check.in_range(0, 200), nullable=not typed
    )
columns |= {f"t{index}": pa.Column(None, pa.Check.isin(TOWNS), nullable=True) for index in range(8)}
columns["id"] = pa.Column(None, unique=True, nullable=True)
schema = pa.DataFrameSchema(columns, checks=pa.Check(lambda frame: len(frame) >= int(sys.argv[2])))
start = time.perf_counter()
schema.validate(pd.read_parquet(sys.argv[1]), lazy=True)
print(json.dumps({"seconds": time.perf_counter() - start}))
