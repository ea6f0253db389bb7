"""Reads text in the encoding of the locale."""

import joblib
import numpy as np
from sklearn.tree import DecisionTreeRegressor

with open("data/places.txt", errors="replace") as file:  # planted
    names = file.read().splitlines()
inputs = np.array([[len(name), float(name.isascii())] for name in names])
joblib.dump(DecisionTreeRegressor(max_depth=6, random_state=0).fit(inputs, np.arange(len(names))), "model.pkl")
