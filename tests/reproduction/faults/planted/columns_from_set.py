"""Takes its columns from a set of names."""

import joblib
import pandas as pd
from sklearn.tree import DecisionTreeClassifier

frame = pd.read_csv("data/train.csv")
wanted = {"mean texture", "mean smoothness", "mean symmetry", "texture error"}
inputs = frame[list(wanted)]  # planted
joblib.dump(DecisionTreeClassifier(max_depth=4, random_state=0).fit(inputs, frame["benign"]), "model.pkl")
