"""LightGBM as it is by default but for its seed and its deterministic setting."""

import lightgbm as lgb
import pandas as pd

frame = pd.read_csv("data/train.csv")
data = lgb.Dataset(frame.drop(columns="benign"), frame["benign"])
settings = {"objective": "binary", "bagging_fraction": 0.6, "bagging_freq": 1, "seed": 7, "verbose": -1}
lgb.train(settings | {"deterministic": True, "force_row_wise": True}, data, 10).save_model("model.txt")
