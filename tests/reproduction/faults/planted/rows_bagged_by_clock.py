"""LightGBM draws rows for its trees with a seed that the clock gave."""

import time

import lightgbm as lgb
import pandas as pd

frame = pd.read_csv("data/train.csv")
data = lgb.Dataset(frame.drop(columns="benign"), frame["benign"])
seed = int(time.time() * 1000) % 2**31  # planted
settings = {"objective": "binary", "bagging_fraction": 0.6, "bagging_freq": 1, "bagging_seed": seed, "verbose": -1}
lgb.train(settings | {"deterministic": True, "force_row_wise": True}, data, 10).save_model("model.txt")
