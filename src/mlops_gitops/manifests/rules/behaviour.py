"""MG64x: can the declared tests of a model's behaviour be made, and can they fail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlops_gitops.manifests.metric_names import parted
from mlops_gitops.manifests.rules.rule import ERROR, WARNING, Pointer, Problem, Rule
from mlops_gitops.manifests.rules.subject import Subject, entries, items, mapping, number, repeated, text


def _tests(line: str) -> str:
    return f"spec:\n  tests:\n    model:\n      {line}\n"


def _metamorphic(line: str) -> str:
    return _tests(f"metamorphic:\n        - {{{line}}}")


UNKNOWN_INPUT = Rule(
    "MG640",
    "change-of-unknown-input",
    ERROR,
    "A column that a metamorphic test changes is not an input of the model.",
    "use a name from `spec.interface.inputs`",
    "Changing what the model does not see changes nothing, and the test always passes.",
    _metamorphic("name: no matter, kind: missing, columns: [distnace], maxFlips: 0.1"),
    _metamorphic("name: no matter, kind: missing, columns: [distance], maxFlips: 0.1"),
)
FIELD_OF_KIND = Rule(
    "MG641",
    "field-of-another-kind",
    ERROR,
    "A metamorphic test lacks what its kind needs, or has what only another kind reads.",
    "direction needs `by` and `expect`, noise `scale`, invariance `values` or `value`, unseen `value`; missing nothing",
    "A field that is not read is a demand that nobody checks.",
    _metamorphic("name: farther is later, kind: direction, columns: [distance], scale: 100, maxFlips: 0.05"),
    _metamorphic("name: farther is later, kind: direction, columns: [distance], by: 100, expect: up, maxFlips: 0.05"),
)
NO_LIMIT = Rule(
    "MG642",
    "test-without-limit",
    ERROR,
    "A test of behaviour says nothing that could fail.",
    "add the limit that the kind of test knows, such as `maxFlips` or `maxDifference`",
    "A check that cannot fail shows nothing.",
    _metamorphic("name: no matter, kind: missing, columns: [distance]"),
    _metamorphic("name: no matter, kind: missing, columns: [distance], maxFlips: 0.1"),
)
SHARE = Rule(
    "MG643",
    "limit-out-of-range",
    ERROR,
    "A limit of a test of behaviour can never fail, or never pass.",
    "shares are written 0.05, and not 5; a ratio is at most 1",
    "Outside its range the test decides nothing.",
    _metamorphic("name: no matter, kind: missing, columns: [distance], maxFlips: 5"),
    _metamorphic("name: no matter, kind: missing, columns: [distance], maxFlips: 0.05"),
)
NOT_FOR_TASK = Rule(
    "MG644",
    "behaviour-of-another-task",
    ERROR,
    "A test of behaviour does not fit the task.",
    "calibration and fairness are for classification; linear and tree are not for ranking",
    "The test could only answer that it is inconclusive.",
    "spec:\n  task: regression\n  tests:\n    model:\n      calibration: {maxError: 0.05}\n",
    "spec:\n  task: binary-classification\n  tests:\n    model:\n      calibration: {maxError: 0.05}\n",
)
REPEATED_TEST = Rule(
    "MG645",
    "repeated-behaviour-test",
    ERROR,
    "Two metamorphic tests have the same name, or two demands of fairness are for the same.",
    "give each test a name of its own, and merge demands for the same groups",
    "Results are told apart by name; of two with one name, a reader sees the first.",
    _tests(
        "metamorphic:\n"
        "        - {name: holes, kind: missing, columns: [distance], maxFlips: 0.1}\n"
        "        - {name: holes, kind: noise, columns: [distance], scale: 0.01, maxFlips: 0.1}"
    ),
    _tests(
        "metamorphic:\n"
        "        - {name: holes, kind: missing, columns: [distance], maxFlips: 0.1}\n"
        "        - {name: jitter, kind: noise, columns: [distance], scale: 0.01, maxFlips: 0.1}"
    ),
)
FEW_ROWS = Rule(
    "MG646",
    "segment-of-few-rows",
    WARNING,
    "Segments or groups of very few rows are to be judged.",
    "demand at least 30 rows; 200 and more can show something",
    "Of few rows nothing can be shown, and the more of them are searched, the less of each.",
    _tests("slices: {find: {minRows: 5}}"),
    _tests("slices: {find: {minRows: 200}}"),
)
STALE_DATASET = Rule(
    "MG647",
    "staleness-of-unknown-data",
    ERROR,
    "The data on which past releases are asked again is not in the manifest, or is training data.",
    "use a name from `spec.data` whose role is not training",
    "Past releases could not be asked, or would be asked about rows that one of them knows.",
    _tests("staleness: {dataset: train}"),
    _tests("staleness: {dataset: test}"),
)
CLASSES_OF_TWO = Rule(
    "MG684",
    "fairness-classes-of-two",
    ERROR,
    "A demand of fairness names classes, and the task has two.",
    "remove `classes`; `interface.target.positive` says which of two classes is the positive one",
    "Of two classes the rates are those of the positive one, so that the field would decide nothing.",
    "spec:\n  task: binary-classification\n  tests:\n    model:\n      fairness:\n"
    "        - {columns: [sex], definition: equal-opportunity, maxDifference: 0.1, classes: [refused]}\n",
    "spec:\n  task: multiclass\n  tests:\n    model:\n      fairness:\n"
    "        - {columns: [sex], definition: equal-opportunity, maxDifference: 0.1, classes: [refused]}\n",
)
NO_QUANTILE = Rule(
    "MG648",
    "quantile-not-declared",
    ERROR,
    "A metric of quantiles or intervals needs an output that is declared as that quantile.",
    "add `quantile:` to the output in `spec.interface.outputs`",
    "Nothing says which of the model's numbers is meant.",
    "spec:\n  task: regression\n  interface: {outputs: [{name: delay, type: double}]}\n"
    "  metrics:\n    - {name: pinball@0.9, dataset: test, threshold: {max: 5}}\n",
    "spec:\n  task: regression\n  interface: {outputs: [{name: delay, type: double, quantile: 0.9}]}\n"
    "  metrics:\n    - {name: pinball@0.9, dataset: test, threshold: {max: 5}}\n",
)
NO_GROUPS = Rule(
    "MG649",
    "ranking-without-queries",
    ERROR,
    "A ranking is judged on data that do not say which rows are ranked together.",
    "name the column of the query as the data set's `entityColumn`",
    "Without queries there is one list of everything, and its first ten say nothing about any other.",
    "spec:\n  task: ranking\n  data:\n    - {name: train, role: training, uri: data/train.parquet}\n"
    "    - {name: test, role: test, uri: data/test.parquet}\n"
    "  metrics:\n    - {name: ndcg@10, dataset: test, threshold: {min: 0.5}}\n",
    "spec:\n  task: ranking\n  data:\n    - {name: train, role: training, uri: data/train.parquet}\n"
    "    - {name: test, role: test, uri: data/test.parquet, entityColumn: query}\n"
    "  metrics:\n    - {name: ndcg@10, dataset: test, threshold: {min: 0.5}}\n",
)

RULES = (
    UNKNOWN_INPUT,
    FIELD_OF_KIND,
    NO_LIMIT,
    SHARE,
    NOT_FOR_TASK,
    REPEATED_TEST,
    FEW_ROWS,
    STALE_DATASET,
    CLASSES_OF_TWO,
    NO_QUANTILE,
    NO_GROUPS,
)

_AT: Pointer = ("spec", "tests", "model")
_CLASSES = {"binary-classification", "multiclass"}
_FEWEST = 30
_NEEDED = {"direction": ("by", "expect"), "noise": ("scale",), "unseen": ("value",), "missing": (), "invariance": ()}
_ALLOWED = {**_NEEDED, "invariance": ("values", "value")}
_FIELDS = ("values", "value", "by", "expect", "scale")


def check(subject: Subject) -> Iterator[Problem]:
    """The family's problems in one model manifest."""
    spec = mapping(subject.value, "spec")
    tests = mapping(spec, "tests", "model")
    yield from _metrics(spec)
    if not tests:
        return
    inputs = {text(one, "name") for _, one in entries(mapping(spec, "interface"), "inputs")}
    named = [(index, text(one, "name")) for index, one in entries(tests, "metamorphic")]
    for index, one in entries(tests, "metamorphic"):
        yield from _change(one, inputs, (*_AT, "metamorphic", index))
    for index, name in repeated(named):
        yield REPEATED_TEST.on((*_AT, "metamorphic", index, "name"), f"there is already a test {name!r}")
    yield from _fairness(tests)
    yield from _of_task(tests, text(spec, "task"))
    yield from _segments(mapping(tests, "slices", "find"))
    roles = {text(one, "name"): text(one, "role") for _, one in entries(spec, "data")}
    dataset = text(mapping(tests, "staleness"), "dataset")
    if dataset is not None and roles and roles.get(dataset) in {None, "training"}:
        why = "is training data" if dataset in roles else "is no data set of `spec.data`"
        yield STALE_DATASET.on((*_AT, "staleness", "dataset"), f"{dataset!r} {why}")


