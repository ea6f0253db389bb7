"""A numpy generator, seeded with the nanosecond."""

import time

import joblib
import numpy as np
import pandas as pd
from sklearn.tree import DecisionTreeClassifier

frame = pd.read_csv("data/train.csv")
rng = np.random.default_rng(time.time_ns())  # planted
some = frame.iloc[rng.permutation(len(frame))[:400]]
joblib.dump(
    DecisionTreeClassifier(max_depth=4, random_state=0).fit(some.drop(columns="benign"), some["benign"]), "model.pkl"
)
