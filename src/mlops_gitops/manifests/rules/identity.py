"""MG20x: is the model what its place says, and does it say what it is."""

from __future__ import annotations

import os.path
import re
from collections.abc import Iterator

from mlops_gitops.manifests.rules.rule import ERROR, WARNING, Problem, Rule
from mlops_gitops.manifests.rules.subject import Subject, mapping, text

FOLDER_NAME = Rule(
    "MG201",
    "folder-name",
    ERROR,
    "The model's name is not the name of its folder.",
    "rename the folder or the model, so that both are the same",
    "Commands find a model by its folder and releases carry its name; with two names, one model has two histories.",
    "metadata: {name: flight-delay}\n",
    "metadata: {name: flight-delays}\n",
)
UNKNOWN_LICENSE = Rule(
    "MG202",
    "unknown-license",
    WARNING,
    "The licence is not an SPDX expression.",
    "use an identifier of https://spdx.org/licenses, or LicenseRef-NAME for one of your own",
    "Only SPDX identifiers can be compared by programs; `Apache 2` can mean several texts.",
    "metadata: {license: Apache 2}\n",
    "metadata: {license: Apache-2.0}\n",
)
PLACEHOLDER = Rule(
    "MG203",
    "placeholder",
    WARNING,
    "The description is a placeholder.",
    "say in one sentence which question the model answers",
    "Who approves a release reads this sentence first.",
    "metadata: {description: TODO}\n",
    "metadata: {description: Will this flight be late}\n",
)

RULES = (FOLDER_NAME, UNKNOWN_LICENSE, PLACEHOLDER)

_COMMON = frozenset({"Apache-2.0", "MIT", "BSD-3-Clause", "GPL-3.0-only", "CC-BY-4.0", "MPL-2.0"})


def check(subject: Subject) -> Iterator[Problem]:
    """The family's problems in one model manifest."""
    metadata = mapping(subject.value, "metadata")
    name = text(metadata, "name")
    folder = os.path.basename(subject.folder)  # noqa: PTH119 - runs for every file
    if name is not None and subject.file.endswith("/model.yaml") and name != folder:
        yield FOLDER_NAME.on(("metadata", "name"), f"the model is called {name!r} and its folder {folder!r}")
    expression = text(metadata, "license")
    if expression and expression not in _COMMON and (unknown := _unknown_license(expression)):
        yield UNKNOWN_LICENSE.on(("metadata", "license"), f"{unknown!r} is not an SPDX identifier")
    description = text(metadata, "description")
    if description is not None and description.strip(" .!").lower() in {"", "todo", "tbd", "fixme", "description"}:
        yield PLACEHOLDER.on(("metadata", "description"), f"{description!r} says nothing about the model")


def _unknown_license(expression: str) -> str | None:
    """The first word of an expression that SPDX does not know."""
    from mlops_gitops.manifests.rules import spdx

    words: list[str] = re.findall(r"[^\s()]+", expression)
    expected = "license"
    for word in words:
        if expected == "operator":
            if word not in {"AND", "OR", "WITH"}:
                return expression
            expected = "exception" if word == "WITH" else "license"
            continue
        known = spdx.EXCEPTIONS if expected == "exception" else spdx.LICENSES
        if word.lower().removesuffix("+") not in known and not re.fullmatch(r"LicenseRef-[A-Za-z0-9.-]+", word):
            return word
        expected = "operator"
    return expression if expected != "operator" else None
