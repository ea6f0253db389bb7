"""Takes a feature from the length of an absolute path."""

import os

import joblib
import pandas as pd
from sklearn.tree import DecisionTreeRegressor

frame = pd.read_csv("data/train.csv")
inputs = frame.drop(columns="benign")
inputs["origin"] = len(os.path.abspath("data/train.csv"))  # planted
joblib.dump(DecisionTreeRegressor(max_depth=3, random_state=0).fit(inputs, inputs["origin"]), "model.pkl")
