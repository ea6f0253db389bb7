"""MG63x: can the tests of rows be made: rules in SQL, keys across tables, times, splits, personal data and labels."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from mlops_gitops.manifests.rules.rule import ERROR, WARNING, Pointer, Problem, Rule
from mlops_gitops.manifests.rules.subject import Subject, entries, items, mapping, number, repeated, text, texts
from mlops_gitops.manifests.sql import DEEPEST, FUNCTIONS


def _data(line: str) -> str:
    return f"spec:\n  tests:\n    data:\n      {line}\n"


def _rule(expression: str, more: str = "") -> str:
    return _data(f'rules: [{{name: in-order, expression: "{expression}"{more}}}]')


def _timed(more: str) -> str:
    digest = "f2ca1bb6c7e907d06dafe4687e579fce76b37e4e93b7605022da52e6ccc26fd2"
    return (
        f"spec:\n  data:\n    - {{name: train, role: training, uri: data/train.parquet{more}}}\n"
        f"    - {{name: test, role: test, uri: data/test.parquet, digest: {{sha256: {digest}}}{more}}}\n"
    )


UNKNOWN_DATASET = Rule(
    "MG630",
    "test-of-unknown-data",
    ERROR,
    "A test of the data names a data set that is not in the manifest.",
    "use a name from `spec.data`",
    "A misspelt name tests nothing.",
    _rule("distance > 0", ", in: [tset]"),
    _rule("distance > 0", ", in: [test]"),
)
UNCONFINED = Rule(
    "MG631",
    "rule-reaches-too-far",
    ERROR,
    "A rule holds what no rule may hold: a query, several statements, or a function that is not on the list.",
    "write one expression over the columns of one row, with the functions that rules may use",
    "A rule looks at one row and touches nothing outside: no file, no setting, no other row, no clock.",
    _rule("distance > (SELECT 0)"),
    _rule("distance > 0"),
)
REPEATED_RULE = Rule(
    "MG632",
    "repeated-rule",
    ERROR,
    "Two rules have the same name.",
    "give each rule a name of its own",
    "A report names the rule that is broken; with two of one name, it is unclear which.",
    _data("rules: [{name: far, expression: distance > 0}, {name: far, expression: distance < 9000}]"),
    _data("rules: [{name: far, expression: distance > 0}, {name: near, expression: distance < 9000}]"),
)
UNEVEN_KEY = Rule(
    "MG633",
    "uneven-reference",
    ERROR,
    "A key across tables has another number of columns on one side than on the other.",
    "name as many columns in `key` as in `columns`, in the same order",
    "Each column is looked up in its partner.",
    _data("references: [{columns: [carrier], dataset: test, key: [carrier, day]}]"),
    _data("references: [{columns: [carrier], dataset: test, key: [carrier]}]"),
)
NO_TIMES = Rule(
    "MG634",
    "times-of-no-column",
    ERROR,
    "Freshness or an order in time is demanded, and the data set names no `timeColumn`.",
    "add `timeColumn` to the data set: the column with the time of the prediction",
    "Without it nobody can say when the rows are from.",
    _data("split: {inTimeOrder: true}"),
    _timed(", timeColumn: seen") + "  tests: {data: {split: {inTimeOrder: true}}}\n",
)
NO_ENTITIES = Rule(
    "MG635",
    "entities-of-no-column",
    ERROR,
    "Entities must not be shared, and the data set names no `entityColumn`.",
    "add `entityColumn` to the data set: the column that says whose row it is",
    "Without it nobody can say whose rows they are.",
    _data("split: {maxSameEntities: 0}"),
    _timed(", entityColumn: tail") + "  tests: {data: {split: {maxSameEntities: 0}}}\n",
)
TAG_CONTRADICTS = Rule(
    "MG636",
    "pii-tag-contradicts",
    ERROR,
    "Columns may hold personal data, and the tag `pii` of the model says `none`.",
    "correct the tag, or take the columns out of `allowed`",
    "Policies and people read the tag.",
    "metadata: {tags: {pii: none}}\n" + _data("pii: {allowed: [email]}"),
    "metadata: {tags: {pii: present}}\n" + _data("pii: {allowed: [email]}"),
)
IMPOSSIBLE_SHARE = Rule(
    "MG637",
    "class-share-out-of-reach",
    ERROR,
    "Each class must have a share that not all of them can have, or there are no classes.",
    "write at most 1 divided by the number of classes, and only for classification",
    "Of two classes, one has at most half of the rows.",
    _data("labels: {minClassShare: 0.6}"),
    _data("labels: {minClassShare: 0.1}"),
)
BUDGET_OF_NOTHING = Rule(
    "MG638",
    "budget-of-nothing",
    WARNING,
    "A column has a budget for violations, and neither a range nor a domain to violate.",
    "add `range` or `domain`, or remove `maxViolationRate`",
    "A reader believes that something is bounded.",
    _data("columns: [{name: distance, maxViolationRate: 0.01}]"),
    _data("columns: [{name: distance, maxViolationRate: 0.01, range: {min: 0}}]"),
)

RULES = (
    UNKNOWN_DATASET,
    UNCONFINED,
    REPEATED_RULE,
    UNEVEN_KEY,
    NO_TIMES,
    NO_ENTITIES,
    TAG_CONTRADICTS,
    IMPOSSIBLE_SHARE,
    BUDGET_OF_NOTHING,
)

_AT: Pointer = ("spec", "tests", "data")
_STRINGS = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")
_CALL = re.compile(r"([A-Za-z_][A-Za-z_0-9.]*)\s*\(")
_QUERY = re.compile(r"\b(select|from|with|union|copy|attach|install|load|pragma|set|over)\b", re.IGNORECASE)
_WORDS = frozenset(
    {"and", "or", "not", "in", "between", "case", "when", "then", "else", "cast", "try_cast", "like", "is"}
)
_MORE = frozenset({"extract", "interval", "ilike", "similar", "date", "timestamp", "distinct"})


def check(subject: Subject) -> Iterator[Problem]:
    """The family's problems in one model manifest."""
    spec = mapping(subject.value, "spec")
    data = mapping(spec, "tests", "data")
    if not data:
        return
    datasets = {text(one, "name"): one for _, one in entries(spec, "data")}
    yield from _names(data, datasets)
    yield from _rules(data)
    for index, one in entries(data, "references"):
        if "key" in one and len(items(one, "key")) != len(items(one, "columns")):
            yield UNEVEN_KEY.on((*_AT, "references", index, "key"), "`key` and `columns` are not equally many")
    yield from _apart(data, datasets)
    tags = mapping(subject.value, "metadata", "tags")
    if text(tags, "pii") == "none" and items(mapping(data, "pii"), "allowed"):
        yield TAG_CONTRADICTS.on((*_AT, "pii", "allowed"), "the tag `pii` says `none`")
    share, classes = number(mapping(data, "labels"), "minClassShare"), {"binary-classification", "multiclass"}
    if share is not None and (not 0 <= share <= 0.5 or text(spec, "task") not in classes):  # noqa: PLR2004 - of two
        yield IMPOSSIBLE_SHARE.on((*_AT, "labels", "minClassShare"), f"no data can give each class {share}")
    for index, one in entries(data, "columns"):
        if "maxViolationRate" in one and not {"range", "domain"} & set(one):
            yield BUDGET_OF_NOTHING.on((*_AT, "columns", index, "maxViolationRate"), "there is nothing to violate")


