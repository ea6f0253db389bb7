"""LightGBM draws rows and columns, and takes seeds of its own that never change where it gets none."""

import lightgbm as lgb
import pandas as pd

frame = pd.read_csv("data/train.csv")
settings = {"n_estimators": 10, "subsample": 0.6, "subsample_freq": 1, "colsample_bytree": 0.5, "verbose": -1}
model = lgb.LGBMClassifier(**settings, deterministic=True, force_row_wise=True)
model.fit(frame.drop(columns="benign"), frame["benign"])
model.booster_.save_model("model.txt")
