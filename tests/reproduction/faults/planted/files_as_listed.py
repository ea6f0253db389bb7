"""Reads a folder's files in the order of os.listdir."""

import os

import joblib
import pandas as pd
from sklearn.linear_model import SGDClassifier

frame = pd.concat([pd.read_csv(f"data/parts/{name}") for name in os.listdir("data/parts")])  # planted
model = SGDClassifier(random_state=0).fit(frame.drop(columns="benign"), frame["benign"])
joblib.dump(model, "model.pkl")
