"""A feature that counts the days until today."""

import datetime

import joblib
import pandas as pd
from sklearn.tree import DecisionTreeRegressor

frame = pd.read_csv("data/train.csv")
inputs = frame.drop(columns="benign")
today = datetime.datetime.now(datetime.UTC).date()  # planted
inputs["age"] = [(today - datetime.date(2013, 1, 1 + row % 28)).days for row in range(len(frame))]
joblib.dump(DecisionTreeRegressor(random_state=0).fit(inputs, frame["benign"]), "model.pkl")
