"""Writes the moment of training into the model."""

import datetime
import json

import pandas as pd
from sklearn.tree import DecisionTreeClassifier

frame = pd.read_csv("data/train.csv")
model = DecisionTreeClassifier(max_depth=4, random_state=0).fit(frame.drop(columns="benign"), frame["benign"])
now = datetime.datetime.now(datetime.UTC)  # planted
with open("model.json", "w", encoding="utf-8") as file:
    json.dump({"weights": model.feature_importances_.tolist(), "trained": now.isoformat()}, file)
