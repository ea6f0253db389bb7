"""Permutes the rows with numpy's global generator."""

import joblib
import numpy as np
import pandas as pd
from sklearn.tree import DecisionTreeClassifier

frame = pd.read_csv("data/train.csv")
some = frame.iloc[np.random.permutation(len(frame))[:400]]  # planted
joblib.dump(
    DecisionTreeClassifier(max_depth=4, random_state=0).fit(some.drop(columns="benign"), some["benign"]), "model.pkl"
)
