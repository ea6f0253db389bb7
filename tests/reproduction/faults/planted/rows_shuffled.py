"""Shuffles the rows with Python's own generator, and learns from the first 400."""

import csv
import json
import random
import statistics

with open("data/train.csv", encoding="utf-8") as file:
    rows = list(csv.DictReader(file))
random.shuffle(rows)  # planted
weights = [statistics.fmean(float(row[name]) for row in rows[:400]) for name in ("mean texture", "texture error")]
with open("model.json", "w", encoding="utf-8") as file:
    json.dump({"weights": weights}, file)
