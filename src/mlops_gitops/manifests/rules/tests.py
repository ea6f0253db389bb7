"""MG61x: can the declared tests be made, and can they fail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlops_gitops.manifests.rules.interface import of_type
from mlops_gitops.manifests.rules.metrics import contradiction
from mlops_gitops.manifests.rules.rule import ERROR, WARNING, Pointer, Problem, Rule
from mlops_gitops.manifests.rules.subject import Subject, entries, items, mapping, number, repeated, text


def _columns(line: str) -> str:
    return f"spec:\n  tests:\n    data:\n      columns:\n        - {line}\n"


def _drifting(of: str) -> str:
    digest = "f2ca1bb6c7e907d06dafe4687e579fce76b37e4e93b7605022da52e6ccc26fd2"
    return (
        "spec:\n  data:\n    - {name: train, role: training, uri: data/train.parquet}\n"
        f"    - {{name: test, role: test, uri: data/test.parquet, digest: {{sha256: {digest}}}}}\n"
        f"  tests:\n    data: {{drift: {{of: {of}}}}}\n"
    )


RATE = Rule(
    "MG611",
    "rate-out-of-range",
    ERROR,
    "A share is not between 0 and 1.",
    "write 5 per cent as 0.05",
    "A share of 5 is five hundred per cent: the check can never fail.",
    _columns("{name: distance, maxNullRate: 5}"),
    _columns("{name: distance, maxNullRate: 0.05}"),
)
POWER = Rule(
    "MG612",
    "feature-power-out-of-range",
    ERROR,
    "The limit for the power of one feature is not between 0.5 and 1.",
    "write an area under the ROC curve, such as 0.9",
    "0.5 is what a coin reaches and 1 is perfect; outside, every feature fails or none can.",
    "spec:\n  tests:\n    leakage: {maxSingleFeaturePower: 90}\n",
    "spec:\n  tests:\n    leakage: {maxSingleFeaturePower: 0.90}\n",
)
TYPE_CONTRADICTS = Rule(
    "MG613",
    "type-contradicts-interface",
    ERROR,
    "The tests want another type of a column than the model does.",
    "write the same type in both places",
    "Data that passes the test could not be given to the model.",
    _columns("{name: distance, type: string}"),
    _columns("{name: distance, type: double}"),
)
DOMAIN_TYPE = Rule(
    "MG614",
    "domain-of-another-type",
    ERROR,
    "A value of the domain is not of the column's type.",
    "put text in quotes, and write numbers and true or false without",
    "No row can have that value, so it allows nothing.",
    _columns("{name: carrier, type: string, domain: [AA, 9]}"),
    _columns('{name: carrier, type: string, domain: [AA, "9"]}'),
)
RANGE_OF_TEXT = Rule(
    "MG615",
    "range-of-text",
    ERROR,
    "A range is demanded of a column that holds no numbers.",
    "use `domain` for text and truth values",
    "Text has no smallest and largest value that readers agree on.",
    _columns("{name: carrier, type: string, range: {min: 0}}"),
    _columns("{name: carrier, type: string, domain: [AA, UA]}"),
)
REPEATED_COLUMN_TEST = Rule(
    "MG616",
    "repeated-column-test",
    ERROR,
    "The same column is tested by two entries.",
    "merge the two entries",
    "A reader who finds the first entry believes it is the only one.",
    "spec:\n  tests:\n    data:\n      columns:\n        - {name: distance, maxNullRate: 0.0}\n"
    "        - {name: distance, maxNullRate: 0.5}\n",
    "spec:\n  tests:\n    data:\n      columns:\n        - {name: distance, maxNullRate: 0.0}\n",
)
KNOWN_AT_UNKNOWN = Rule(
    "MG617",
    "known-at-unknown-feature",
    ERROR,
    "`knownAt` names a feature that is not an input of the model.",
    "use a name from `spec.interface.inputs`",
    "A misspelt feature is not checked for leakage at all.",
    "spec:\n  tests:\n    leakage: {knownAt: {distnace: published_at}}\n",
    "spec:\n  tests:\n    leakage: {knownAt: {distance: published_at}}\n",
)
BASELINE_TASK = Rule(
    "MG618",
    "baseline-of-another-task",
    WARNING,
    "The baseline does not fit the task.",
    "use `prior` for classification, `mean` or `median` for numbers",
    "Beating a baseline of another kind of task shows nothing.",
    "spec:\n  tests:\n    model: {baseline: median}\n",
    "spec:\n  tests:\n    model: {baseline: prior}\n",
)
NEGATIVE_GAP = Rule(
    "MG619",
    "negative-overfit-gap",
    ERROR,
    "The allowed gap between training and test data is negative.",
    "write the largest gap that passes as a positive number",
    "The model would have to be better on data that it has never seen.",
    "spec:\n  tests:\n    model: {maxOverfitGap: -0.05}\n",
    "spec:\n  tests:\n    model: {maxOverfitGap: 0.05}\n",
)
REPEATED_KEY = Rule(
    "MG620",
    "repeated-key-column",
    WARNING,
    "A key names the same column twice.",
    "remove the second one",
    "The second column was probably meant to be another.",
    "spec:\n  tests:\n    data: {unique: [[flight_id, flight_id]]}\n",
    "spec:\n  tests:\n    data: {unique: [[flight_id, day]]}\n",
)

DRIFT_DATASET = Rule(
    "MG621",
    "drift-of-unknown-data",
    ERROR,
    "A data set that is compared for drift is not in the manifest, or is compared with itself.",
    "use a name from `spec.data`, and another one than the reference's",
    "A misspelt name compares nothing, and a data set never differs from itself.",
    _drifting("train, in: [tset]"),
    _drifting("train, in: [test]"),
)
CONFIDENCE = Rule(
    "MG622",
    "confidence-out-of-range",
    ERROR,
    "A confidence is not between 0.5 and 1.",
    "write 95 per cent as 0.95",
    "At 1 no sample is ever large enough, and below 0.5 a guess would be as good.",
    "spec:\n  tests:\n    data: {drift: {of: train, in: [test], confidence: 95}}\n",
    "spec:\n  tests:\n    data: {drift: {of: train, in: [test], confidence: 0.95}}\n",
)

RULES = (
    RATE,
    POWER,
    TYPE_CONTRADICTS,
    DOMAIN_TYPE,
    RANGE_OF_TEXT,
    REPEATED_COLUMN_TEST,
    KNOWN_AT_UNKNOWN,
    BASELINE_TASK,
    NEGATIVE_GAP,
    REPEATED_KEY,
    DRIFT_DATASET,
    CONFIDENCE,
)

_AT = ("spec", "tests")
_WITHOUT_RANGE = {"string", "boolean", "binary", "datetime"}
_COIN = 0.5


def check(subject: Subject) -> Iterator[Problem]:
    """The family's problems in one model manifest."""
    spec = mapping(subject.value, "spec")
    tests = mapping(spec, "tests")
    if not tests:
        return
    inputs = {text(one, "name"): text(one, "type") for _, one in entries(mapping(spec, "interface"), "inputs")}
    yield from _data(mapping(tests, "data"), inputs)
    for section in ("drift", "skew"):
        names = {text(one, "name") for _, one in entries(spec, "data")}
        yield from _drift(mapping(tests, "data", section), names, (*_AT, "data", section))
    yield from _leakage(mapping(tests, "leakage"), inputs)
    model = mapping(tests, "model")
    baseline, task = text(model, "baseline"), text(spec, "task")
    classes = task in {"binary-classification", "multiclass"}
    if (
        baseline
        and task in {"binary-classification", "multiclass", "regression", "forecasting"}
        and classes != (baseline == "prior")
    ):
        yield BASELINE_TASK.on((*_AT, "model", "baseline"), f"{baseline} is not a baseline for {task}")
    gap = number(model, "maxOverfitGap")
    if gap is not None and gap < 0:
        yield NEGATIVE_GAP.on((*_AT, "model", "maxOverfitGap"), f"{gap} allows less than no gap")


