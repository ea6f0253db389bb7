"""Every metric by its name; one with a parameter is made when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from mlops_gitops.manifests.metric_names import KNOWN, parted
from mlops_gitops.testing import statistics
from mlops_gitops.testing.estimates import Estimate
from mlops_gitops.testing.models.metrics import confusions, curves, medians, ranking, ratios
from mlops_gitops.testing.models.metrics.metric import Metric, spread
from mlops_gitops.testing.models.metrics.sample import Sample

WILSON = "Wilson 1927"
NEWCOMBE = "Wilson 1927, paired Newcombe 1998"
DELTA = "delta method"
LOGIT = "delta method on the logit scale"
DELONG = "DeLong 1988 on the logit scale"
PLUG_IN = "plug-in bounds less the largest bias; no paired one"
ORDER = "order statistics"
QUERIES = "mean over independent queries"

_NO_TASK: frozenset[str] = frozenset()
_SCORES = Metric("", _NO_TASK, higher_is_better=True, kinds=frozenset({"probability", "score"}), method=LOGIT)
_LIKELY = frozenset({"probability"})
_CHANCES = replace(_SCORES, kinds=_LIKELY, method=DELTA)
_DECISIONS = replace(_SCORES, kinds=frozenset({"probability", "label"}), method=DELTA)
_SHARES = replace(_DECISIONS, proportion=True, method=WILSON)
_VALUES = replace(_SCORES, kinds=frozenset({"value"}), method=DELTA)
_QUERIES = replace(_VALUES, kinds=frozenset({"value", "probability", "score"}), method=QUERIES)


def _accuracy_difference(before: Sample, after: Sample, confidence: float) -> Estimate:
    old, new = ratios.right(before), ratios.right(after)
    if after.blocks is None:
        return statistics.accuracy_difference(old == 1.0, new == 1.0, confidence=confidence)
    value = float(new.mean() - old.mean())
    return spread(value, new - old - value, after, confidence)


def _ranked(measure: Callable[[ranking.Ranked], statistics.Floats]) -> Metric:
    return replace(_QUERIES, influence=ranking.influence(measure))


def _mean(of: confusions.Of, *, weighted: bool = False) -> Metric:
    return replace(_DECISIONS, influence=confusions.averaged(of, weighted=weighted))


def _positive(of: confusions.Of, binary: Metric) -> Metric:
    """Of two classes that of the positive one, of several the plain mean."""
    return replace(binary, several=confusions.averaged(of, weighted=False))


_FIXED: dict[str, Metric] = {
    "roc_auc": replace(_SCORES, own=curves.roc_auc, own_difference=curves.roc_auc_difference, method=DELONG),
    "average_precision": replace(_SCORES, influence=curves.average_precision, logit=True),
    "accuracy": replace(_SHARES, top=ratios.right, own_difference=_accuracy_difference, method=NEWCOMBE),
    "balanced_accuracy": replace(_DECISIONS, influence=confusions.influence(confusions.balanced)),
    "precision": _positive("precision", replace(_SHARES, top=ratios.hits, bottom=ratios.calls)),
    "recall": _positive("recall", replace(_SHARES, top=ratios.hits, bottom=lambda sample: sample.labels)),
    "f1": _positive("f1", replace(_SHARES, top=ratios.hits, bottom=ratios.either, link="dice")),
    "specificity": replace(_SHARES, top=ratios.spared, bottom=lambda sample: 1 - sample.labels),
    "weighted_precision": _mean("precision", weighted=True),
    "weighted_recall": _mean("recall", weighted=True),
    "weighted_f1": _mean("f1", weighted=True),
    "mcc": replace(_DECISIONS, influence=confusions.influence(confusions.matthews)),
    "log_loss": replace(_CHANCES, top=ratios.surprise),
    "brier": replace(_CHANCES, top=ratios.brier),
    "ece": replace(_CHANCES, own=curves.calibration_error, own_difference=curves.no_difference, method=PLUG_IN),
    "rmse": replace(_VALUES, top=ratios.squared, link="root"),
    "mse": replace(_VALUES, top=ratios.squared),
    "mae": replace(_VALUES, top=ratios.absolute),
    "median_ae": replace(_VALUES, own=medians.median, own_difference=medians.difference, method=ORDER),
    "mape": replace(_VALUES, top=ratios.relative),
    "smape": replace(_VALUES, top=ratios.symmetric),
    "wape": replace(_VALUES, top=ratios.absolute, bottom=ratios.size),
    "r2": replace(_VALUES, top=ratios.squared, bottom=ratios.deviation, link="complement"),
    "pinball": replace(_VALUES, top=ratios.tilted_of_all),
    "mase": replace(_VALUES, top=ratios.scaled(1)),
    "ndcg": _ranked(ranking.ndcg(None)),
    "mrr": _ranked(ranking.reciprocal),
    "map": _ranked(ranking.mean_precision(None)),
}


def _class_of(of: confusions.Of) -> Callable[[str], Metric]:
    def made(name: str) -> Metric:
        top, bottom = confusions.of_class(of, name)
        return replace(_SHARES, top=top, bottom=bottom, link="dice" if of == "f1" else "identity")

    return made


_FAMILIES: dict[str, tuple[str, Callable[[str], Metric]]] = {
    "precision[class]": ("precision[setosa]", _class_of("precision")),
    "recall[class]": ("recall[setosa]", _class_of("recall")),
    "f1[class]": ("f1[setosa]", _class_of("f1")),
    "top_accuracy@k": (
        "top_accuracy@2",
        lambda k: replace(_SHARES, kinds=_LIKELY, top=ratios.among_first(int(k))),
    ),
    "pinball@q": (
        "pinball@0.9",
        lambda q: replace(_VALUES, top=lambda sample: ratios.tilted(sample, float(q))),
    ),
    "coverage@p": ("coverage@0.8", lambda p: replace(_SHARES, kinds=_VALUES.kinds, top=ratios.inside(float(p)))),
    "interval_score@p": ("interval_score@0.8", lambda p: replace(_VALUES, top=ratios.winkler(float(p)))),
    "mase@m": ("mase@7", lambda m: replace(_VALUES, top=ratios.scaled(int(m)))),
    "ndcg@k": ("ndcg@10", lambda k: _ranked(ranking.ndcg(int(k)))),
    "map@k": ("map@10", lambda k: _ranked(ranking.mean_precision(int(k)))),
    "precision@k": ("precision@10", lambda k: _ranked(ranking.precision(int(k)))),
    "recall@k": ("recall@10", lambda k: _ranked(ranking.recall(int(k)))),
}
"""Metrics with a parameter: an example of the name, and what makes one."""


class Catalogue(Mapping[str, Metric]):
    """Metrics by the names that manifests give them.  Iterating gives one example of each with a parameter."""

    def __getitem__(self, name: str) -> Metric:
        key, parameter = parted(name)
        made = _FAMILIES[key][1](parameter) if key in _FAMILIES else _FIXED[key]
        known = KNOWN[key]
        return replace(
            made,
            name=name,
            tasks=frozenset(known.tasks),
            higher_is_better=known.higher,
            least=known.least,
            most=known.most,
        )

    def __iter__(self) -> Iterator[str]:
        return iter(_FAMILIES[key][0] if key in _FAMILIES else key for key in KNOWN)

    def __len__(self) -> int:
        return len(KNOWN)


METRICS = Catalogue()
