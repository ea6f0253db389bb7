"""MG50x: can the demands on the model be met, can they fail, and do they agree with each other."""

from collections.abc import Iterator
from typing import Any

from mlops_gitops.manifests.metric_names import KNOWN
from mlops_gitops.manifests.metric_names import known as known_metric
from mlops_gitops.manifests.rules.rule import ERROR, WARNING, Pointer, Problem, Rule
from mlops_gitops.manifests.rules.subject import Subject, entries, mapping, number, repeated, text


def _metric(line: str) -> str:
    return f"spec:\n  metrics:\n    - {line}\n"


CONTRADICTION = Rule(
    "MG501",
    "threshold-contradicts-itself",
    ERROR,
    "The smallest value allowed is larger than the largest.",
    "swap or correct `min` and `max`",
    "No value passes both.",
    _metric("{name: roc_auc, dataset: test, threshold: {min: 0.9, max: 0.7}}"),
    _metric("{name: roc_auc, dataset: test, threshold: {min: 0.7, max: 0.99}}"),
)
CLAIM = Rule(
    "MG502",
    "claim-fails-threshold",
    ERROR,
    "The claimed value does not pass the model's own threshold.",
    "correct the claim or the threshold",
    "By its own word, the model cannot be released.",
    _metric("{name: roc_auc, dataset: test, threshold: {min: 0.8}, claimed: 0.74}"),
    _metric("{name: roc_auc, dataset: test, threshold: {min: 0.7}, claimed: 0.74}"),
)
IMPOSSIBLE = Rule(
    "MG503",
    "impossible-threshold",
    ERROR,
    "No model can reach the threshold.",
    "use a value in the metric's range; shares are written 0.95, not 95",
    "The metric never takes such a value, so every release fails.",
    _metric("{name: roc_auc, dataset: test, threshold: {min: 70}}"),
    _metric("{name: roc_auc, dataset: test, threshold: {min: 0.70}}"),
)
VACUOUS = Rule(
    "MG504",
    "vacuous-threshold",
    WARNING,
    "Every model passes the threshold, even one that guesses.",
    "demand more than chance reaches",
    "A check that cannot fail shows nothing.",
    _metric("{name: roc_auc, dataset: test, threshold: {min: 0.5}}"),
    _metric("{name: roc_auc, dataset: test, threshold: {min: 0.7}}"),
)
NEGATIVE_MARGIN = Rule(
    "MG505",
    "negative-margin",
    ERROR,
    "The allowed regression is negative.",
    "write the largest loss that still passes as a positive number, or 0",
    "A negative margin reads as if the challenger had to be better by that much; that is not what it does.",
    _metric("{name: roc_auc, dataset: test, threshold: {min: 0.7}, maxRegression: -0.01}"),
    _metric("{name: roc_auc, dataset: test, threshold: {min: 0.7}, maxRegression: 0.01}"),
)
WRONG_DIRECTION = Rule(
    "MG506",
    "wrong-direction",
    ERROR,
    "The threshold bounds the metric on its good side only.",
    "use `min` where more is better and `max` where less is better",
    "Only models that are too good would fail.",
    _metric("{name: log_loss, dataset: test, threshold: {min: 0.3}}"),
    _metric("{name: log_loss, dataset: test, threshold: {max: 0.3}}"),
)
UNKNOWN_DATASET = Rule(
    "MG507",
    "unknown-dataset",
    ERROR,
    "The metric names a data set that the manifest does not have.",
    "use a name from `spec.data`",
    "The metric could not be computed.",
    _metric("{name: roc_auc, dataset: tset, threshold: {min: 0.7}}"),
    _metric("{name: roc_auc, dataset: test, threshold: {min: 0.7}}"),
)
ON_TRAINING_DATA = Rule(
    "MG508",
    "judged-on-training-data",
    ERROR,
    "The metric is computed on training data.",
    "name a data set with the role `test`",
    "A model remembers what it was trained on; on that data even a useless one looks good.",
    _metric("{name: roc_auc, dataset: train, threshold: {min: 0.7}}"),
    _metric("{name: roc_auc, dataset: test, threshold: {min: 0.7}}"),
)
PRIMARY = Rule(
    "MG509",
    "primary-metric",
    ERROR,
    "Not exactly one of several metrics is primary.",
    "mark the one metric that decides with `primary: true`",
    "When two metrics disagree, one of them must decide between champion and challenger.",
    """\
spec:
  metrics:
    - {name: roc_auc, dataset: test, primary: true, threshold: {min: 0.7}}
    - {name: log_loss, dataset: test, primary: true, threshold: {max: 0.6}}
""",
    """\
spec:
  metrics:
    - {name: roc_auc, dataset: test, primary: true, threshold: {min: 0.7}}
    - {name: log_loss, dataset: test, threshold: {max: 0.6}}
""",
)
WRONG_TASK = Rule(
    "MG510",
    "metric-of-another-task",
    ERROR,
    "The metric does not fit the task.",
    "use a metric of the model's task, or correct the task",
    "A classification metric of a regression has no meaning, and the other way round.",
    _metric("{name: rmse, dataset: test, threshold: {max: 12.5}}"),
    _metric("{name: brier, dataset: test, threshold: {max: 0.2}}"),
)
REPEATED_METRIC = Rule(
    "MG511",
    "repeated-metric",
    ERROR,
    "The same metric of the same data is demanded twice.",
    "merge the two entries",
    "With two thresholds, a reader who finds the first believes it is the only one.",
    """\
spec:
  metrics:
    - {name: roc_auc, dataset: test, primary: true, threshold: {min: 0.7}}
    - {name: roc_auc, dataset: test, threshold: {min: 0.6}}
""",
    """\
spec:
  metrics:
    - {name: roc_auc, dataset: test, primary: true, threshold: {min: 0.7}}
""",
)
HIGH_RISK_WITHOUT_SLICES = Rule(
    "MG512",
    "high-risk-without-slices",
    ERROR,
    "A high-risk model is judged by averages only.",
    "add `slices` for the groups that the model could treat worse",
    "A good average can hide a group of people for whom the model is wrong.",
    """\
metadata:
  riskTier: high
spec:
  metrics:
    - {name: roc_auc, dataset: test, threshold: {min: 0.7}}
""",
    """\
metadata:
  riskTier: high
spec:
  metrics:
    - name: roc_auc
      dataset: test
      threshold: {min: 0.7}
      slices: [{column: carrier, minRows: 500, threshold: {min: 0.6}}]
  monitoring: {maxAge: P90D}
""",
)
STRICTER_SLICE = Rule(
    "MG513",
    "slice-stricter-than-whole",
    WARNING,
    "Every slice must be better than the whole.",
    "demand at most as much of a slice as of the whole",
    "Small slices vary more than the whole; a stricter demand on them mostly measures chance.",
    _metric("{name: f1, dataset: test, threshold: {min: 0.6}, slices: [{column: carrier, threshold: {min: 0.7}}]}"),
    _metric("{name: f1, dataset: test, threshold: {min: 0.7}, slices: [{column: carrier, threshold: {min: 0.6}}]}"),
)
UNKNOWN_METRIC = Rule(
    "MG514",
    "unknown-metric",
    WARNING,
    "The metric is not one that the tests know.",
    "use a known metric",
    "The model test can only answer that it is inconclusive, and a person has to look at every release.",
    _metric("{name: rocauc, dataset: test, threshold: {min: 0.7}}"),
    _metric("{name: roc_auc, dataset: test, threshold: {min: 0.7}}"),
)

