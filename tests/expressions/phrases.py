"""Hypothesis strategies for expressions: some that have a type, and some that are only put together from the words."""

from __future__ import annotations

from hypothesis import strategies as st

TEXTS = ["''", "'a'", "'ab'", "'Grün'", "s", "'😀b'", "string(i)"]
INTS = ["0", "1", "-2", "7", "9223372036854775807", "i", "size(l)", "l[1]", "m.a", "size(s)"]
DOUBLES = ["0.0", "0.5", "-1.5", "1e300", "d", "double(i)"]
TIMES = ["t", "timestamp('2026-03-29T01:30:00+01:00')", "timestamp(0)"]
LENGTHS = ["duration('1h')", "duration('-1.5s')", "duration('999999h')"]
PATTERNS = ["'^a'", "'b$'", "'(a|b)+'", "'[^a-m]'", "'.*ü.?n'", "'a{2,3}'", "'(?i)GR'", "'^$'", "'\\\\d'", "'(a*)*b'"]
ORDERS = ["==", "!=", "<", "<=", ">", ">="]


def _binary(one: st.SearchStrategy[str], signs: list[str], other: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(lambda a, sign, b: f"({a} {sign} {b})", one, st.sampled_from(signs), other)


def _texts() -> st.SearchStrategy[str]:
    return st.recursive(st.sampled_from(TEXTS), lambda inner: _binary(inner, ["+"], inner), max_leaves=3)


def _ints() -> st.SearchStrategy[str]:
    return st.recursive(
        st.sampled_from(INTS),
        lambda inner: st.one_of(
            _binary(inner, ["+", "-", "*", "/", "%"], inner),
            st.builds(lambda a: f"(-({a}))", inner),
            st.builds(lambda a, b, c: f"({a} < {b} ? {b} : {c})", inner, inner, inner),
        ),
        max_leaves=4,
    )


def _doubles() -> st.SearchStrategy[str]:
    return st.recursive(
        st.sampled_from(DOUBLES), lambda inner: _binary(inner, ["+", "-", "*", "/"], inner), max_leaves=3
    )


def _moments() -> st.SearchStrategy[str]:
    return st.one_of(st.sampled_from(TIMES), _binary(st.sampled_from(TIMES), ["+", "-"], st.sampled_from(LENGTHS)))


def _lists() -> st.SearchStrategy[str]:
    ints = _ints()
    return st.one_of(
        st.sampled_from(["l", "[]", "[1, 2, 2]", "l + [i]"]),
        st.builds(lambda a, b: f"l.map(x, x {a} {b})", st.sampled_from(["+", "*", "/"]), ints),
        st.builds(lambda a, b: f"l.filter(x, x {a} {b})", st.sampled_from(ORDERS), ints),
        st.builds(lambda a, b: f"l.map(x, x {a} {b}, x)", st.sampled_from(ORDERS), ints),
    )


def booleans() -> st.SearchStrategy[str]:
    """Expressions that give true, false, or an error while they run."""
    ints, doubles, texts, moments, lists = _ints(), _doubles(), _texts(), _moments(), _lists()
    leaf = st.one_of(
        st.sampled_from(["true", "false", "b", "has(m.a)", "has(m.zz)", "'a' in m", "i in l"]),
        _binary(ints, ORDERS, ints),
        _binary(doubles, ORDERS, doubles),
        _binary(ints, ORDERS, doubles),
        _binary(texts, ORDERS, texts),
        _binary(moments, ORDERS, moments),
        _binary(lists, ["==", "!="], lists),
        st.builds(lambda a, b: f"{a} in ({b})", ints, lists),
        st.builds(
            lambda a, f, b: f"({a}).{f}({b})", texts, st.sampled_from(["contains", "startsWith", "endsWith"]), texts
        ),
        st.builds(lambda a, b: f"({a}).matches({b})", texts, st.sampled_from(PATTERNS)),
        st.builds(lambda a, f, b: f"({a}).{f}() == {b}", moments, st.sampled_from(PARTS), ints),
        st.builds(
            lambda a, f, sign, b: f"({a}).{f}(x, x {sign} {b})",
            lists,
            st.sampled_from(["all", "exists", "exists_one"]),
            st.sampled_from(ORDERS),
            ints,
        ),
    )
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            _binary(inner, ["&&", "||"], inner),
            st.builds(lambda a: f"!({a})", inner),
            st.builds(lambda a, b, c: f"(({a}) ? {b} : {c})", inner, inner, inner),
        ),
        max_leaves=4,
    )


PARTS = [
    "getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear",
    "getHours", "getMinutes", "getSeconds", "getMilliseconds",
]  # fmt: skip

WORDS = [
    "(", ")", "[", "]", "{", "}", ".", ",", ":", "?", "!", "-", "+", "*", "/", "%", "==", "<", "in", "&&", "||", "'a'",
    "b'\\xff'", "r'\\'", "1", "1u", "1.5", "9223372036854775807", "null", "true", "release", "previous", "evidence",
    "approvals", "now", "environment", "e", ".all(e, ", ".map(e, ", ".exists_one(e, ", "has(", "size(", ".size()",
    ".name", ".artifact.size", ".checks", ".matches(", "'(a+)+$'", "string(", "int(", "timestamp(", "duration(", "//",
    "\n", "😀", "\\", '"""', "type(", "dyn(", ".getHours('x')", "Message{", "for",
]  # fmt: skip


def rubble() -> st.SearchStrategy[str]:
    """Words of the language in any order, and any text at all."""
    return st.one_of(st.lists(st.sampled_from(WORDS), max_size=30).map("".join), st.text(max_size=60))
