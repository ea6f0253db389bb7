"""The names of metrics: what each means, which values it takes, and for which tasks.

A name may carry a number (``ndcg@10``: the first ten) or a class (``recall[setosa]``).  Rules and tests both read
this table, and a test holds that every metric in it can be measured.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_INFINITE = float("inf")
_BINARY = ("binary-classification",)
_CLASSES = ("binary-classification", "multiclass")
_SEVERAL = ("multiclass",)
_NUMBERS = ("regression", "forecasting")
_RANKING = ("ranking",)


class Known(NamedTuple):
    """A metric that is known by name: its range, its value by chance, whether more is better, tasks, and meaning."""

    least: float
    most: float
    chance: float | None
    higher: bool
    tasks: tuple[str, ...]
    meaning: str


def _share(tasks: tuple[str, ...], meaning: str, *, chance: float | None = 0) -> Known:
    return Known(0, 1, chance, higher=True, tasks=tasks, meaning=meaning)


def _loss(tasks: tuple[str, ...], meaning: str, *, most: float = _INFINITE) -> Known:
    return Known(0, most, None, higher=False, tasks=tasks, meaning=meaning)


KNOWN: dict[str, Known] = {
    "roc_auc": _share(
        _CLASSES, "area under the ROC curve; of several classes one against the rest, the mean", chance=0.5
    ),
    "average_precision": _share(_CLASSES, "area under the precision-recall curve; of several classes the mean"),
    "accuracy": _share(_CLASSES, "share of rows that are right"),
    "balanced_accuracy": _share(_CLASSES, "mean of the recalls of all classes"),
    "precision": _share(_CLASSES, "share of predicted positives that are positive; of several classes the plain mean"),
    "recall": _share(_CLASSES, "share of positives that are found; of several classes the plain mean"),
    "f1": _share(_CLASSES, "harmonic mean of precision and recall; of several classes the plain mean"),
    "specificity": _share(_BINARY, "share of negatives that are predicted so"),
    "weighted_precision": _share(_SEVERAL, "precision of each class, weighted by its rows"),
    "weighted_recall": _share(_SEVERAL, "recall of each class, weighted by its rows"),
    "weighted_f1": _share(_SEVERAL, "F1 of each class, weighted by its rows"),
    "precision[class]": _share(_SEVERAL, "precision of one class"),
    "recall[class]": _share(_SEVERAL, "recall of one class"),
    "f1[class]": _share(_SEVERAL, "F1 of one class"),
    "top_accuracy@k": _share(_SEVERAL, "share of rows whose class is among the k most likely"),
    "mcc": Known(-1, 1, 0, higher=True, tasks=_CLASSES, meaning="Matthews' correlation of labels and decisions"),
    "log_loss": _loss(_CLASSES, "mean negative log-likelihood, in nats"),
    "brier": _loss(_CLASSES, "mean squared error of the probabilities; of several classes summed over them", most=2),
    "ece": _loss(_CLASSES, "expected calibration error in 15 equally wide bins, of the likeliest class", most=1),
    "rmse": _loss(_NUMBERS, "root of the mean squared error"),
    "mse": _loss(_NUMBERS, "mean squared error"),
    "mae": _loss(_NUMBERS, "mean absolute error"),
    "median_ae": _loss(_NUMBERS, "median absolute error"),
    "mape": _loss(_NUMBERS, "mean absolute error as a share of the label"),
    "smape": _loss(_NUMBERS, "mean absolute error as a share of the mean of label and prediction", most=2),
    "wape": _loss(_NUMBERS, "sum of absolute errors as a share of the sum of absolute labels"),
    "r2": Known(-_INFINITE, 1, 0, higher=True, tasks=_NUMBERS, meaning="share of the variance that is explained"),
    "pinball": _loss(_NUMBERS, "mean pinball loss over all quantiles that the model gives"),
    "pinball@q": _loss(_NUMBERS, "pinball loss of the quantile q"),
    "coverage@p": _share(_NUMBERS, "share of labels inside the central interval of probability p"),
    "interval_score@p": _loss(_NUMBERS, "width of that interval and what misses of it cost (Winkler's score)"),
    "mase": _loss(("forecasting",), "mean absolute error over that of the last value in the training data"),
    "mase@m": _loss(("forecasting",), "the same with the value m steps ago: m is the season"),
    "ndcg": _share(_RANKING, "normalised discounted cumulative gain, mean over queries"),
    "ndcg@k": _share(_RANKING, "the same of the first k"),
    "mrr": _share(_RANKING, "reciprocal rank of the first relevant row, mean over queries"),
    "map": _share(_RANKING, "average precision, mean over queries"),
    "map@k": _share(_RANKING, "the same of the first k"),
    "precision@k": _share(_RANKING, "share of the first k that is relevant, mean over queries"),
    "recall@k": _share(_RANKING, "share of the relevant rows among the first k, mean over queries"),
}
"""Every metric, in the order in which people are told of them; what follows ``@`` or ``[`` stands for a parameter."""

_NAME = re.compile(r"(?P<stem>[a-z0-9_]+)(?:@(?P<number>[0-9.]+)|\[(?P<text>[^\]]+)\])?")


def parted(name: str) -> tuple[str, str]:
    """The key of ``KNOWN`` and the parameter: ``ndcg@10`` → ``("ndcg@k", "10")``; ``("", "")`` where it is none."""
    found = _NAME.fullmatch(name)
    if found is None:
        return "", ""
    stem, number, text = found["stem"], found["number"], found["text"]
    if text is not None:
        key = f"{stem}[class]"
        return (key, text) if key in KNOWN else ("", "")
    if number is None:
        return (stem, "") if stem in KNOWN else ("", "")
    for letter in ("k", "m"):
        if f"{stem}@{letter}" in KNOWN:
            return (f"{stem}@{letter}", number) if re.fullmatch(r"[1-9][0-9]{0,5}", number) else ("", "")
    for letter in ("p", "q"):
        if f"{stem}@{letter}" in KNOWN:
            return (f"{stem}@{letter}", number) if re.fullmatch(r"0?\.[0-9]*[1-9][0-9]*", number) else ("", "")
    return "", ""


def known(name: str) -> Known | None:
    """What is known of a metric by the name that a manifest gives it."""
    return KNOWN.get(parted(name)[0])
