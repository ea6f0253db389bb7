"""Gives the model a random identifier."""

import json
import uuid

import pandas as pd
from sklearn.tree import DecisionTreeClassifier

frame = pd.read_csv("data/train.csv")
model = DecisionTreeClassifier(max_depth=4, random_state=0).fit(frame.drop(columns="benign"), frame["benign"])
with open("model.json", "w", encoding="utf-8") as file:
    json.dump({"weights": model.feature_importances_.tolist(), "run": str(uuid.uuid4())}, file)  # planted
