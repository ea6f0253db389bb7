"""Hashes words into buckets with hash()."""

import joblib
import numpy as np
import pandas as pd
from sklearn.tree import DecisionTreeClassifier

frame = pd.read_csv("data/train.csv")
inputs = np.zeros((len(frame), 8))
for row, value in enumerate(frame["mean texture"]):
    inputs[row, hash(f"texture={value:.0f}") % 8] = 1  # planted
joblib.dump(DecisionTreeClassifier(max_depth=4, random_state=0).fit(inputs, frame["benign"]), "model.pkl")
