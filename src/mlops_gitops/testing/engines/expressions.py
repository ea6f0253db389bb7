"""Rules that a manifest writes in SQL, confined: read by DuckDB's own parser, and written again from what is allowed.

An expression comes from a pull request and is hostile.  It is never put into a statement.  DuckDB parses it and gives
the tree as JSON; only listed kinds of nodes, listed functions and columns of the data are let through; and from these
the text that runs is written anew, with every name and value quoted here.  What is not on a list is refused: there is
nothing to reach a file, a table, a setting, another row, the clock or the environment with.

The text that comes out is an expression that may be null and never fails on a row: conversions are tried, and what
cannot be computed for a row (a sum that overflows) is null there.  See ADR 0027.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import duckdb

from mlops_gitops.manifests.sql import (
    DEEPEST,
    FUNCTIONS,
    LONGEST,
    LONGEST_PATTERN,
    MOST_PARTS,
    MOST_WILDCARDS,
    OPERATORS,
    PATTERNS,
    TYPES,
)

_COMPARISONS = {
    "COMPARE_EQUAL": "=",
    "COMPARE_NOTEQUAL": "<>",
    "COMPARE_LESSTHAN": "<",
    "COMPARE_GREATERTHAN": ">",
    "COMPARE_LESSTHANOREQUALTO": "<=",
    "COMPARE_GREATERTHANOREQUALTO": ">=",
    "COMPARE_DISTINCT_FROM": "IS DISTINCT FROM",
    "COMPARE_NOT_DISTINCT_FROM": "IS NOT DISTINCT FROM",
}
_CONJUNCTIONS = {"CONJUNCTION_AND": " AND ", "CONJUNCTION_OR": " OR "}
_NAMES = {"INT": "INTEGER", "LONG": "BIGINT", "BOOL": "BOOLEAN", "TEXT": "VARCHAR", "FLOAT8": "DOUBLE"}
_PLAIN = re.compile(r"[A-Z_]+(?: [A-Z]+)*(?:\(\d+(?:,\d+)?\))?")
"""Types that are a word and numbers; rules do not look into lists, structures and the like."""
_NUMBER = frozenset("0123456789+-.eE")
_DIGITS = 400


class Forbidden(ValueError):
    """An expression is none that a rule may be; the text says why, as the end of a sentence."""


def confined(expression: str, columns: Mapping[str, str]) -> str:
    """The text to run for ``expression``; ``columns`` are those of the data with their types as DuckDB names them.

    Raises ``Forbidden``: it is no expression, holds something that is on no list, names a column that the data do not
    have, is too large, or is neither true nor false.
    """
    found = confined_all([expression], columns)[0]
    if isinstance(found, Forbidden):
        raise found
    return found


def confined_all(expressions: Sequence[str], columns: Mapping[str, str]) -> list[str | Forbidden]:
    """For each expression its text, or why there is none."""
    plain = {name: kind for name, kind in columns.items() if _PLAIN.fullmatch(kind)}
    found: list[str | Forbidden] = []
    with duckdb.connect(config={"enable_external_access": "false", "lock_configuration": "true"}) as connection:
        for expression in expressions:
            try:
                found.append(_confined(connection, expression, plain))
            except Forbidden as reason:
                found.append(reason)
    return found


def _confined(connection: duckdb.DuckDBPyConnection, expression: str, plain: Mapping[str, str]) -> str:
    text = f"TRY({_Writer(plain).write(_parsed(connection, expression), 0)})"
    empty = ", ".join(f"NULL::{kind} AS {_quoted(name)}" for name, kind in plain.items()) or "NULL AS nothing"
    try:
        kinds = connection.execute(f"DESCRIBE SELECT {text} FROM (SELECT {empty})").fetchall()  # noqa: S608 - written here
        # what is constant is computed when a statement is planned, where no TRY helps: better here than later
        connection.execute(f"SELECT {text} FROM (SELECT {empty})").fetchall()  # noqa: S608 - as above
    except duckdb.Error as error:
        raise Forbidden(_first_line(error)) from error
    if kinds[0][1] != "BOOLEAN":
        raise Forbidden(f"it is a {kinds[0][1]}, neither true nor false")
    return text


def _parsed(connection: duckdb.DuckDBPyConnection, expression: str) -> dict[str, Any]:
    """The tree of the one expression that the text is, and nothing but it."""
    if len(expression) > LONGEST:
        raise Forbidden(f"it has {len(expression):,} characters, and {LONGEST:,} are the most")
    try:
        # in brackets and on lines of its own: a comment cannot hide the end, and a second clause is no expression
        text = f"SELECT (\n{expression}\n)"
        found = json.loads(connection.execute("SELECT json_serialize_sql(?)", [text]).fetchall()[0][0])
    except (duckdb.Error, ValueError) as error:
        raise Forbidden(_first_line(error)) from error
    except RecursionError as error:
        raise Forbidden("it is nested too deeply") from error
    if found.get("error"):
        raise Forbidden(str(found.get("error_message", "it cannot be parsed")).splitlines()[0])
    statements = found["statements"]
    node = statements[0]["node"] if len(statements) == 1 else {}
    plain = {"type": "SELECT_NODE", "from": "EMPTY", "select": 1}
    seen = {
        "type": node.get("type"),
        "from": (node.get("from_table") or {}).get("type"),
        "select": len(node.get("select_list") or ()),
    }
    others = ("modifiers", "where_clause", "group_expressions", "group_sets", "having", "sample", "qualify")
    if seen != plain or any(node.get(name) for name in others) or (node.get("cte_map") or {}).get("map"):
        raise Forbidden("it is more than one expression")
    tree: dict[str, Any] = node["select_list"][0]
    return tree


class _Writer:
    """Writes a tree as text, counting its parts."""

    def __init__(self, columns: Collection[str]) -> None:
        self._columns = {name.casefold(): name for name in columns}
        self._parts = 0

    def write(self, node: Any, depth: int) -> str:
        """The text of one node, in brackets where it needs them."""
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise Forbidden(f"it has more than {MOST_PARTS} parts")
        if depth > DEEPEST:
            raise Forbidden(f"it is nested more than {DEEPEST} levels deep")
        kind = str(node.get("class")) if isinstance(node, dict) else "thing"
        writer = _WRITERS.get(kind)
        if writer is None:
            raise Forbidden(f"a rule may hold no {kind.lower().replace('_', ' ')}")
        return writer(self, node, depth + 1)

    def _all(self, nodes: Any, depth: int) -> list[str]:
        return [self.write(node, depth) for node in nodes]

    def _column(self, node: dict[str, Any], _: int) -> str:
        names = node["column_names"]
        found = self._columns.get(str(names[0]).casefold()) if len(names) == 1 else None
        if found is None:
            raise Forbidden(f"{'.'.join(map(str, names))} is no column of the data")
        return _quoted(found)

    def _constant(self, node: dict[str, Any], _: int) -> str:
        literal = node["literal"]
        kind, text = literal["kind"], str(literal.get("text", ""))
        if kind == "NULL_LITERAL":
            return "NULL"
        if kind == "BOOLEAN" and text in {"true", "false"}:
            return text
        if kind == "STRING":
            return _literal(text)
        if kind in {"INTEGER", "NUMERIC"} and len(text) < _DIGITS and set(text) <= _NUMBER:
            return f"({text})"
        raise Forbidden("a value must be a number, a text, true, false or null")

    def _comparison(self, node: dict[str, Any], depth: int) -> str:
        sign = _listed(_COMPARISONS, node["type"])
        return f"({self.write(node['left'], depth)} {sign} {self.write(node['right'], depth)})"

    def _conjunction(self, node: dict[str, Any], depth: int) -> str:
        return f"({_listed(_CONJUNCTIONS, node['type']).join(self._all(node['children'], depth))})"

    def _between(self, node: dict[str, Any], depth: int) -> str:
        value, low, high = (self.write(node[name], depth) for name in ("input", "lower", "upper"))
        return f"({value} BETWEEN {low} AND {high})"

    def _operator(self, node: dict[str, Any], depth: int) -> str:
        children = self._all(node["children"], depth)
        match node["type"], children:
            case "OPERATOR_NOT", [one]:
                return f"(NOT {one})"
            case "OPERATOR_IS_NULL", [one]:
                return f"({one} IS NULL)"
            case "OPERATOR_IS_NOT_NULL", [one]:
                return f"({one} IS NOT NULL)"
            case "COMPARE_IN", [one, *others] if others:
                return f"({one} IN ({', '.join(others)}))"
            case "COMPARE_NOT_IN", [one, *others] if others:
                return f"({one} NOT IN ({', '.join(others)}))"
            case "OPERATOR_COALESCE", [_, *_]:
                return f"coalesce({', '.join(children)})"
        raise Forbidden("a rule may hold no such operator")

    def _case(self, node: dict[str, Any], depth: int) -> str:
        cases = [
            f"WHEN {self.write(one['when_expr'], depth)} THEN {self.write(one['then_expr'], depth)}"
            for one in node["case_checks"]
        ]
        return f"(CASE {' '.join(cases)} ELSE {self.write(node['else_expr'], depth)} END)"

    def _cast(self, node: dict[str, Any], depth: int) -> str:
        kind = node["type_expr"]
        name = str(kind.get("type_name", "")).upper()
        name = _NAMES.get(name, name)
        if name not in TYPES or kind.get("children") or kind.get("catalog") or kind.get("schema"):
            raise Forbidden(f"a rule may convert to {', '.join(sorted(TYPES))} only")
        return f"TRY_CAST({self.write(node['child'], depth)} AS {name})"

    def _function(self, node: dict[str, Any], depth: int) -> str:
        name, operator = str(node["function_name"]).lower(), node["is_operator"]
        plain = not (node.get("schema") or node.get("catalog") or node.get("filter") or node.get("distinct"))
        plain = plain and not (node.get("order_bys") or {}).get("orders") and not node.get("export_state")
        plain = plain and all(not one.get("name") for one in node["arguments"])
        if not plain or name not in (OPERATORS if operator else FUNCTIONS):
            raise Forbidden(f"a rule may not call {name}")
        arguments = [one["expression"] for one in node["arguments"]]
        if name in PATTERNS:
            _pattern(name, arguments)
        found = self._all(arguments, depth)
        if not operator:
            return f"{name}({', '.join(found)})"
        if len(found) == 1 and name in {"-", "+"}:
            return f"({name} {found[0]})"
        if len(found) != 2:  # noqa: PLR2004 - an operator stands between two
            raise Forbidden(f"a rule may not use {name} so")
        return f"({found[0]} {name} {found[1]})"


_WRITERS = {
    "COLUMN_REF": _Writer._column,  # noqa: SLF001 - its own table
    "CONSTANT": _Writer._constant,  # noqa: SLF001
    "COMPARISON": _Writer._comparison,  # noqa: SLF001
    "CONJUNCTION": _Writer._conjunction,  # noqa: SLF001
    "BETWEEN": _Writer._between,  # noqa: SLF001
    "OPERATOR": _Writer._operator,  # noqa: SLF001
    "CASE": _Writer._case,  # noqa: SLF001
    "CAST": _Writer._cast,  # noqa: SLF001
    "FUNCTION": _Writer._function,  # noqa: SLF001
}


def _pattern(name: str, arguments: list[dict[str, Any]]) -> None:
    """A pattern stands there as text, and is short: what it costs is then known before the data are."""
    if len(arguments) != 2:  # noqa: PLR2004 - what is searched, and the pattern; no options
        raise Forbidden(f"{name} takes a value and a pattern")
    literal = arguments[1].get("literal") or {}
    text = literal.get("text", "")
    if arguments[1].get("class") != "CONSTANT" or literal.get("kind") != "STRING":
        raise Forbidden("a pattern must stand in the rule as text")
    if len(text) > LONGEST_PATTERN:
        raise Forbidden(f"a pattern of more than {LONGEST_PATTERN} characters is not searched for")
    if "~~" in name and sum(text.count(one) for one in "%_") > MOST_WILDCARDS:
        raise Forbidden(f"a pattern of LIKE may hold {MOST_WILDCARDS} wildcards; use regexp_matches")


def _listed(known: Mapping[str, str], name: str) -> str:
    found = known.get(name)
    if found is None:
        raise Forbidden("a rule may hold no such operator")
    return found


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    if "\0" in text:
        raise Forbidden("a text may hold no zero byte")
    return "'" + text.replace("'", "''") + "'"


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else "it cannot be parsed"