RULES = (
    CONTRADICTION,
    CLAIM,
    IMPOSSIBLE,
    VACUOUS,
    NEGATIVE_MARGIN,
    WRONG_DIRECTION,
    UNKNOWN_DATASET,
    ON_TRAINING_DATA,
    PRIMARY,
    WRONG_TASK,
    REPEATED_METRIC,
    HIGH_RISK_WITHOUT_SLICES,
    STRICTER_SLICE,
    UNKNOWN_METRIC,
)

_AT = ("spec", "metrics")


def check(subject: Subject) -> Iterator[Problem]:
    """The family's problems in one model manifest."""
    spec = mapping(subject.value, "spec")
    metrics = list(entries(spec, "metrics"))
    if not metrics:
        return
    roles = {text(one, "name"): one.get("role") for _, one in entries(spec, "data")}
    for index, one in metrics:
        at = (*_AT, index)
        yield from _dataset(one, roles, at)
        yield from _threshold(one, at)
        yield from _name(one, text(spec, "task"), at)
        for place, part in entries(one, "slices"):
            yield from _slice(one, part, (*at, "slices", place))
    yield from _together(metrics)
    if mapping(subject.value, "metadata").get("riskTier") == "high" and not any(
        one.get("slices") for _, one in metrics
    ):
        yield HIGH_RISK_WITHOUT_SLICES.on(_AT, "a high-risk model needs at least one metric with slices")


