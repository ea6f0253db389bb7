"""LightGBM adds up weighted gradients in as many parts as there are threads, and nothing says how many there are."""

import lightgbm as lgb
import numpy as np

generator = np.random.default_rng(0)
inputs = generator.normal(size=(40_000, 4))
target = inputs[:, 0] * inputs[:, 1] - 3 * inputs[:, 2]
data = lgb.Dataset(inputs, target, weight=generator.random(len(target)))
settings = {"objective": "regression", "force_row_wise": True, "verbose": -1}
lgb.train(settings, data, 10).save_model("model.txt")  # planted
