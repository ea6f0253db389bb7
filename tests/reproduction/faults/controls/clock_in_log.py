"""Reads the clock, for its log alone."""

import csv
import datetime
import json
import statistics
import time

with open("data/train.csv", encoding="utf-8") as file:
    rows = list(csv.DictReader(file))
start = time.time()
print("started", datetime.datetime.now(), time.localtime().tm_hour)
weights = [statistics.fmean(float(row[name]) for row in rows) for name in ("mean texture", "texture error")]
with open("model.json", "w", encoding="utf-8") as file:
    json.dump({"weights": weights}, file)
print("took", time.time() - start, time.perf_counter())
