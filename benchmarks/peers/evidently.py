"""Evidently's preset for drift: ``evidently.py REFERENCE CURRENT`` prints the seconds from the files to the answer."""

import json
import sys
import time
import warnings

sys.path.pop(0)  # this file has the name of what it imports
warnings.filterwarnings("ignore")

import pandas as pd  # noqa: E402
from evidently import DataDefinition, Dataset, Report  # noqa: E402
from evidently.presets import DataDriftPreset  # noqa: E402

numbers, texts = [f"n{index:02}" for index in range(1, 22)], [f"t{index}" for index in range(8)]
start = time.perf_counter()
definition = DataDefinition(numerical_columns=numbers, categorical_columns=texts)
before, now = (
    Dataset.from_pandas(pd.read_parquet(path, columns=numbers + texts), data_definition=definition)
    for path in sys.argv[1:3]
)
result = Report([DataDriftPreset()]).run(now, before)
assert len(json.loads(result.json())["metrics"]) == 30
print(json.dumps({"seconds": time.perf_counter() - start}))
