"""XGBoost draws rows for each tree with a seed that the clock gave."""

import time

import pandas as pd
import xgboost as xgb

frame = pd.read_csv("data/train.csv")
data = xgb.DMatrix(frame.drop(columns="benign"), frame["benign"])
seed = time.time_ns() % 2**31  # planted
settings = {"objective": "binary:logistic", "max_depth": 3, "subsample": 0.5, "seed": seed}
xgb.train(settings, data, 10).save_model("model.json")
