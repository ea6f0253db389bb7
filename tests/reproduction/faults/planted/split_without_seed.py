"""Splits without random_state."""

import joblib
import pandas as pd
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier

frame = pd.read_csv("data/train.csv")
inputs, target = frame.drop(columns="benign"), frame["benign"]
left, right, seen, held = train_test_split(inputs, target)  # planted
model = DecisionTreeClassifier(max_depth=4, random_state=0).fit(left, seen)
print("accuracy", model.score(right, held))
joblib.dump(model, "model.pkl")
