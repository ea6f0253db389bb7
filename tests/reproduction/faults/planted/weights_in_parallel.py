"""XGBoost's linear booster lets its threads write the same gradients without asking each other."""

import numpy as np
import xgboost as xgb

generator = np.random.default_rng(0)
inputs = generator.integers(-9, 9, size=(20_000, 40))
target = inputs[:, :8].sum(axis=1) > 0
settings = {"booster": "gblinear", "updater": "shotgun", "objective": "binary:logistic"}
xgb.train(settings, xgb.DMatrix(inputs, target), 20).save_model("model.json")  # planted