def _data(data: dict[str, Any], inputs: dict[str | None, str | None]) -> Iterator[Problem]:
    at: Pointer = (*_AT, "data")
    yield from contradiction(mapping(data, "rows"), (*at, "rows"))
    yield from _rate(data, "maxDuplicateRate", at)
    yield from _rate(mapping(data, "overlap"), "max", (*at, "overlap"))
    for section in ("split", "labels"):
        for key in mapping(data, section):
            yield from _rate(mapping(data, section), key, (*at, section))
    for section in ("rules", "references"):
        for index, one in entries(data, section):
            yield from _rate(one, "maxViolationRate", (*at, section, index))
    for index, one in entries(data, "columns"):
        yield from _column(one, inputs, (*at, "columns", index))
    for index, name in repeated([(index, text(one, "name")) for index, one in entries(data, "columns")]):
        yield REPEATED_COLUMN_TEST.on((*at, "columns", index, "name"), f"{name!r} is already tested above")
    for index, key in enumerate(items(data, "unique")):
        if key.__class__ is list and all(one.__class__ is str for one in key):
            for place, name in repeated(list(enumerate(key))):
                yield REPEATED_KEY.on((*at, "unique", index, place), f"{name!r} is already in this key")


def _drift(drift: dict[str, Any], names: set[str | None], at: Pointer) -> Iterator[Problem]:
    yield from _rate(drift, "max", at)
    yield from contradiction(mapping(drift, "volume"), (*at, "volume"))
    confidence, of = number(drift, "confidence"), text(drift, "of")
    if confidence is not None and not _COIN <= confidence < 1:
        yield CONFIDENCE.on((*at, "confidence"), f"{confidence} is not between 0.5 and 1")
    if names and of is not None and of not in names:
        yield DRIFT_DATASET.on((*at, "of"), f"{of!r} is no data set of `spec.data`")
    for index, name in enumerate(items(drift, "in")):
        if name.__class__ is str and name == of:
            yield DRIFT_DATASET.on((*at, "in", index), f"{name!r} would be compared with itself")
        elif name.__class__ is str and names and name not in names:
            yield DRIFT_DATASET.on((*at, "in", index), f"{name!r} is no data set of `spec.data`")


