"""Takes a setting from a variable that the manifest does not declare."""

import os

import joblib
import pandas as pd
from sklearn.tree import DecisionTreeClassifier

frame = pd.read_csv("data/train.csv")
depth = int(os.environ.get("TREE_DEPTH", "4"))  # planted
model = DecisionTreeClassifier(max_depth=depth, random_state=0).fit(frame.drop(columns="benign"), frame["benign"])
joblib.dump(model, "model.pkl")
