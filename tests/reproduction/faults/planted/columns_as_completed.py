"""Computes columns in threads and takes them as they finish."""

import concurrent.futures
import time

import joblib
import numpy as np
import pandas as pd
from sklearn.tree import DecisionTreeClassifier

frame = pd.read_csv("data/train.csv")


def column(power: int) -> np.ndarray:
    time.sleep(0.02)
    return frame["mean texture"].to_numpy() ** power + frame["texture error"].to_numpy()


with concurrent.futures.ThreadPoolExecutor(8) as pool:
    futures = [pool.submit(column, power) for power in range(1, 9)]
    inputs = np.column_stack([one.result() for one in concurrent.futures.as_completed(futures)])  # planted
joblib.dump(DecisionTreeClassifier(max_depth=6, random_state=0).fit(inputs, frame["benign"]), "model.pkl")
