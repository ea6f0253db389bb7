"""Draws from unseeded generators, for its log alone."""

import os
import random
import uuid

import joblib
import numpy as np
import pandas as pd
from sklearn.tree import DecisionTreeClassifier

print(uuid.uuid4(), os.urandom(4).hex(), random.random(), np.random.default_rng().normal(), np.random.normal())
frame = pd.read_csv("data/train.csv")
joblib.dump(
    DecisionTreeClassifier(max_depth=4, random_state=0).fit(frame.drop(columns="benign"), frame["benign"]), "model.pkl"
)
