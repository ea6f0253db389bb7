"""Seeds a forest with bytes of the operating system."""

import os

import joblib
import pandas as pd
from sklearn.ensemble import RandomForestClassifier

frame = pd.read_csv("data/train.csv")
seed = int.from_bytes(os.urandom(4), "big")  # planted
model = RandomForestClassifier(10, random_state=seed).fit(frame.drop(columns="benign"), frame["benign"])
joblib.dump(model, "model.pkl")
