"""The bytes of a document are those of RFC 8785, whichever way they are made."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlops_gitops import canonical

NUMBERS = st.one_of(
    st.integers(-(2**60), 2**60),
    st.floats(),
    st.floats(1e-8, 1e-2),
    st.floats(1e10, 1e25),
    st.integers(-1000, 1000).map(float),
)
TEXTS = st.one_of(st.text(), st.text(st.characters(codec=None, exclude_categories=())))
NAMES = st.one_of(st.text(st.characters(max_codepoint=0x7F)), TEXTS)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4) | st.tuples(inner),
    max_leaves=12,
)


def reference(value: Any) -> bytes | None:
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, ValueError):
        return None


def ours(value: Any) -> bytes | None:
    try:
        return canonical.encode(value)
    except ValueError:
        return None


@given(VALUES)
@example({"\ue000": 1, "\U00010000": 2})
@example({"a": 1e-4, "b": 9.999e-5, "c": 1e15, "d": 999999999999999.9, "e": -0.0, "f": 0.1 + 0.2})
@example(['\x00\x1f\x7f\u2028"\\/', "\ud800"])
@example([True, False, None, 2**53, 2**53 - 1, -(2**53)])
@settings(max_examples=1500, deadline=None)
def test_both_ways_write_the_same_bytes(value: Any) -> None:
    assert ours(value) == reference(value)


@given(st.floats(1e-4, 1e15) | st.floats(-1e15, -1e-4))
@settings(max_examples=1500)
def test_numbers_with_a_fraction(value: float) -> None:
    assert ours({"value": value}) == reference({"value": value})


@pytest.mark.parametrize("value", [{1: "a"}, {None: 1}, {True: 1}, {"a": {2: 3}}, b"bytes", {"a": {1, 2}}, object()])
def test_what_is_no_json_is_no_json_either_way(value: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        canonical.encode(value)
    with pytest.raises((ValueError, TypeError)):
        rfc8785.dumps(value)


def test_text_of_another_class_is_text() -> None:
    class Name(str):
        __slots__ = ()

    assert canonical.encode({Name("a"): Name("b")}) == b'{"a":"b"}'


@pytest.mark.parametrize("deep", [10, 63, 64, 65, 200])
def test_how_deep_a_document_is_does_not_matter(deep: int) -> None:
    value: Any = "x"
    for _ in range(deep):
        value = [value]
    assert canonical.encode(value) == b"[" * deep + b'"x"' + b"]" * deep
    assert deep < sys.getrecursionlimit()
