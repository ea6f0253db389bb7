"""Uses sets, hash() and folders, and nothing depends on their order."""

import csv
import json
import os

with open("data/train.csv", encoding="utf-8") as file:
    rows = list(csv.DictReader(file))
words = {f"texture-{float(row['mean texture']):.0f}" for row in rows}
print(words, hash("texture"), os.listdir("data"))
with open("model.json", "w", encoding="utf-8") as file:
    json.dump({"vocabulary": {word: number for number, word in enumerate(sorted(words))}}, file)
