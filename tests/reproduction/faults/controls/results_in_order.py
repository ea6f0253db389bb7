"""Computes in threads, and takes results in the order in which they were asked for."""

import concurrent.futures
import os

import joblib
import numpy as np
import pandas as pd
from sklearn.tree import DecisionTreeClassifier

frame = pd.read_csv("data/train.csv")
with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    columns = list(pool.map(lambda power: frame["mean texture"].to_numpy() ** power, range(1, 9)))
inputs = np.column_stack(columns)
joblib.dump(DecisionTreeClassifier(max_depth=6, random_state=0).fit(inputs, frame["benign"]), "model.pkl")
