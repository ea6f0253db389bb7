"""Uses sets and hash(), and nothing depends on their order."""

import joblib
import pandas as pd
from sklearn.tree import DecisionTreeClassifier

frame = pd.read_csv("data/train.csv")
wanted = set(frame.columns) - {"benign"}
print(wanted, hash("texture"))
inputs = frame[sorted(wanted)]
joblib.dump(DecisionTreeClassifier(max_depth=4, random_state=0).fit(inputs, frame["benign"]), "model.pkl")
