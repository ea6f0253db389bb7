"""XGBoost, seeded with the second in which it starts."""

import time

import pandas as pd
import xgboost as xgb

frame = pd.read_csv("data/train.csv")
data = xgb.DMatrix(frame.drop(columns="benign"), frame["benign"])
seed = int(time.time())  # planted
settings = {"objective": "binary:logistic", "subsample": 0.6, "seed": seed, "nthread": 1}
xgb.train(settings, data, 10).save_model("model.json")
