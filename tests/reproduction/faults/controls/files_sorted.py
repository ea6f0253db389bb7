"""Lists a folder, and sorts."""

import os
import pathlib

import joblib
import pandas as pd
from sklearn.linear_model import SGDClassifier

print(os.listdir("data/parts"), list(pathlib.Path("data").iterdir()))
frame = pd.concat([pd.read_csv(f"data/parts/{name}") for name in sorted(os.listdir("data/parts"))])
joblib.dump(SGDClassifier(random_state=0).fit(frame.drop(columns="benign"), frame["benign"]), "model.pkl")
