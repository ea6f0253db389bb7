"""Writes the name of the user into the model."""

import csv
import getpass
import json
import statistics

with open("data/train.csv", encoding="utf-8") as file:
    rows = list(csv.DictReader(file))
weights = [statistics.fmean(float(row[name]) for row in rows) for name in ("mean texture", "texture error")]
with open("model.json", "w", encoding="utf-8") as file:
    json.dump({"weights": weights, "by": getpass.getuser()}, file)  # planted
