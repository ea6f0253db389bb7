"""Averages as many models as the machine has processors."""

import os

import joblib
import numpy as np
import pandas as pd
from sklearn.tree import DecisionTreeClassifier

frame = pd.read_csv("data/train.csv")
shards = len(os.sched_getaffinity(0))  # planted
models = []
for number in range(shards):
    some = frame.iloc[number::shards]
    models.append(DecisionTreeClassifier(max_depth=4, random_state=0).fit(some.drop(columns="benign"), some["benign"]))
joblib.dump(np.mean([one.feature_importances_ for one in models], axis=0), "model.pkl")
