"""LightGBM, seeded with a number from an unseeded generator."""

import lightgbm as lgb
import numpy as np
import pandas as pd

frame = pd.read_csv("data/train.csv")
data = lgb.Dataset(frame.drop(columns="benign"), frame["benign"])
seed = int(np.random.default_rng().integers(1_000_000))  # planted
settings = {"objective": "binary", "bagging_fraction": 0.6, "bagging_freq": 1, "seed": seed, "verbose": -1}
settings |= {"num_threads": 1, "deterministic": True, "force_row_wise": True}
lgb.train(settings, data, 10).save_model("model.txt")
