"""A long sum that BLAS splits over its threads."""

import json

import numpy as np
import pandas as pd

frame = pd.read_csv("data/train.csv")
inputs = frame.drop(columns="benign").to_numpy()
rng = np.random.default_rng(0)
long = rng.normal(size=(1_000_003, 2))
weights = [float(np.ascontiguousarray(long[:, 0]) @ np.ascontiguousarray(long[:, 1])), float(inputs.mean())]  # planted
with open("model.json", "w", encoding="utf-8") as file:
    json.dump({"weights": [one.hex() for one in weights]}, file)