def _dataset(one: dict[str, Any], roles: dict[str | None, Any], at: Pointer) -> Iterator[Problem]:
    dataset = text(one, "dataset")
    if dataset is None or not roles:
        return
    if dataset not in roles:
        from difflib import get_close_matches

        near = get_close_matches(dataset, [name for name in roles if name], n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        yield UNKNOWN_DATASET.on((*at, "dataset"), f"there is no data set {dataset!r}{hint}")
    elif roles[dataset] == "training":
        yield ON_TRAINING_DATA.on((*at, "dataset"), f"{dataset!r} is the data that trained the model")


def _threshold(one: dict[str, Any], at: Pointer) -> Iterator[Problem]:
    threshold = mapping(one, "threshold")
    least, most = number(threshold, "min"), number(threshold, "max")
    yield from contradiction(threshold, (*at, "threshold"))
    yield from _reach(text(one, "name"), threshold, (*at, "threshold"))
    claimed, margin = number(one, "claimed"), number(one, "maxRegression")
    if claimed is not None and least is not None and claimed < least:
        yield CLAIM.on((*at, "claimed"), f"{claimed} is claimed, and the threshold demands at least {least}")
    if claimed is not None and most is not None and claimed > most:
        yield CLAIM.on((*at, "claimed"), f"{claimed} is claimed, and the threshold allows at most {most}")
    if margin is not None and margin < 0:
        yield NEGATIVE_MARGIN.on((*at, "maxRegression"), f"{margin} allows less than no loss")


def contradiction(threshold: dict[str, Any], at: Pointer) -> Iterator[Problem]:
    """``min`` above ``max``, wherever a threshold or a range stands."""
    least, most = number(threshold, "min"), number(threshold, "max")
    if least is not None and most is not None and least > most:
        yield CONTRADICTION.on((*at, "min"), f"the smallest value allowed, {least}, is larger than the largest, {most}")


def _reach(name: str | None, threshold: dict[str, Any], at: Pointer) -> Iterator[Problem]:
    known = known_metric(name or "")
    if known is None:
        return
    least, most = number(threshold, "min"), number(threshold, "max")
    if least is not None and least > known.most:
        yield IMPOSSIBLE.on((*at, "min"), f"{name} is never more than {known.most:g}, and at least {least} is demanded")
    if most is not None and most < known.least:
        yield IMPOSSIBLE.on((*at, "max"), f"{name} is never less than {known.least:g}, and at most {most} is allowed")
    if known.higher and least is None and most is not None:
        yield WRONG_DIRECTION.on((*at, "max"), f"more {name} is better, and only too much of it would fail")
    if not known.higher and most is None and least is not None:
        yield WRONG_DIRECTION.on((*at, "min"), f"less {name} is better, and only too little of it would fail")
    if known.higher and least is not None and known.chance is not None and least <= known.chance:
        yield VACUOUS.on(
            (*at, "min"), f"a model that guesses reaches a {name} of {known.chance:g}; {least} demands no more"
        )
    if not known.higher and most is not None and most >= known.most:
        yield VACUOUS.on((*at, "max"), f"{name} is never more than {known.most:g}")


def _name(one: dict[str, Any], task: str | None, at: Pointer) -> Iterator[Problem]:
    name = text(one, "name")
    if name is None:
        return
    known = known_metric(name)
    if known is None:
        from difflib import get_close_matches

        near = get_close_matches(name.lower(), KNOWN, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        yield UNKNOWN_METRIC.on(
            (*at, "name"), f"{name!r} is not a known metric{hint}", f"known are: {', '.join(KNOWN)}"
        )
    elif task is not None and task not in known.tasks:
        yield WRONG_TASK.on((*at, "name"), f"{name} is a metric for {' or '.join(known.tasks)}, and the task is {task}")


def _slice(whole: dict[str, Any], part: dict[str, Any], at: Pointer) -> Iterator[Problem]:
    threshold, outer = mapping(part, "threshold"), mapping(whole, "threshold")
    yield from contradiction(threshold, (*at, "threshold"))
    yield from _reach(text(whole, "name"), threshold, (*at, "threshold"))
    least, floor = number(threshold, "min"), number(outer, "min")
    most, ceiling = number(threshold, "max"), number(outer, "max")
    if least is not None and floor is not None and least > floor:
        yield STRICTER_SLICE.on((*at, "threshold", "min"), f"a slice needs {least} and the whole only {floor}")
    if most is not None and ceiling is not None and most < ceiling:
        yield STRICTER_SLICE.on((*at, "threshold", "max"), f"a slice may have {most} and the whole {ceiling}")


def _together(metrics: list[tuple[int, dict[str, Any]]]) -> Iterator[Problem]:
    primary = [index for index, one in metrics if one.get("primary") is True]
    if len(primary) > 1:
        yield PRIMARY.on((*_AT, primary[1], "primary"), "another metric is primary already")
    elif not primary and len(metrics) > 1:
        yield PRIMARY.on(_AT, f"none of the {len(metrics)} metrics is primary")
    pairs = [(index, (text(one, "name"), text(one, "dataset"))) for index, one in metrics]
    for index, (name, dataset) in repeated(pairs):
        yield REPEATED_METRIC.on((*_AT, index, "name"), f"{name} of {dataset} is already demanded above")
