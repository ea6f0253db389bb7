"""The hour of an event, in the time zone of the machine."""

import datetime

import joblib
import pandas as pd
from sklearn.tree import DecisionTreeClassifier

frame = pd.read_csv("data/train.csv")
stamps = [1_700_000_000 + 5_000 * row for row in range(len(frame))]
hours = [datetime.datetime.fromtimestamp(stamp).hour for stamp in stamps]  # planted
inputs = frame.drop(columns="benign").assign(hour=hours)
joblib.dump(DecisionTreeClassifier(max_depth=6, random_state=0).fit(inputs, frame["benign"]), "model.pkl")
