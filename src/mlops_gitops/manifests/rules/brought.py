"""MG66x: tests that other tools or people made, and where they stand in the manifest."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from mlops_gitops.manifests.rules.rule import ERROR, WARNING, Problem, Rule
from mlops_gitops.manifests.rules.subject import Subject, entries, mapping, repeated, text


def _importing(entry: str) -> str:
    return f"""\
spec:
  data:
    - {{name: train, role: training, uri: data/train.parquet}}
    - {{name: test, role: test, uri: data/test.parquet}}
  tests:
    data:
      imported:
        - {{{entry}}}
"""


UNKNOWN_DATASET = Rule(
    "MG660",
    "imported-for-unknown-data",
    ERROR,
    "A result of another tool is about a data set that is not in the manifest.",
    "use a name from `spec.data`",
    "A result is held to the data that it was made on; with a misspelt name it is held to nothing, and never read.",
    _importing("format: pointblank, file: reports/steps.json, dataset: tset"),
    _importing("format: pointblank, file: reports/steps.json, dataset: test"),
)
REPEATED_FILE = Rule(
    "MG661",
    "imported-twice",
    WARNING,
    "A file of another tool is taken twice for the same data set.",
    "leave one of the two out",
    "Each of its tests would count twice, and say nothing more.",
    """\
spec:
  data:
    - {name: test, role: test, uri: data/test.parquet}
  tests:
    data:
      imported:
        - {format: pandera, file: schema.yaml, dataset: test}
        - {format: pandera, file: ./schema.yaml, dataset: test}
""",
    """\
spec:
  data:
    - {name: train, role: training, uri: data/train.parquet}
    - {name: test, role: test, uri: data/test.parquet}
  tests:
    data:
      imported:
        - {format: pandera, file: schema.yaml, dataset: train}
        - {format: pandera, file: ./schema.yaml, dataset: test}
""",
)
REPEATED_TEST = Rule(
    "MG662",
    "by-hand-twice",
    ERROR,
    "Two procedures say how the same test is made by hand.",
    "write one procedure for each test",
    "Who attests a test says that it was made as the manifest says; with two procedures nobody knows which.",
    """\
spec:
  tests:
    byHand:
      - {test: model-3, procedure: Search depth and learning rate on the training data.}
      - {test: model-3, procedure: Search the number of trees on the training data.}
""",
    """\
spec:
  tests:
    byHand:
      - {test: model-3, procedure: "Search depth, learning rate and trees on the training data."}
""",
)

RULES = (UNKNOWN_DATASET, REPEATED_FILE, REPEATED_TEST)


def check(subject: Subject) -> Iterator[Problem]:
    """The family's problems in one model manifest."""
    spec = mapping(subject.value, "spec")
    names = {text(one, "name") for _, one in entries(spec, "data")}
    brought = list(entries(mapping(spec, "tests", "data"), "imported"))
    at = ("spec", "tests", "data", "imported")
    for index, one in brought:
        name = text(one, "dataset")
        if name is not None and name not in names:
            yield UNKNOWN_DATASET.on((*at, index, "dataset"), f"there is no data set {name!r} in `spec.data`")
    files = [(index, (text(one, "dataset"), _path(one))) for index, one in brought]
    for index, (name, path) in repeated(files):
        if name is not None and path is not None:
            yield REPEATED_FILE.on((*at, index, "file"), f"{path} is already taken for {name}")
    for index, test in repeated(
        [(index, text(one, "test")) for index, one in entries(mapping(spec, "tests"), "byHand")]
    ):
        yield REPEATED_TEST.on(("spec", "tests", "byHand", index, "test"), f"there is already a procedure for {test}")


def _path(one: dict[str, object]) -> str | None:
    file = text(one, "file")
    return None if file is None else posixpath.normpath(file)
