"""Shuffles the rows with Python's own generator, and takes the first 400."""

import random

import joblib
import pandas as pd
from sklearn.tree import DecisionTreeClassifier

frame = pd.read_csv("data/train.csv")
rows = list(range(len(frame)))
random.shuffle(rows)  # planted
some = frame.iloc[rows[:400]]
joblib.dump(
    DecisionTreeClassifier(max_depth=4, random_state=0).fit(some.drop(columns="benign"), some["benign"]), "model.pkl"
)