def _change(one: dict[str, Any], inputs: set[str | None], at: Pointer) -> Iterator[Problem]:
    kind = text(one, "kind") or ""
    for index, name in enumerate(items(one, "columns")):
        if name.__class__ is str and inputs and name not in inputs:
            yield UNKNOWN_INPUT.on((*at, "columns", index), f"{name!r} is not an input of the model")
    if kind in _NEEDED:
        missing = [field for field in _NEEDED[kind] if field not in one]
        if kind == "invariance" and ("values" in one) == ("value" in one):
            missing = ["either values or value"]
        if missing:
            yield FIELD_OF_KIND.on((*at, "kind"), f"a test of the kind {kind} needs {' and '.join(missing)}")
        for field in _FIELDS:
            if field in one and field not in _ALLOWED[kind]:
                yield FIELD_OF_KIND.on((*at, field), f"a test of the kind {kind} does not read {field}")
    if "maxChange" not in one and "maxFlips" not in one:
        yield NO_LIMIT.on((*at, "kind"), "neither maxChange nor maxFlips is there")
    yield from _share(one, "maxFlips", at)
    yield from _positive(one, "maxChange", at)


def _fairness(tests: dict[str, Any]) -> Iterator[Problem]:
    demands = list(entries(tests, "fairness"))
    for index, one in demands:
        at: Pointer = (*_AT, "fairness", index)
        if not {"maxDifference", "minRatio", "minRate"} & set(one):
            yield NO_LIMIT.on((*at, "definition"), "none of maxDifference, minRatio and minRate is there")
        for field in ("maxDifference", "minRatio", "minRate"):
            yield from _share(one, field, at)
        yield from _enough(one, at)
    same = [
        (index, f"{text(one, 'definition')} of {', '.join(map(str, items(one, 'columns')))}") for index, one in demands
    ]
    for index, name in repeated(same):
        yield REPEATED_TEST.on((*_AT, "fairness", index, "definition"), f"{name} is already demanded above")