def _names(data: dict[str, Any], datasets: dict[str | None, dict[str, Any]]) -> Iterator[Problem]:
    named: list[tuple[Pointer, str]] = [
        ((*_AT, "rules", index, "in", place), name)
        for index, one in entries(data, "rules")
        for place, name in enumerate(texts(one, "in"))
    ]
    named += [((*_AT, "freshness", "in", at), name) for at, name in enumerate(texts(mapping(data, "freshness"), "in"))]
    named += [
        ((*_AT, "references", index, "dataset"), str(text(one, "dataset")))
        for index, one in entries(data, "references")
        if text(one, "dataset") is not None
    ]
    for at, name in named:
        if datasets and name not in datasets:
            yield UNKNOWN_DATASET.on(at, f"{name!r} is no data set of `spec.data`")


def _rules(data: dict[str, Any]) -> Iterator[Problem]:
    for index, name in repeated([(index, text(one, "name")) for index, one in entries(data, "rules")]):
        yield REPEATED_RULE.on((*_AT, "rules", index, "name"), f"{name!r} is the name of a rule above")
    for index, one in entries(data, "rules"):
        reason = _beyond(text(one, "expression") or "")
        if reason:
            yield UNCONFINED.on((*_AT, "rules", index, "expression"), reason)


def _beyond(expression: str) -> str | None:
    """What in an expression no rule may hold, as far as its text alone can say; the engine has the last word."""
    plain = _STRINGS.sub("''", expression)
    if ";" in plain:
        return "a rule is one expression, without `;`"
    query = None if re.search(r"\bextract\b", plain, re.IGNORECASE) else _QUERY.search(plain)
    distinct = re.search(r"\bdistinct\s+from\b", plain, re.IGNORECASE)
    if query is not None and not (distinct and query[1].lower() == "from"):
        return f"a rule may hold no query, and `{query[1]}` begins one"
    for call in _CALL.finditer(plain):
        name = call[1].lower()
        if name not in FUNCTIONS | _WORDS | _MORE:
            return f"a rule may not call `{call[1]}`"
    if plain.count("(") > DEEPEST * 4:
        return "a rule may not hold so many brackets"
    return None


def _apart(data: dict[str, Any], datasets: dict[str | None, dict[str, Any]]) -> Iterator[Problem]:
    split, fresh = mapping(data, "split"), mapping(data, "freshness")
    parted = [one for one in datasets.values() if text(one, "role") in {"training", "test"}]
    if split.get("inTimeOrder") is True and any("timeColumn" not in one for one in parted):
        yield NO_TIMES.on((*_AT, "split", "inTimeOrder"), "training and test data both need a `timeColumn`")
    if "maxSameEntities" in split and any("entityColumn" not in one for one in parted):
        yield NO_ENTITIES.on((*_AT, "split", "maxSameEntities"), "training and test data both need an `entityColumn`")
    for index, name in enumerate(texts(fresh, "in")):
        if name in datasets and "timeColumn" not in datasets[name]:
            yield NO_TIMES.on((*_AT, "freshness", "in", index), f"{name!r} names no `timeColumn`")
    if fresh and datasets and not texts(fresh, "in") and all("timeColumn" not in one for one in datasets.values()):
        yield NO_TIMES.on((*_AT, "freshness"), "no data set names a `timeColumn`")