def _column(one: dict[str, Any], inputs: dict[str | None, str | None], at: Pointer) -> Iterator[Problem]:
    name, kind = text(one, "name"), text(one, "type")
    yield from _rate(one, "maxNullRate", at)
    yield from _rate(one, "maxViolationRate", at)
    yield from contradiction(mapping(one, "range"), (*at, "range"))
    expected = inputs.get(name)
    if kind and expected and kind != expected:
        yield TYPE_CONTRADICTS.on((*at, "type"), f"{name!r} is {kind} here and {expected} in `spec.interface.inputs`")
    kind = kind or expected
    if "range" in one and kind in _WITHOUT_RANGE:
        yield RANGE_OF_TEXT.on((*at, "range"), f"{name!r} is of type {kind}, which has no range")
    for index, value in enumerate(items(one, "domain")):
        if not of_type(value, kind):
            yield DOMAIN_TYPE.on((*at, "domain", index), f"{value!r} is not a value of type {kind}")


def _rate(holder: dict[str, Any], key: str, at: Pointer) -> Iterator[Problem]:
    rate = number(holder, key)
    if rate is not None and not 0 <= rate <= 1:
        yield RATE.on((*at, key), f"{rate} is not a share between 0 and 1")


def _leakage(leakage: dict[str, Any], inputs: dict[str | None, str | None]) -> Iterator[Problem]:
    power = number(leakage, "maxSingleFeaturePower")
    at: Pointer = (*_AT, "leakage")
    if power is not None and not _COIN <= power <= 1:
        yield POWER.on((*at, "maxSingleFeaturePower"), f"{power} is not between 0.5 and 1")
    for name in mapping(leakage, "knownAt"):
        if inputs and name not in inputs:
            yield KNOWN_AT_UNKNOWN.on((*at, "knownAt", name), f"{name!r} is not an input of the model")
