"""LightGBM adds up weighted gradients, and its deterministic setting makes that one sum for any number of threads."""

import lightgbm as lgb
import numpy as np

generator = np.random.default_rng(0)
inputs = generator.normal(size=(40_000, 4))
target = inputs[:, 0] * inputs[:, 1] - 3 * inputs[:, 2]
data = lgb.Dataset(inputs, target, weight=generator.random(len(target)))
settings = {"objective": "regression", "deterministic": True, "force_row_wise": True, "verbose": -1}
lgb.train(settings, data, 10).save_model("model.txt")
