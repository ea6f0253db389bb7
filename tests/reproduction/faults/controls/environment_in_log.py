"""Reads variables, the user and the folder, for its log alone."""

import getpass
import os
import pathlib

import joblib
import pandas as pd
from sklearn.tree import DecisionTreeClassifier

print(
    os.environ.get("BUILD_NUMBER", "none"), os.environ.get("HOME"), getpass.getuser(), os.getcwd(), pathlib.Path.home()
)
frame = pd.read_csv("data/train.csv")
joblib.dump(
    DecisionTreeClassifier(max_depth=4, random_state=0).fit(frame.drop(columns="benign"), frame["benign"]), "model.pkl"
)
