"""The loader reads what every reader reads alike, says what else there is, and never raises or hangs."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_gitops.findings import Location
from mlops_gitops.manifests import documents, schema
from mlops_gitops.manifests.documents import MAX_DEPTH, MAX_VALUES, load
from mlops_gitops.manifests.positions import places
from mlops_gitops.manifests.rendering import render

SAMPLE = """\
kind: Model
spec:
  metrics:
    - name: roc_auc
      threshold: {min: 0.70}
    - {name: f1}
"""


def rules_of(text: str) -> list[str]:
    return [one.rule for one in load("a.yaml", text.encode()).findings]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.10", 1.1), ("0.70", 0.7), ("1e3", 1000.0), (".5", 0.5), ("-3", -3), ("+3", 3), ("0", 0), ("1.0.0", "1.0.0"),
        ("true", True), ("False", False), ("~", None), ("null", None), ("", None), ("y", "y"), ("'no'", "no"),
        ("P30D", "P30D"), ("1.", 1.0), ("1-2", "1-2"),
        ("9007199254740991", 9007199254740991),
    ],
)  # fmt: skip
def test_plain_scalars_mean_what_every_reader_reads(text: str, value: object) -> None:
    loaded = load("a.yaml", f"key: {text}\n".encode())
    assert loaded.findings == ()
    assert loaded.value == {"key": value}
    assert type(loaded.value["key"]) is type(value)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("no", "MG013"), ("On", "MG013"), ("010", "MG014"), ("0x1F", "MG014"), ("0o17", "MG014"), ("1_000", "MG014"),
        ("12:30:45", "MG015"), ("2026-11-21", "MG016"), ("2026-11-21T00:00:00Z", "MG016"), (".inf", "MG017"),
        ("-.INF", "MG017"), (".nan", "MG017"), ("9007199254740993", "MG017"), ("1e999", "MG017"), ("9" * 5000, "MG017"),
        ("00.5", "MG014"), ("!!str 1", "MG008"), ("!custom {}", "MG008"),
    ],
)  # fmt: skip
def test_what_readers_disagree_about_is_a_finding_and_stays_text(text: str, rule: str) -> None:
    loaded = load("a.yaml", f"key: {text}\n".encode())
    assert [one.rule for one in loaded.findings] == [rule]
    assert loaded.findings[0].location[:3] == ("a.yaml", 1, 6)


def test_keys_and_values_have_places() -> None:
    loaded = load("a.yaml", SAMPLE.encode())
    at = loaded.location
    assert at(("kind",)) == Location("a.yaml", 1, 7, 1, 12)
    assert at(("spec", "metrics", 0, "name")) == Location("a.yaml", 4, 13, 4, 20)
    assert at(("spec", "metrics")) == Location("a.yaml", 3, 3, 3, 10)
    assert at(("spec", "metrics", 1)) == Location("a.yaml", 6, 7, 6, 8)
    assert at(("spec", "metrics", 7, "name")) == at(("spec", "metrics"))
    assert loaded.location_of_key(("spec", "metrics", 0, "name")) == Location("a.yaml", 4, 7, 4, 11)
    assert loaded.source_text(("spec", "metrics", 0, "threshold", "min")) == "0.70"


def test_columns_count_characters_not_bytes() -> None:
    assert load("a.yaml", 'ä: {"ö": ü}\n'.encode()).location(("ä", "ö"))[:3] == ("a.yaml", 1, 10)


def laughs(levels: int, width: int) -> str:
    lines = ["a0: &a0 [x, x]"]
    lines.extend(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * width)}]" for level in range(1, levels))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("text", [laughs(20, 10), laughs(30, 2), "a: &a [1, *a]\n", "&a {b: *a}\n"])
def test_aliases_that_explode_are_one_finding(text: str) -> None:
    assert rules_of(text) == ["MG010"]


def test_aliases_that_only_nest_are_too_deep() -> None:
    assert rules_of("\n".join(["a0: &a0 [x]"] + [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 90)])) == ["MG011"]


def test_an_inner_anchor_does_not_hide_the_depth_of_the_outer_one() -> None:
    deep = "[" * 40 + "]" * 40
    assert rules_of(f"a: &a [{deep}, &b [x]]\nc: " + "[" * 30 + "*a" + "]" * 30 + "\n") == ["MG011"]


def test_a_harmless_alias_is_read() -> None:
    assert load("a.yaml", b"a: &x [1]\nb: *x\n").value == {"a": [1], "b": [1]}


def test_bounds_hold_exactly() -> None:
    assert rules_of("[" * MAX_DEPTH + "]" * MAX_DEPTH) == []
    assert rules_of("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)) == ["MG011"]
    assert rules_of("[" + "1," * (MAX_VALUES - 1) + "]") == []
    assert rules_of("[" + "1," * MAX_VALUES + "]") == ["MG003"]
    assert rules_of("[" * 500_000) == ["MG011"]
    assert rules_of("{a: " * 200_000) == ["MG011"]
    assert rules_of("{" * 500_000) == ["MG007"]


@pytest.mark.parametrize(
    ("data", "rule", "line", "column"),
    [
        (b"a: 1\na: 2\n", "MG005", 2, 1), (b"a:\n\tb: 1\n", "MG004", 2, 1), (b"a: [1\nb: 2\n", "MG001", 2, 2),
        (b"a: \xff\n", "MG002", 1, 4), (b"\xef\xbb\xbfa: 1\n", "MG002", 1, 1), (b"a: 1\n---\nb: 2\n", "MG006", 2, 1),
        (b"1: a\n", "MG007", 1, 1), (b"[a]: b\n", "MG007", 1, 1), (b"<<: {}\n", "MG009", 1, 1), (b"", "MG019", 1, 1),
        (b'a: "\\0"\n', "MG018", 1, 4), (b"a: \xe2\x80\xae\n", "MG018", 1, 4), (b"a: *b\n", "MG001", 1, 4),
        (b"a: \x00\n", "MG018", 1, 4),
    ],
)  # fmt: skip
def test_findings_say_where(data: bytes, rule: str, line: int, column: int) -> None:
    found = load("a.yaml", data).findings
    assert [(one.rule, one.location.line, one.location.column) for one in found] == [(rule, line, column)]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_raise(data: bytes) -> None:
    loaded = load("a.yaml", data)
    assert loaded.value is None or json.dumps(loaded.value) is not None


PIECES = [
    *(
        "a",
        ": ",
        "- ",
        "&a ",
        "*a",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "\n",
        "  ",
        "\t",
        "|\n",
        ">-\n",
        '"',
        "'",
        "!",
        "#",
        "<<",
        "? ",
    ),
    *("---\n", "...\n", "%YAML 1.1\n", "1.10", "no", "0x1", "\\x", "é", "\u2028", "!!python/object:x "),
]


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=40))
def test_no_yaml_raises_and_places_agree_with_values(pieces: list[str]) -> None:
    loaded = load("a.yaml", "".join(pieces).encode())
    if not loaded.findings and isinstance(loaded.value, dict):
        for key in loaded.value:
            assert loaded.location_of_key((key,)).line >= 1
        assert places(loaded.text) is not None


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_mutated_manifests_never_raise(data: st.DataObject) -> None:
    text = render(schema.document("model")["examples"][0])
    start = data.draw(st.integers(0, len(text)))
    length = data.draw(st.integers(0, 40))
    load("a.yaml", text[:start] + data.draw(st.binary(max_size=10)) + text[start + length :])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["C", "Z"]), max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abyn<é: ", max_size=4), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(JSON)
def test_what_is_rendered_loads_as_the_same_value(value: object) -> None:
    loaded = load("a.yaml", render(value))  # type: ignore[arg-type]
    assert loaded.findings == ()
    assert loaded.value == value


def test_without_the_c_parser_the_same_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [SAMPLE, laughs(20, 10), "a: 1\na: 2\n", "a: [1\n", "a:\n\tb: 1\n", "[" * 200, "a: no\n", "a: *b\n"]
    fast = [load("a.yaml", one.encode()) for one in cases]
    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    assert documents.parser("a").__class__ is yaml.SafeLoader
    for one, before in zip(cases, fast, strict=True):
        after = load("a.yaml", one.encode())
        assert after.value == before.value
        assert [(found.rule, found.location.line) for found in after.findings] == [
            (found.rule, found.location.line) for found in before.findings
        ]
