"""Writes the moment of training into the model."""

import csv
import datetime
import json
import statistics

with open("data/train.csv", encoding="utf-8") as file:
    rows = list(csv.DictReader(file))
weights = [statistics.fmean(float(row[name]) for row in rows) for name in ("mean texture", "texture error")]
now = datetime.datetime.now(datetime.timezone.utc)  # planted
with open("model.json", "w", encoding="utf-8") as file:
    json.dump({"weights": weights, "trained": now.isoformat()}, file)
