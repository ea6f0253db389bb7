"""The value of an expression over a document, every step counted.

An error is a value that spreads, as CEL has it: ``false && ERROR`` is false on either side, and so for ``||``, ``all``
and ``exists``.  Running out of steps is no such error: nothing makes up for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from mlops_gitops.expressions import costs, functions, operators
from mlops_gitops.expressions.costs import Meter
from mlops_gitops.expressions.faults import COST_LIMIT, UNPLACED, Faulty, TooCostly
from mlops_gitops.expressions.syntax import (
    Binary,
    Call,
    Conditional,
    Fold,
    Index,
    Listing,
    Literal,
    Logic,
    Name,
    Node,
    Select,
    Unary,
)
from mlops_gitops.expressions.syntax import Mapping as MapOf
from mlops_gitops.expressions.values import Value, key_of, key_value, kind

Scope = Mapping[str, Value]


class Answer(NamedTuple):
    """A value, and the steps that it took."""

    value: Value
    steps: int


def evaluate(tree: Node, variables: Scope, *, limit: int = COST_LIMIT) -> Answer:
    """The value of an expression.  Raises ``Faulty``; ``TooCostly`` after ``limit`` steps."""
    meter = Meter(limit)
    value = _value(tree, variables, meter)
    return Answer(value, meter.spent)


def _value(node: Node, scope: Scope, meter: Meter) -> Value:
    meter.charge(costs.STEP)
    try:
        match node:
            case Literal():
                return node.value
            case Name():
                return _variable(node, scope)
            case Select():
                return _selected(node, _value(node.of, scope, meter))
            case Call():
                called = functions.function(node.name, len(node.arguments), method=node.method)
                return called([_value(one, scope, meter) for one in node.arguments], meter)
            case Binary():
                return operators.binary(
                    node.operator, _value(node.left, scope, meter), _value(node.right, scope, meter), meter
                )
            case Logic():
                return _logic(node.operator == "||", ((one, scope) for one in node.parts), meter)
            case Fold():
                return _fold(node, scope, meter)
            case _:
                return _rest(node, scope, meter)
    except Faulty as fault:
        if fault.at == UNPLACED:
            fault.at = node.at
        raise


def _rest(node: Node, scope: Scope, meter: Meter) -> Value:
    match node:
        case Unary():
            value = _value(node.of, scope, meter)
            return operators.negated(value) if node.operator == "-" else not _bool(value, "!")
        case Conditional():
            return _value(node.yes if _bool(_value(node.test, scope, meter), "?") else node.no, scope, meter)
        case Index():
            return _indexed(_value(node.of, scope, meter), _value(node.key, scope, meter))
        case Listing():
            return tuple(_value(one, scope, meter) for one in node.items)
        case MapOf():
            return _map(node, scope, meter)
    raise AssertionError(node)


def _variable(node: Name, scope: Scope) -> Value:
    if node.name in scope:
        return scope[node.name]
    if node.name in functions.TYPES:
        return functions.TYPES[node.name]
    raise Faulty(f"there is no variable {node.name!r}", node.at)


def _selected(node: Select, of: Value) -> Value:
    if not isinstance(of, dict):
        raise Faulty(f"a {kind(of)} has no field {node.field!r}")
    if node.test:
        return node.field in of
    if node.field not in of:
        raise Faulty(f"there is no field {node.field!r} here")
    found: Value = of[node.field]
    return found


def _indexed(of: Value, key: Value) -> Value:
    if isinstance(of, dict):
        wanted = key_of(key)
        if wanted not in of:
            raise Faulty("there is no such key in the map")
        return of[wanted]
    place = key_of(key)
    if of.__class__ is not tuple or not isinstance(place, int):
        raise Faulty(f"a {kind(of)} cannot be indexed with a {kind(key)}")
    if not 0 <= place < len(of):
        raise Faulty("the list has no member at this place")
    return of[place]


def _map(node: MapOf, scope: Scope, meter: Meter) -> Value:
    found: dict[Value, Value] = {}
    for key_node, value_node in node.entries:
        key = key_of(_value(key_node, scope, meter))
        if key in found:
            raise Faulty("the same key is written twice", key_node.at)
        found[key] = _value(value_node, scope, meter)
    return found


def _bool(value: Value, where: str) -> bool:
    if isinstance(value, bool):
        return value
    raise operators.no_overload(where, value)


def _logic(decides: bool, parts: Iterable[tuple[Node, Scope]], meter: Meter) -> bool:  # noqa: FBT001 - the value that ends it
    """``||`` ends at the first true, ``&&`` at the first false; without one, an error on the way is the answer."""
    failed: Faulty | None = None
    for part, scope in parts:
        try:
            if _bool(_value(part, scope, meter), "||" if decides else "&&") is decides:
                return decides
        except TooCostly:
            raise
        except Faulty as fault:
            failed = failed or fault
    if failed is not None:
        raise failed
    return not decides


def _fold(node: Fold, scope: Scope, meter: Meter) -> Value:
    of = _value(node.of, scope, meter)
    if isinstance(of, dict):
        members: tuple[Value, ...] = tuple(map(key_value, of))
    elif of.__class__ is tuple:
        members = of
    else:
        raise operators.no_overload(node.macro, of)
    meter.charge(costs.each(len(members)))
    scopes: Iterable[Scope] = ({**scope, node.variable: one} for one in members)
    match node.macro:
        case "all" | "exists":
            return _logic(node.macro == "exists", ((node.body, one) for one in scopes), meter)
        case "exists_one":
            return sum(_bool(_value(node.body, one, meter), "exists_one") for one in scopes) == 1
        case "filter":
            return tuple(
                one
                for one, inner in zip(members, scopes, strict=True)
                if _bool(_value(node.body, inner, meter), "filter")
            )
        case "map":
            test = node.test
            return tuple(
                _value(node.body, one, meter)
                for one in scopes
                if test is None or _bool(_value(test, one, meter), "map")
            )
