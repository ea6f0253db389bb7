"""Splits a long sum over as many threads as BLAS has, as BLAS itself does."""

import json

import numpy as np
import threadpoolctl

numbers = np.random.default_rng(0).normal(size=100_003).tolist()
threads = max(pool["num_threads"] for pool in threadpoolctl.threadpool_info())  # planted
parts = [sum(numbers[part::threads]) for part in range(threads)]
with open("model.json", "w", encoding="utf-8") as file:
    json.dump({"weights": [sum(parts).hex()]}, file)
