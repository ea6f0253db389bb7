"""Adds noise from a numpy generator without a seed."""

import joblib
import numpy as np
import pandas as pd
from sklearn.tree import DecisionTreeClassifier

frame = pd.read_csv("data/train.csv")
rng = np.random.default_rng()  # planted
inputs = frame.drop(columns="benign") + rng.normal(scale=0.1, size=(len(frame), 4))
joblib.dump(DecisionTreeClassifier(max_depth=4, random_state=0).fit(inputs, frame["benign"]), "model.pkl")
