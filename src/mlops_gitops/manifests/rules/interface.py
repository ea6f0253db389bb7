"""MG60x: does the model's signature make sense."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlops_gitops.manifests.rules.rule import ERROR, WARNING, Problem, Rule
from mlops_gitops.manifests.rules.subject import Subject, entries, mapping, repeated, text

_OUT = "    outputs: [{name: probability, type: double}]\n"

TARGET_AMONG_INPUTS = Rule(
    "MG601",
    "target-among-inputs",
    ERROR,
    "The model is given the answer as an input.",
    "remove the target from the inputs",
    "The model would copy the answer: perfect in every test, useless where the answer is not known yet.",
    """\
spec:
  interface:
    inputs: [{name: distance, type: double}, {name: late, type: boolean}]
    target: {column: late, type: boolean, positive: true}
""",
    """\
spec:
  interface:
    inputs: [{name: distance, type: double}]
    target: {column: late, type: boolean, positive: true}
""",
)
REPEATED_COLUMN = Rule(
    "MG602",
    "repeated-column",
    ERROR,
    "Two columns of the signature have the same name.",
    "remove or rename one of them",
    "Columns are given by name; of two with one name, one is lost.",
    "spec:\n  interface:\n    inputs: [{name: distance, type: double}, {name: distance, type: long}]\n",
    "spec:\n  interface:\n    inputs: [{name: distance, type: double}, {name: hour, type: long}]\n",
)
POSITIVE_TYPE = Rule(
    "MG603",
    "positive-of-another-type",
    ERROR,
    "The positive value is not of the target's type.",
    "write a value of the target's type",
    "No row would count as positive.",
    "spec:\n  interface:\n    target: {column: late, type: boolean, positive: 1}\n",
    "spec:\n  interface:\n    target: {column: late, type: boolean, positive: true}\n",
)
NO_POSITIVE = Rule(
    "MG604",
    "no-positive-value",
    WARNING,
    "A binary classification does not say which value is positive.",
    "add `positive:` to the target",
    "Precision and recall swap their meaning when the other value is taken for positive.",
    "spec:\n  task: binary-classification\n  interface:\n    target: {column: cancelled, type: string}\n",
    'spec:\n  interface:\n    target: {column: cancelled, type: string, positive: "yes"}\n',
)
NO_TARGET = Rule(
    "MG605",
    "no-target",
    WARNING,
    "The signature does not say what the model predicts.",
    "add `target:` with the column that holds the truth",
    "Without the truth no metric can be computed.",
    "# file: models/flight-delays/model.yaml\nkind: Model\nspec:\n  interface:\n"
    "    inputs: [{name: distance, type: double}]\n" + _OUT,
    "# file: models/flight-delays/model.yaml\nkind: Model\nspec:\n  interface:\n"
    "    inputs: [{name: distance, type: double}]\n"
    + _OUT
    + "    target: {column: late, type: boolean, positive: true}\n",
)

RULES = (TARGET_AMONG_INPUTS, REPEATED_COLUMN, POSITIVE_TYPE, NO_POSITIVE, NO_TARGET)

_AT = ("spec", "interface")
_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "string": (str,),
    "datetime": (str,),
    "binary": (str,),
}


def of_type(value: Any, column_type: str | None) -> bool:
    """Whether a scalar can be a value of a column of that type; an unknown type takes everything."""
    allowed = _PYTHON_TYPES.get(column_type or "")
    return allowed is None or value.__class__ in allowed


def check(subject: Subject) -> Iterator[Problem]:
    """The family's problems in one model manifest."""
    spec = mapping(subject.value, "spec")
    interface = mapping(spec, "interface")
    if not interface:
        return
    target = mapping(interface, "target")
    column = text(target, "column")
    for key in ("inputs", "outputs"):
        for index, name in repeated([(index, text(one, "name")) for index, one in entries(interface, key)]):
            yield REPEATED_COLUMN.on((*_AT, key, index, "name"), f"there is already a column {name!r} in {key}")
    for index, one in entries(interface, "inputs"):
        if column is not None and text(one, "name") == column:
            yield TARGET_AMONG_INPUTS.on(
                (*_AT, "inputs", index, "name"), f"{column!r} is what the model has to predict"
            )
    if not target:
        yield NO_TARGET.on(_AT, "`spec.interface` has no `target`")
    elif "positive" in target and not of_type(target["positive"], text(target, "type")):
        message = f"{target['positive']!r} is not a value of type {target.get('type')}"
        yield POSITIVE_TYPE.on((*_AT, "target", "positive"), message)
    elif "positive" not in target and spec.get("task") == "binary-classification":
        yield NO_POSITIVE.on((*_AT, "target"), f"which value of {column!r} is positive?")
