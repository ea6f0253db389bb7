"""LightGBM draws columns for its trees with a seed that nobody chose."""

import lightgbm as lgb
import numpy as np
import pandas as pd

frame = pd.read_csv("data/train.csv")
chosen = np.random.default_rng().integers(2**31)  # planted
model = lgb.LGBMClassifier(n_estimators=10, colsample_bytree=0.5, random_state=int(chosen), verbose=-1)
model.set_params(deterministic=True, force_row_wise=True)
model.fit(frame.drop(columns="benign"), frame["benign"])
model.booster_.save_model("model.txt")
