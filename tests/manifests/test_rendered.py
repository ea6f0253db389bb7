"""What is read back without a YAML parser is what the parser reads, and what would be written again; or nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import estate
from mlops_gitops.errors import Failure
from mlops_gitops.manifests import rendered
from mlops_gitops.manifests.documents import load
from mlops_gitops.manifests.rendering import render
from mlops_gitops.promotion import stored

RELEASE = estate.release().render()
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**54), 2**54),
    st.integers(-9, 9),
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(-1000, 1000).map(lambda one: round(one, 3)),
    st.text(max_size=8),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=12),
    st.sampled_from(["", "true", "null", "1.0", "- a", "a: b", "{}", "[]", "# x", "---", "~", "2026-01-01", " x "]),
)
KEYS = st.one_of(
    st.text(max_size=4),
    st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,5}", fullmatch=True),
    st.sampled_from(["yes", "No", "on", "y", "N", "null", "True", "z" * 101, "z" * 2000]),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=5)


def ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: ordered(value[key]) for key in sorted(value)}
    return [ordered(one) for one in value] if isinstance(value, list) else value


def exact(value: Any) -> str:
    """Text that tells 1 from 1.0 and from true."""
    return json.dumps(value, ensure_ascii=True)


def holds(data: bytes) -> bool:
    """Whether the short way reads these bytes; if it does, the long way agrees in everything."""
    value = rendered.value_of(data)
    if value is None:
        return False
    slow = load("release.yaml", data)
    assert slow.findings == ()
    assert exact(slow.value) == exact(value)
    assert render(value) == data
    assert render(ordered(value)) == data
    return True


@given(DOCUMENTS)
@settings(max_examples=200, deadline=None)
def test_what_is_read_is_what_was_rendered(value: dict[str, Any]) -> None:
    for one in (value, ordered(value)):
        if holds(render(one)):
            assert exact(rendered.value_of(render(one))) == exact(one)


PLAIN_KEYS = st.from_regex(r"[a-z][A-Z0-9_-]{0,5}", fullmatch=True).filter(
    lambda one: one.lower() not in {"y", "n", "no", "on"}
)
PLAIN = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-99, 99), st.text(st.sampled_from("az:-#{}[] '.01"), max_size=9)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PLAIN_KEYS, inner, max_size=3),
    max_leaves=20,
)


@given(st.dictionaries(PLAIN_KEYS, PLAIN, min_size=1, max_size=4))
@settings(max_examples=100, deadline=None)
def test_the_plain_form_is_read_whatever_its_shape(value: dict[str, Any]) -> None:
    assert holds(render(ordered(value)))


def test_releases_are_of_the_plain_form() -> None:
    assert holds(RELEASE)


@st.composite
def changed(draw: st.DrawFn) -> bytes:
    """A rendered document after a few changes: bytes, lines, indentation."""
    text = draw(st.one_of(st.just(RELEASE), DOCUMENTS.map(ordered).map(render)))
    for _ in range(draw(st.integers(1, 3))):
        lines = text.split(b"\n")
        at = draw(st.integers(0, len(lines) - 1))
        match draw(st.sampled_from(["byte", "insert", "drop", "swap", "twice", "indent", "outdent", "line"])):
            case "byte":
                place = draw(st.integers(0, max(0, len(text) - 1)))
                text = text[:place] + draw(st.binary(max_size=2)) + text[place + 1 :]
                continue
            case "insert":
                pieces = [
                    b"- ",
                    b": ",
                    b"'",
                    b'"',
                    b"\t",
                    b"\r",
                    b"#",
                    b"&a ",
                    b"*a",
                    b"!!str ",
                    b"0",
                    b" ",
                    b"\\",
                    b"-",
                ]
                place = draw(st.integers(0, len(text)))
                text = text[:place] + draw(st.sampled_from(pieces)) + text[place:]
                continue
            case "drop":
                del lines[at]
            case "swap":
                other = draw(st.integers(0, len(lines) - 1))
                lines[at], lines[other] = lines[other], lines[at]
            case "twice":
                lines.insert(at, lines[at])
            case "indent":
                lines[at] = b"  " + lines[at]
            case "outdent":
                lines[at] = lines[at].removeprefix(b"  ")
            case "line":
                lines.insert(
                    at,
                    draw(
                        st.sampled_from(
                            [b"---", b"...", b"", b"# x", b"%YAML 1.1", b"- 1", b"x: 1", b"  - x: {}", b"true"]
                        )
                    ),
                )
        text = b"\n".join(lines)
    return text


@given(changed())
@settings(max_examples=300, deadline=None)
def test_of_what_was_changed_exactly_what_is_still_the_plain_form_is_read(data: bytes) -> None:
    holds(data)


@pytest.mark.parametrize(
    "text",
    [
        "", "\n", "x: 1", "x: -0\n", "x: 01\n", "x: 1.50\n", "x: 1e5\n", "x: 1.\n", "x: .5\n", "x: +1\n", "x: 0x1\n",
        "x: 9007199254740993\n", "x: True\n", "x: yes\n", "x: nan\n", "x: {a}\n", "x: [1]\n", "x: {}{}\n",
        'x: "a\\n"\n', 'x: "\x7f"\n', 'x: "a" \n', 'x:  "a"\n', "x:\n", "x:\n  1\n", "x:\n- 1\n", "x:\n    - 1\n",
        "- 1\n", "1\n", "b: 1\na: 1\n", "a: 1\na: 1\n", "y: 1\n", "No: 1\n", "null: 1\n", "x: 1\n\n", "\nx: 1\n",
        "x: 1\r\n", "x:\n  - \n", "x:\n  - a: 1\n  b: 2\n", "x:\n  - a: 1\n   b: 2\n", "x:\n  a: 1\n  - 2\n",
        "x: {}\n  a: 1\n", "x: 1\n  a: 1\n", f"{'k' * 101}: 1\n", "x:\n" + "  - 1\n" * 2000, 'x: "é"\n',
        "x:\n  - - 1\n  - 2\n    - 3\n", "? x\n", "x: *a\n", 'x: !!str "a"\n', 'x: "a"#\n', "<<: 1\n",
    ],
)  # fmt: skip
def test_everything_else_goes_the_long_way(text: str) -> None:
    assert rendered.value_of(text.encode()) is None


def test_a_changed_byte_gives_another_id_or_none() -> None:
    found, promised = stored.release(RELEASE, path="release.yaml")
    assert promised == found.id == estate.release().id
    for place in range(0, len(RELEASE), 3):
        for other in (b"", b"0", bytes([RELEASE[place] ^ 1])):
            data = RELEASE[:place] + other + RELEASE[place + 1 :]
            if data == RELEASE or not holds(data):
                continue
            try:
                _, promised_now = stored.release(data, path="release.yaml")
            except Failure:
                continue
            assert promised_now != promised


@example(b"x: 1\n")
@given(st.text(st.sampled_from('ab:-\n 1"{}[]x.#'), max_size=40).map(str.encode))
@settings(max_examples=300, deadline=None)
def test_no_text_is_read_otherwise_than_by_the_parser(data: bytes) -> None:
    holds(data)
