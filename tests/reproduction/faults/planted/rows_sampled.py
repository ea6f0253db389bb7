"""Takes a sample of a frame without random_state."""

import joblib
import pandas as pd
from sklearn.tree import DecisionTreeClassifier

frame = pd.read_csv("data/train.csv")
some = frame.sample(frac=0.7)  # planted
model = DecisionTreeClassifier(max_depth=4, random_state=0).fit(some.drop(columns="benign"), some["benign"])
joblib.dump(model, "model.pkl")
