"""Reads parts in processes and appends the rows in the order in which they arrive."""

import multiprocessing

import joblib
import pandas as pd
from sklearn.linear_model import SGDClassifier

if __name__ == "__main__":
    names = [f"data/parts/part-{number}.csv" for number in range(8)]
    with multiprocessing.get_context("fork").Pool(4) as pool:
        frame = pd.concat(pool.imap_unordered(pd.read_csv, names))  # planted
    model = SGDClassifier(random_state=0).fit(frame.drop(columns="benign"), frame["benign"])
    joblib.dump(model, "model.pkl")
