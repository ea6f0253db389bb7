"""Numbers categories in the order of a set."""

import joblib
import pandas as pd
from sklearn.tree import DecisionTreeClassifier

frame = pd.read_csv("data/train.csv")
size = pd.cut(frame["mean texture"], 6, labels=["xs", "s", "m", "l", "xl", "xxl"]).astype(str)
codes = {name: number for number, name in enumerate(set(size))}  # planted
inputs = frame.drop(columns="benign").assign(size=size.map(codes))
joblib.dump(DecisionTreeClassifier(max_depth=6, random_state=0).fit(inputs, frame["benign"]), "model.pkl")
