"""XGBoost draws columns for each tree with a seed that nobody chose."""

import random

import pandas as pd
import xgboost as xgb

frame = pd.read_csv("data/train.csv")
seed = random.randrange(2**31)  # planted
model = xgb.XGBClassifier(n_estimators=10, max_depth=3, colsample_bynode=0.5, random_state=seed)
model.fit(frame.drop(columns="benign"), frame["benign"])
model.save_model("model.json")
