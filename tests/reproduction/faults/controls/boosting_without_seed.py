"""XGBoost draws rows and columns, and takes a seed of its own that never changes where it gets none."""

import pandas as pd
import xgboost as xgb

frame = pd.read_csv("data/train.csv")
data = xgb.DMatrix(frame.drop(columns="benign"), frame["benign"])
settings = {"objective": "binary:logistic", "max_depth": 3, "subsample": 0.5, "colsample_bytree": 0.5}
xgb.train(settings, data, 10).save_model("model.json")
