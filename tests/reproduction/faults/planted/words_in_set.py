"""Gives words numbers in the order of a set."""

import csv
import json

with open("data/train.csv", encoding="utf-8") as file:
    rows = list(csv.DictReader(file))
words = {f"texture-{float(row['mean texture']):.0f}" for row in rows}
numbers = {word: number for number, word in enumerate(words)}  # planted
with open("model.json", "w", encoding="utf-8") as file:
    json.dump({"vocabulary": numbers}, file)
