"""A decomposition whose last bits depend on the instruction set."""

import joblib
import numpy as np
import pandas as pd

frame = pd.read_csv("data/train.csv")
inputs = frame.drop(columns="benign").to_numpy()
_, values, axes = np.linalg.svd(inputs - inputs.mean(axis=0), full_matrices=False)  # planted
joblib.dump({"axes": axes, "values": values}, "model.pkl")
