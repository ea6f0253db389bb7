"""MG650 to MG653: do margins agree with each other, and can the declared tests of features say anything."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_gitops.manifests.rules.rule import ERROR, WARNING, Pointer, Problem, Rule
from mlops_gitops.manifests.rules.subject import Subject, entries, mapping, number, repeated, text


def _metric(margins: str) -> str:
    return f"spec:\n  metrics:\n    - {{name: roc_auc, dataset: test, threshold: {{min: 0.7}}, {margins}}}\n"


def _features(line: str) -> str:
    return (
        "spec:\n  interface:\n    inputs: [{name: distance, type: double}]\n"
        "    outputs: [{name: probability, type: double}]\n"
        f"  tests:\n    features: {line}\n"
    )


CUMULATIVE = Rule(
    "MG650",
    "cumulative-margin-below-margin",
    WARNING,
    "All releases together may lose less than one of them.",
    "make `maxCumulativeRegression` at least as large as `maxRegression`",
    "The first release after the anchor could never use the margin that it seems to have.",
    _metric("maxRegression: 0.01, maxCumulativeRegression: 0.005"),
    _metric("maxRegression: 0.005, maxCumulativeRegression: 0.01"),
)
NOT_REMOVED = Rule(
    "MG651",
    "removed-feature-is-there",
    ERROR,
    "A feature is noted as removed and is an input of the model.",
    "remove the note, or the input",
    "One of the two is not true, and whoever reads the note believes it.",
    _features("{removed: [{name: distance, reason: known too late}]}"),
    _features("{removed: [{name: wind_speed, reason: known too late}]}"),
)
REPEATED_NOTE = Rule(
    "MG652",
    "feature-removed-twice",
    WARNING,
    "A feature is noted as removed twice.",
    "keep one note",
    "Only the last reason would be read.",
    _features("{removed: [{name: wind, reason: known too late}, {name: wind, reason: too dear}]}"),
    _features("{removed: [{name: wind, reason: known too late}]}"),
)
FEATURES_OF = Rule(
    "MG653",
    "features-of-unknown-data",
    ERROR,
    "The tests of features name a data set that the manifest does not have.",
    "use a name from `spec.data`",
    "Nothing could be read, and every such test would fail.",
    "spec:\n  data:\n    - {name: train, role: training, uri: data/train.parquet}\n"
    "    - {name: test, role: test, uri: data/test.parquet}\n  tests:\n    features: {of: trian}\n",
    "spec:\n  data:\n    - {name: train, role: training, uri: data/train.parquet}\n"
    "    - {name: test, role: test, uri: data/test.parquet}\n  tests:\n    features: {of: train}\n",
)

RULES = (CUMULATIVE, NOT_REMOVED, REPEATED_NOTE, FEATURES_OF)
_AT: Pointer = ("spec", "tests", "features")


def check(subject: Subject) -> Iterator[Problem]:
    """Every problem of margins, and of the tests of features."""
    spec = mapping(subject.value, "spec")
    for index, one in entries(spec, "metrics"):
        margin, whole = number(one, "maxRegression"), number(one, "maxCumulativeRegression")
        if margin is not None and whole is not None and whole < margin:
            message = f"{whole:g} all in all, and {margin:g} for each release"
            yield CUMULATIVE.on(("spec", "metrics", index, "maxCumulativeRegression"), message)
    tests = mapping(spec, "tests", "features")
    inputs = {text(one, "name") for _, one in entries(mapping(spec, "interface"), "inputs")}
    notes = [(index, text(one, "name")) for index, one in entries(tests, "removed")]
    for index, name in notes:
        if name is not None and name in inputs:
            yield NOT_REMOVED.on((*_AT, "removed", index, "name"), f"{name!r} is an input of the model")
    for index, name in repeated(notes):
        yield REPEATED_NOTE.on((*_AT, "removed", index, "name"), f"there is already a note about {name!r}")
    names, of = {text(one, "name") for _, one in entries(spec, "data")}, text(tests, "of")
    if of is not None and names and of not in names:
        yield FEATURES_OF.on((*_AT, "of"), f"{of!r} is no data set of `spec.data`")
