"""NannyML's univariate drift: ``nannyml.py REFERENCE CURRENT`` prints the seconds from the files to the answer.

Its continuous method is Jensen-Shannon and the categorical one too, which are its defaults; the data are one chunk.
"""

import json
import sys
import time
import warnings

sys.path.pop(0)  # this file has the name of what it imports
warnings.filterwarnings("ignore")

import nannyml as nml  # noqa: E402
import pandas as pd  # noqa: E402

columns = [f"n{index:02}" for index in range(1, 22)] + [f"t{index}" for index in range(8)]
start = time.perf_counter()
before, now = (pd.read_parquet(path, columns=columns) for path in sys.argv[1:3])
calculator = nml.UnivariateDriftCalculator(column_names=columns, chunk_number=1)
calculator.fit(before)
result = calculator.calculate(now)
assert len(result.to_df()) >= 1
print(json.dumps({"seconds": time.perf_counter() - start}))
