"""Grows a forest without random_state."""

import joblib
import pandas as pd
from sklearn.ensemble import RandomForestClassifier

frame = pd.read_csv("data/train.csv")
inputs, target = frame.drop(columns="benign"), frame["benign"]
model = RandomForestClassifier(10).fit(inputs, target)  # planted
joblib.dump(model, "model.pkl")
