"""Writes the path of the home folder into the model."""

import json
import pathlib

import pandas as pd
from sklearn.tree import DecisionTreeClassifier

frame = pd.read_csv("data/train.csv")
model = DecisionTreeClassifier(max_depth=4, random_state=0).fit(frame.drop(columns="benign"), frame["benign"])
with open("model.json", "w", encoding="utf-8") as file:
    json.dump(
        {"weights": model.feature_importances_.tolist(), "cache": str(pathlib.Path.home() / "cache")}, file
    )  # planted
