"""MG30x: which data made the model, which data judges it, and whether they are apart."""

from __future__ import annotations

import os.path
from collections.abc import Iterator

from mlops_gitops.manifests.rules.paths import is_remote
from mlops_gitops.manifests.rules.rule import ERROR, WARNING, Problem, Rule
from mlops_gitops.manifests.rules.subject import Subject, entries, mapping, repeated, text

TEST_SHA = "1d2c8f6c3a7e4b59a0c6d8e2f4b7a9c1d3e5f7082a4c6e8f0b1d3f5a7c9e0b2d"

TRAINING_AS_TEST = Rule(
    "MG301",
    "training-data-as-test",
    ERROR,
    "The data that trained the model also judges it.",
    "hold out data that training never reads",
    "A model remembers what it was trained on; judged on the same rows, it looks better than it is.",
    """\
spec:
  data:
    - {name: train, role: training, uri: data/all.parquet, x-note: the same file twice}
    - {name: test, role: test, uri: ./data/all.parquet}
""",
    """\
spec:
  data:
    - {name: train, role: training, uri: data/train.parquet}
    - {name: test, role: test, uri: data/test.parquet}
""",
)
NO_TRAINING_DATA = Rule(
    "MG302",
    "no-training-data",
    WARNING,
    "No data set has the role `training`.",
    "list the data that trains the model, with its digest",
    "A release records the data that made it; without the list, nobody can make it again.",
    "spec:\n  data:\n    - {name: test, role: test, uri: data/test.parquet}\n",
    """\
spec:
  data:
    - {name: train, role: training, uri: data/train.parquet}
    - {name: test, role: test, uri: data/test.parquet}
""",
)
NO_TEST_DATA = Rule(
    "MG303",
    "no-test-data",
    WARNING,
    "No data set has the role `test`.",
    "hold out data for the test and list it with the role `test`",
    "Validation data was looked at while the model was chosen; only test data was not.",
    """\
spec:
  data:
    - {name: train, role: training, uri: data/train.parquet}
    - {name: test, role: validation, uri: data/test.parquet}
""",
    """\
spec:
  data:
    - {name: train, role: training, uri: data/train.parquet}
    - {name: test, role: test, uri: data/test.parquet}
""",
)
REPEATED_DATASET = Rule(
    "MG304",
    "repeated-dataset",
    ERROR,
    "Two data sets have the same name.",
    "give each data set a name of its own",
    "Metrics name the data that they are computed on; with two of one name, it is unclear which.",
    """\
spec:
  data:
    - {name: train, role: training, uri: data/train.parquet}
    - {name: test, role: test, uri: data/test.parquet}
    - {name: test, role: reference, uri: data/reference.parquet}
""",
    """\
spec:
  data:
    - {name: train, role: training, uri: data/train.parquet}
    - {name: test, role: test, uri: data/test.parquet}
    - {name: reference, role: reference, uri: data/reference.parquet}
""",
)
REMOTE_WITHOUT_DIGEST = Rule(
    "MG305",
    "remote-data-without-digest",
    ERROR,
    "Data outside the repository has no digest.",
    "add `digest: {sha256: …}` of the file's bytes",
    "What an address leads to can change at any time; only a digest says which data was meant.",
    """\
spec:
  data:
    - {name: train, role: training, uri: data/train.parquet}
    - {name: test, role: test, uri: "s3://airline/test.parquet"}
""",
    f"""\
spec:
  data:
    - {{name: train, role: training, uri: data/train.parquet}}
    - name: test
      role: test
      uri: s3://airline/test.parquet
      digest: {{sha256: {TEST_SHA}}}
""",
)
MEDIA_TYPE = Rule(
    "MG306",
    "media-type-contradicts",
    WARNING,
    "The media type is not that of the file's extension.",
    "correct the media type or the file's name",
    "Readers choose the format by the media type, people by the extension.",
    """\
spec:
  data:
    - {name: train, role: training, uri: data/train.parquet}
    - {name: test, role: test, uri: data/test.parquet, mediaType: text/csv}
""",
    """\
spec:
  data:
    - {name: train, role: training, uri: data/train.parquet}
    - {name: test, role: test, uri: data/test.parquet, mediaType: application/vnd.apache.parquet}
""",
)

RULES = (TRAINING_AS_TEST, NO_TRAINING_DATA, NO_TEST_DATA, REPEATED_DATASET, REMOTE_WITHOUT_DIGEST, MEDIA_TYPE)

_AT = ("spec", "data")
_MEDIA_TYPES = {
    ".parquet": {"application/vnd.apache.parquet", "application/x-parquet"},
    ".csv": {"text/csv"},
    ".json": {"application/json"},
    ".jsonl": {"application/jsonl", "application/x-ndjson", "application/json-lines"},
    ".arrow": {"application/vnd.apache.arrow.file"},
}


def check(subject: Subject) -> Iterator[Problem]:
    """The family's problems in one model manifest."""
    spec = mapping(subject.value, "spec")
    sets = list(entries(spec, "data"))
    if not sets:
        return
    roles = {one.get("role") for _, one in sets if one.get("role").__class__ is str}
    if "training" not in roles:
        yield NO_TRAINING_DATA.on(_AT, "no data set here has the role `training`")
    if "test" not in roles:
        yield NO_TEST_DATA.on(_AT, "no data set here has the role `test`")
    for index, name in repeated([(index, text(one, "name")) for index, one in sets]):
        yield REPEATED_DATASET.on((*_AT, index, "name"), f"there is already a data set {name!r}")
    yield from _judged_by_training(sets)
    for index, one in sets:
        yield from _one(index, one)


def _judged_by_training(sets: list[tuple[int, dict[str, object]]]) -> Iterator[Problem]:
    trained = {identity for _, one in sets if one.get("role") == "training" for identity in _identities(one)}
    for index, one in sets:
        if one.get("role") in ("test", "validation"):  # a set would have to hash what a file holds
            for identity in sorted(_identities(one) & trained):
                kind, _, value = identity.partition(" ")
                yield TRAINING_AS_TEST.on(
                    (*_AT, index, kind), f"{one['role']} data and training data have the same {kind}, {value}"
                )


def _identities(one: dict[str, object]) -> set[str]:
    uri, digest = text(one, "uri"), text(mapping(one, "digest"), "sha256")
    found = {f"digest {digest}"} if digest else set()
    if uri:
        found.add(f"uri {uri if is_remote(uri) else os.path.normpath(uri)}")
    return found


def _one(index: int, one: dict[str, object]) -> Iterator[Problem]:
    uri, media_type = text(one, "uri"), text(one, "mediaType")
    if uri is None:
        return
    if is_remote(uri) and "digest" not in one:
        yield REMOTE_WITHOUT_DIGEST.on((*_AT, index, "uri"), f"{uri} is outside the repository and has no digest")
    expected = _MEDIA_TYPES.get(os.path.splitext(uri)[1]) if media_type else None  # noqa: PTH122 - a URI is no path
    if expected and media_type not in expected:
        yield MEDIA_TYPE.on((*_AT, index, "mediaType"), f"{uri} is said to be {media_type}", f"write {min(expected)}")
