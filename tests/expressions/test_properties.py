"""What holds for every expression: one answer, a price that is never too low, and no surprise."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from phrases import booleans, rubble

from mlops_gitops.expressions import shapes
from mlops_gitops.expressions.checking import look
from mlops_gitops.expressions.evaluation import evaluate
from mlops_gitops.expressions.faults import COST_LIMIT, DEEPEST, LONGEST_EXPRESSION, Faulty, TooCostly
from mlops_gitops.expressions.parsing import parse
from mlops_gitops.expressions.patterns import compiled
from mlops_gitops.expressions.syntax import Node, below
from mlops_gitops.expressions.values import KINDS, Value, equal, weight
from mlops_gitops.manifests import expressions

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "i": {"type": "integer"},
        "d": {"type": "number"},
        "s": {"type": "string", "maxLength": 12},
        "b": {"type": "boolean"},
        "l": {"type": "array", "maxItems": 4, "items": {"type": "integer"}},
        "m": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": ["string", "null"], "maxLength": 30}},
        },
        "t": {"type": "string", "format": "date-time", "maxLength": 20},
    },
}
SHAPES = {name: shapes.of_schema(node, SCHEMA) for name, node in SCHEMA["properties"].items()}
INT = st.integers(-(2**53), 2**53)
FULL: dict[str, Any] = {
    "i": 7,
    "d": 0.5,
    "s": "x" * 12,
    "b": True,
    "l": [1, 2, 3, 4],
    "m": {"a": 1, "b": "x" * 30},
    "t": "2026-01-01T00:00:00Z",
}


@st.composite
def documents(draw: Callable[..., Any]) -> dict[str, Any]:
    return {
        "i": draw(INT),
        "d": draw(st.floats(allow_nan=False, allow_infinity=False)),
        "s": draw(st.text(max_size=12)),
        "b": draw(st.booleans()),
        "l": draw(st.lists(INT, max_size=4)),
        "m": {"a": draw(INT), "b": draw(st.none() | st.text(max_size=30))},
        "t": draw(st.datetimes().map(lambda one: f"{one:%Y-%m-%dT%H:%M:%SZ}".rjust(20, "0"))),
    }


def bound(document: dict[str, Any]) -> dict[str, Value]:
    return {name: shapes.bind(one, SCHEMA["properties"][name], SCHEMA) for name, one in document.items()}


def outcome(text: str, scope: dict[str, Value]) -> tuple[object, ...]:
    try:
        value, steps = evaluate(parse(text), scope)
    except Faulty as fault:
        return fault.__class__, fault.message, fault.at
    return value.__class__, repr(value), steps


@given(booleans(), documents())
@settings(max_examples=100, deadline=None)
def test_an_answer_depends_on_the_expression_and_the_document_alone(text: str, document: dict[str, Any]) -> None:
    first = outcome(text, bound(document))
    again = json.loads(json.dumps(document))
    shuffled = {name: again[name] for name in sorted(again, reverse=True)}
    parse.cache_clear()
    compiled.cache_clear()
    assert outcome(text, bound(shuffled)) == first


@given(booleans(), documents())
@settings(max_examples=250, deadline=None)
@example(
    "'a'.matches(s)",
    {"i": 0, "d": 0.0, "s": "(a{9}){9}", "b": True, "l": [], "m": {"a": 1, "b": "x" * 30}, "t": "2026-01-01T00:00:00Z"},
)
@example(
    "m == m && [m, m] != [m] && m in [m]",
    {"i": 0, "d": 0.0, "s": "", "b": True, "l": [1, 2], "m": {"a": 1, "b": "x" * 30}, "t": "2026-01-01T00:00:00Z"},
)
def test_the_price_is_never_below_what_is_counted(text: str, document: dict[str, Any]) -> None:
    scope = bound(document)
    priced = look(parse(text), SHAPES).cost
    counted = _counted(text, scope)
    assert counted <= priced


def _counted(text: str, scope: dict[str, Value]) -> int:
    """The steps of an evaluation, also of one that ends in an error: the least limit that it needs."""
    from mlops_gitops.expressions import evaluation

    meter = evaluation.Meter(10**9)
    try:
        evaluation._value(parse(text), scope, meter)
    except TooCostly:
        raise
    except Faulty:
        pass
    return meter.spent


@given(booleans())
@settings(max_examples=100, deadline=None)
def test_the_price_of_the_whole_is_at_least_that_of_each_part(text: str) -> None:
    tree = parse(text)
    whole = look(tree, SHAPES).cost
    for part in parts(tree):
        assert look(part, SHAPES).cost <= whole


@given(booleans(), st.integers(1, 5))
@settings(max_examples=100, deadline=None)
def test_larger_lists_and_texts_never_make_it_cheaper(text: str, times: int) -> None:
    larger = copy.deepcopy(SCHEMA)
    larger["properties"]["l"]["maxItems"] *= times
    larger["properties"]["s"]["maxLength"] *= times
    wide = {name: shapes.of_schema(node, larger) for name, node in larger["properties"].items()}
    assert look(parse(text), wide).cost >= look(parse(text), SHAPES).cost


def parts(tree: Node) -> list[Node]:
    """Every part that means something by itself: not below a macro, whose variable it would miss."""
    from mlops_gitops.expressions.syntax import Fold

    found = [tree]
    for one in (tree.of,) if isinstance(tree, Fold) else below(tree):
        found += parts(one)
    return found


@given(rubble())
@settings(max_examples=400, deadline=None)
@example("(" * 500 + "1")
@example("!" * 3000 + "true")
@example("-" * 3000 + "1")
@example("1" + "+1" * 2400)
@example("a" + ".b" * 2400)
@example("[" * 2500 + "]" * 2500)
@example("true?" * 900 + "1")
@example("1" * 4000)
@example("0x" + "f" * 4000)
@example("1." + "0" * 4000)
@example("1e" + "9" * 4000)
@example("'" + "\\U0010FFFF" * 400 + "'")
@example("r" * 3000)
@example("'a'.matches('" + "(" * 1000 + "')")
@example("'a'.matches('(((){1000}){1000}){1000}')")
@example("'a'.matches('[' + '\\x00')")
@example("int('" + "9" * 4900 + "')")
@example("double('" + "9" * 4900 + "')")
@example("duration('" + "9" * 4900 + "h')")
@example("timestamp('0001-01-01T00:00:00+23:59')")
@example("timestamp('0001-01-01T00:00:00Z').getHours('-23:59')")
def test_whatever_an_expression_holds_only_faults_come_of_it(text: str) -> None:
    unread = fault_of(lambda: parse(text))
    if unread is not None:
        assert 0 <= unread.at <= max(len(text), LONGEST_EXPRESSION)
        assert unread.message
        return
    tree = parse(text)
    assert look(tree, expressions.variables()).cost > 0
    unanswered = fault_of(lambda: evaluate(tree, EXAMPLE(), limit=100_000))
    assert unanswered is None or unanswered.message


def fault_of(call: Callable[[], object]) -> Faulty | None:
    """The one exception that there may be; any other is a failure of the test."""
    try:
        call()
    except Faulty as fault:
        return fault
    return None


@cache
def EXAMPLE() -> dict[str, Value]:  # noqa: N802 - a constant that is made when it is first asked for
    return expressions.bind(expressions.root()["examples"][0])


@given(rubble(), st.text(max_size=40))
@settings(max_examples=150, deadline=None)
def test_whatever_a_pattern_holds_only_faults_come_of_it(pattern: str, text: str) -> None:
    fault = fault_of(lambda: compiled(pattern).found_in(text))
    assert fault is None or fault.message


SIMPLE = st.recursive(
    st.sampled_from(["a", "b", ".", "[ab]", "[^a]", "^", "$", "\\d", "é", "[a-c-]", "\\."]),
    lambda inner: st.one_of(
        st.builds(lambda a, b: f"{a}{b}", inner, inner),
        st.builds(lambda a, b: f"(?:{a}|{b})", inner, inner),
        st.builds(lambda a, q: f"({a}){q}", inner, st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "{0,1}?", "{2,}"])),
    ),
    max_leaves=6,
)


@given(SIMPLE, st.text(alphabet="abcé1\n.-", max_size=8))
@settings(max_examples=250, deadline=None)
def test_a_search_finds_what_other_engines_find(pattern: str, text: str) -> None:
    """Python's own engine, with its ``$`` and ``\\d`` made those of RE2."""
    peer = re.search(re.sub(r"(?<!\\)\$", r"\\Z", pattern), text, re.ASCII)
    assert compiled(pattern).found_in(text) == (peer is not None)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.text(max_size=25) | st.binary(max_size=25),
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES, VALUES)
def test_comparing_never_takes_more_than_the_smaller_side(one: Value, other: Value) -> None:
    assume(one.__class__ in KINDS and other.__class__ in KINDS)
    for first, second in ((one, other), (one, one), (other, one)):
        steps: list[int] = []
        equal(first, second, steps.append)
        assert sum(steps) <= min(weight(first), weight(second))


@pytest.mark.parametrize(("words", "at"), [("!", DEEPEST + 3), ("-", DEEPEST + 3)])
def test_depth_is_bounded_not_the_stack(words: str, at: int) -> None:
    with pytest.raises(TooCostly, match="nested"):
        parse(words * at + "i")
    with pytest.raises(TooCostly, match="nested"):
        parse("(" * at + "1" + ")" * at)
    assert parse("(" * (DEEPEST - 1) + "1" + ")" * (DEEPEST - 1))


def test_nothing_makes_up_for_running_out_of_steps() -> None:
    long = "[1,2,3,4,5,6,7,8,9].all(a, [1,2,3,4,5,6,7,8,9].all(b, a + b > 0))"
    for text in (f"{long} || true", f"true || {long}", f"[1].exists(x, {long}) || true"):
        if text.startswith("true"):
            assert evaluate(parse(text), {}, limit=100).value is True
            continue
        with pytest.raises(TooCostly):
            evaluate(parse(text), {}, limit=100)
    assert evaluate(parse(long), {}, limit=COST_LIMIT).value is True
