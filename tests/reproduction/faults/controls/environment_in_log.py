"""Reads variables, the user and the folder, for its log alone."""

import csv
import getpass
import json
import os
import pathlib
import statistics

with open("data/train.csv", encoding="utf-8") as file:
    rows = list(csv.DictReader(file))
print(
    os.environ.get("BUILD_NUMBER", "none"), os.environ.get("HOME"), getpass.getuser(), os.getcwd(), pathlib.Path.home()
)
weights = [statistics.fmean(float(row[name]) for row in rows) for name in ("mean texture", "texture error")]
with open("model.json", "w", encoding="utf-8") as file:
    json.dump({"weights": weights}, file)