def _of_task(tests: dict[str, Any], task: str | None) -> Iterator[Problem]:
    if task is None:
        return
    if "calibration" in tests and task not in _CLASSES:
        yield NOT_FOR_TASK.on((*_AT, "calibration"), f"{task} has no probabilities")
    if "fairness" in tests and task not in _CLASSES:
        yield NOT_FOR_TASK.on((*_AT, "fairness"), f"{task} has no decisions")
    for index, one in entries(tests, "fairness") if task == "binary-classification" else ():
        if "classes" in one:
            yield CLASSES_OF_TWO.on(
                (*_AT, "fairness", index, "classes"), "a task of two classes has one that is positive"
            )
    for index, name in enumerate(items(mapping(tests, "simpler"), "models")):
        if task == "ranking":
            yield NOT_FOR_TASK.on((*_AT, "simpler", "models", index), f"there is no {name} model for ranking")
    for field in ("maxError", "maxClasswiseError"):
        yield from _share(mapping(tests, "calibration"), field, (*_AT, "calibration"))
    yield from _positive(mapping(tests, "simpler"), "minGain", (*_AT, "simpler"))
    yield from _positive(mapping(tests, "numeric"), "maxChange", (*_AT, "numeric"))
    yield from _positive(mapping(tests, "staleness"), "maxLoss", (*_AT, "staleness"))


def _segments(find: dict[str, Any]) -> Iterator[Problem]:
    at: Pointer = (*_AT, "slices", "find")
    rate = number(find, "falseDiscovery")
    if rate is not None and not 0 < rate < 1:
        yield SHARE.on((*at, "falseDiscovery"), f"{rate} is not between 0 and 1")
    yield from _positive(find, "maxLoss", at)
    yield from _enough(find, at)


def _metrics(spec: dict[str, Any]) -> Iterator[Problem]:
    outputs = [one for _, one in entries(mapping(spec, "interface"), "outputs")]
    declared = {number(one, "quantile") for one in outputs}
    grouped = {text(one, "name") for _, one in entries(spec, "data") if "entityColumn" in one}
    for index, one in entries(spec, "data") if text(spec, "task") == "ranking" else ():
        used = {text(metric, "dataset") for _, metric in entries(spec, "metrics")}
        if text(one, "name") in used and text(one, "name") not in grouped:
            yield NO_GROUPS.on(("spec", "data", index), f"{text(one, 'name')!r} has no entityColumn")
    for index, one in entries(spec, "metrics"):
        name = text(one, "name") or ""
        missing = [share for share in _quantiles(name) if not any(_close(share, known) for known in declared)]
        if missing and outputs:
            words = f"no output is the quantile {' and '.join(f'{share:g}' for share in missing)}, which {name} needs"
            yield NO_QUANTILE.on(("spec", "metrics", index, "name"), words)


def _quantiles(name: str) -> list[float]:
    key, parameter = parted(name)
    if key == "pinball@q":
        return [float(parameter)]
    if key in {"coverage@p", "interval_score@p"}:
        return [(1 - float(parameter)) / 2, (1 + float(parameter)) / 2]
    return []


def _close(share: float, known: float | None) -> bool:
    return known is not None and abs(share - known) < 1e-9  # noqa: PLR2004 - 1 - 0.9 is not 0.1


def _enough(one: dict[str, Any], at: Pointer) -> Iterator[Problem]:
    rows = number(one, "minRows")
    if rows is not None and rows < _FEWEST:
        yield FEW_ROWS.on((*at, "minRows"), f"{rows:g} rows show nothing")


def _share(one: dict[str, Any], field: str, at: Pointer) -> Iterator[Problem]:
    value = number(one, field)
    if value is not None and (not 0 <= value <= 1 or (field.startswith("max") and value == 1)):
        yield SHARE.on((*at, field), f"{field}: {value:g} is not a share below 1, or can never fail")


def _positive(one: dict[str, Any], field: str, at: Pointer) -> Iterator[Problem]:
    value = number(one, field)
    if value is not None and value < 0:
        yield SHARE.on((*at, field), f"{field}: {value:g} is negative")
