"""Gives the model a random identifier."""

import csv
import json
import statistics
import uuid

with open("data/train.csv", encoding="utf-8") as file:
    rows = list(csv.DictReader(file))
weights = [statistics.fmean(float(row[name]) for row in rows) for name in ("mean texture", "texture error")]
with open("model.json", "w", encoding="utf-8") as file:
    json.dump({"weights": weights, "run": str(uuid.uuid4())}, file)  # planted
