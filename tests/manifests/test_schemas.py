"""The schemas are closed, described and exemplified everywhere, and both validators read them alike."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_gitops.manifests import schema
from mlops_gitops.manifests.documents import Document, load
from mlops_gitops.manifests.rendering import render
from mlops_gitops.manifests.rules import registry
from mlops_gitops.manifests.rules.subject import Subject
from mlops_gitops.manifests.wording import problems, validator
from mlops_gitops.reporting.scorecard.assembly import KINDS

NAMES = list(schema.KINDS.values())
OUTPUTS = [
    f"output/{one.name.removesuffix('.schema.json')}" for one in sorted(Path(schema.folder(), "output").iterdir())
]


def subschemas(value: Any) -> Iterator[dict[str, Any]]:
    yield value
    for key in ("properties", "$defs"):
        for one in value.get(key, {}).values():
            yield from subschemas(one)
    for key in ("items", "additionalProperties", "propertyNames"):
        if isinstance(value.get(key), dict):
            yield from subschemas(value[key])
    for key in ("anyOf", "oneOf"):
        for one in value.get(key, ()):
            yield from subschemas(one)


@pytest.mark.parametrize("name", [*NAMES, *OUTPUTS])
def test_every_field_is_described_and_has_valid_examples(name: str) -> None:
    root = schema.document(name)
    jsonschema.Draft202012Validator.check_schema(root)
    for example in root["examples"]:
        jsonschema.Draft202012Validator(root).validate(example)
    for one in subschemas(root):
        for key, field in one.get("properties", {}).items():
            assert field.get("description"), key
            assert field.get("examples"), key
            for example in field["examples"]:
                whole = {**field, "$defs": root.get("$defs", {})}
                assert list(jsonschema.Draft202012Validator(whole).iter_errors(example)) == [], (key, example)


@pytest.mark.parametrize("name", NAMES)
def test_every_mapping_is_closed_but_for_x(name: str) -> None:
    for one in subschemas(schema.document(name)):
        if "properties" in one:
            assert one["additionalProperties"] is False
            assert one["patternProperties"] == {"^x-": {}}


@pytest.mark.parametrize("name", OUTPUTS)
def test_what_is_printed_always_has_every_field(name: str) -> None:
    """Nothing is ever left out but what an Action adds: a program asks for a field, and gets it or ``null``."""
    for one in subschemas(schema.document(name)):
        if "properties" in one:
            assert one["additionalProperties"] is False
            assert one["required"] == [field for field in one["properties"] if field != "judged"]


def test_what_is_shared_is_the_same_everywhere() -> None:
    shared: dict[str, Any] = {}
    for name in OUTPUTS:
        for key, one in schema.document(name).get("$defs", {}).items():
            assert shared.setdefault(key, one) == one, (name, key)


@pytest.mark.parametrize("name", NAMES)
def test_only_what_the_compiled_validator_understands_is_used(name: str) -> None:
    for one in subschemas(schema.document(name)):
        assert set(one) <= set(schema.KEYWORDS) | schema.ANNOTATIONS
        assert one.get("pattern", "").replace("$)", "").count("$") <= 1
        assert all(isinstance(value, str) for value in one.get("enum", ()))
        if one.get("uniqueItems"):
            assert one["items"].get("type") == "string" or "enum" in one["items"]


@pytest.mark.parametrize("name", [f"output/{kind}" for kind in KINDS])
def test_examples_of_what_reports_hold_fit_the_compiled_validator(name: str) -> None:
    compiler = schema.Compiler(schema.document(name))
    for one in subschemas(schema.document(name)):
        assert all(compiler.compile(one)(example) for example in one.get("examples", ())), one


def test_true_is_no_number_of_an_enumeration() -> None:
    fits = schema.Compiler({}).compile({"enum": [1, 2]})
    assert [fits(value) for value in (1, 2, 3, True, "1", None)] == [True, True, False, False, False, False]


def test_an_unsupported_keyword_is_refused_not_skipped() -> None:
    with pytest.raises(ValueError, match="not supported"):
        schema.Compiler({}).compile({"multipleOf": 2})


WRONG = st.sampled_from(
    [None, True, 0, 1, 1.5, -1, "", "x", "none", "é\n", [], ["a", "a"], {}, {"x-a": 1}, {"a": 1}, [{}], 10**6]
)


def paths(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield at
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in entries:
        yield from paths(one, (*at, key))


def mutate(draw: Any, value: Any) -> Any:
    """One place of a document changed, removed, repeated or added to."""
    value = copy.deepcopy(value)
    way = draw(st.sampled_from([one for one in paths(value) if one]))
    parent = value
    for step in way[:-1]:
        parent = parent[step]
    what = draw(st.sampled_from(["replace", "remove", "add", "repeat", "rename", "newline"]))
    if what == "remove":
        del parent[way[-1]]
    elif what == "repeat" and isinstance(parent, list):
        parent.append(copy.deepcopy(parent[way[-1]]))
    elif what == "add" and isinstance(parent, dict):
        parent[draw(st.sampled_from(["x-mine", "extra", "name", "maxAge"]))] = draw(WRONG)
    elif what == "rename" and isinstance(parent, dict):
        parent[f"{way[-1]}s"] = parent.pop(way[-1])
    elif what == "newline" and isinstance(parent[way[-1]], str):
        parent[way[-1]] += "\n"
    else:
        parent[way[-1]] = draw(WRONG)
    return value


EXAMPLES = {
    name: [
        schema.document(name)["examples"][0],
        {**schema.document(name)["examples"][0], "spec": schema.document(name)["properties"]["spec"]["examples"][0]},
    ]
    for name in NAMES
}


def full_model() -> Any:
    """A model with every optional section, so that mutations reach them."""
    spec = schema.document("model")["properties"]["spec"]["properties"]
    value = copy.deepcopy(schema.document("model")["examples"][0])
    for key in ("source", "tests", "reproducibility", "serving", "monitoring", "lineage", "rollback"):
        value["spec"][key] = copy.deepcopy(spec[key]["examples"][0])
    value["spec"]["tests"]["leakage"] = {"maxSingleFeaturePower": 0.9, "knownAt": {"distance": "day"}}
    value["spec"]["tests"]["data"]["columns"] = [{"name": "distance", "range": {"min": 0}, "domain": [1]}]
    value["spec"]["serving"]["rollout"] = {"strategy": "canary", "steps": [10, 100]}
    return value


EXAMPLES["model"].append(full_model())


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_both_validators_agree_and_a_no_always_has_words(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(NAMES))
    value = data.draw(st.sampled_from(EXAMPLES[name]))
    for _ in range(data.draw(st.integers(0, 3))):
        value = mutate(data.draw, value) if value else value
    fits = schema.check(name)(value)
    assert fits == (not list(validator(name).iter_errors(value)))
    if not fits:
        text = render(value)
        said = list(problems(name, load("a.yaml", text)))
        assert said
        for one in said:
            assert one.message
            assert one.fix or one.rule.fix


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_no_rule_raises_on_any_document(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(list(schema.KINDS)))
    value = data.draw(st.sampled_from(EXAMPLES[schema.KINDS[kind]]))
    for _ in range(data.draw(st.integers(1, 4))):
        value = mutate(data.draw, value) if value else value
    document = Document("a.yaml", value, (), render(value).decode())
    for family in registry.families(kind):
        for problem in family(Subject("a.yaml", value, "/nowhere/models/a/model.yaml", "/nowhere")):
            assert document.location(problem.pointer).line >= 1


@pytest.mark.parametrize("text", ["flight-delays\n", "Flight", "-a", "a-", "a" * 64, "../a"])
def test_names_that_would_make_bad_folders_do_not_fit(text: str) -> None:
    value = copy.deepcopy(schema.document("model")["examples"][0])
    value["metadata"]["name"] = text
    assert not schema.check("model")(value)


@pytest.mark.parametrize(
    ("name", "way", "wrong"),
    [
        ("environment", ("spec", "after"), ["staging", "staging"]),
        ("environment", ("spec", "gates"), []),
        ("environment", ("spec", "gates"), "nothing"),
        ("environment", ("spec", "gates"), [{"evidence": "scan", "approvals": {"quorum": 1}}]),
        ("environment", ("spec", "gates"), [{"approvals": {"quorum": 0}}]),
        ("environment", ("spec", "gates"), [{"approvals": {"quorum": 1}, "maxAge": "P1D"}]),
        ("model", ("metadata", "version"), "1.0"),
        ("model", ("spec", "training", "entrypoint"), []),
        ("model", ("spec", "training", "environment"), {"A B": "x"}),
        ("model", ("spec", "metrics", 0, "threshold"), {}),
        ("release", ("spec", "supersedes"), "abc"),
        ("release", ("spec", "image"), {"uri": "a"}),
        ("control", ("spec", "controls", 0, "id"), "hold-1"),
    ],
)
def test_each_kind_of_keyword_can_say_no(name: str, way: tuple[Any, ...], wrong: Any) -> None:
    value = copy.deepcopy(schema.document(name)["examples"][0])
    assert schema.check(name)(value)
    parent = value
    for step in way[:-1]:
        parent = parent[step]
    parent[way[-1]] = wrong
    assert not schema.check(name)(value)
    assert list(validator(name).iter_errors(value))
