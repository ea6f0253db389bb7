"""What can be said of an expression before there is a document: what it costs at most, and what cannot be meant.

One walk puts the shape of the document through the expression.  The cost is the price of the worst document that fits
the schema, so it is never below what an evaluation counts; names and types are judged only where they are known.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import NamedTuple

from mlops_gitops.expressions import costs, patterns, shapes
from mlops_gitops.expressions.faults import Faulty
from mlops_gitops.expressions.functions import FUNCTIONS, TYPES, function
from mlops_gitops.expressions.shapes import Shape, anything, either, inside, listing
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
from mlops_gitops.expressions.values import KINDS, Value, characters

_NUMBERS = frozenset({"int", "uint", "double"})
_LENGTHS = {"int": 20, "uint": 20, "double": 25, "bool": 5, "timestamp": 30, "duration": 32}
_COMPARISONS = frozenset({"==", "!=", "in", "<", "<=", ">", ">="})
_GIVEN = {"int": "int", "uint": "uint", "double": "double", "bool": "bool", "timestamp": "timestamp"}
_GIVEN |= {"duration": "duration", "type": "type"}
BOOL = Shape("bool")

Scope = Mapping[str, Shape]


class Issue(NamedTuple):
    """Something that cannot be meant.  ``kind`` is ``name`` for what does not exist, ``type`` for what does not fit."""

    kind: str
    at: int
    message: str


class Looked(NamedTuple):
    """What an expression gives, what it costs at most, and what is wrong with it."""

    shape: Shape
    cost: int
    issues: tuple[Issue, ...]


def look(tree: Node, variables: Scope) -> Looked:
    """Look at an expression over a document of these shapes.  Raises nothing."""
    looker = _Looker()
    shape, cost = looker.look(tree, variables)
    return Looked(shape, cost, tuple(sorted(set(looker.issues), key=lambda one: one.at)))


_Priced = tuple[Shape, int]


class _Looker:
    """The issues of one walk."""

    def __init__(self) -> None:
        self.issues: list[Issue] = []

    def note(self, kind: str, at: int, message: str) -> None:
        self.issues.append(Issue(kind, at, message))

    def look(self, node: Node, scope: Scope) -> _Priced:
        shape, cost = self.part(node, scope)
        return shape, cost + costs.STEP

    def part(self, node: Node, scope: Scope) -> _Priced:
        match node:
            case Literal():
                return _written(node.value), 0
            case Name():
                return self.name(node, scope), 0
            case Select():
                of, cost = self.look(node.of, scope)
                return self.select(node, of), cost
            case Call():
                return self.call(node, scope)
            case Binary():
                return self.binary(node, scope)
            case Fold():
                return self.fold(node, scope)
            case Logic():
                parts = [self.condition(one, scope, node.operator) for one in node.parts]
                return BOOL, sum(parts)
            case _:
                return self.rest(node, scope)

    def rest(self, node: Node, scope: Scope) -> _Priced:
        match node:
            case Unary():
                of, cost = self.look(node.of, scope)
                fitting = {"bool"} if node.operator == "!" else {"int", "double"}
                self.fits(of, fitting, node.at, node.operator)
                return of._replace(nullable=False), cost
            case Conditional():
                cost = self.condition(node.test, scope, "?")
                (yes, one), (no, other) = self.look(node.yes, scope), self.look(node.no, scope)
                return either(yes, no), cost + max(one, other)
            case Index():
                (of, cost), (_, more) = self.look(node.of, scope), self.look(node.key, scope)
                self.fits(of, {"list", "map"}, node.at, "[…]")
                return _indexed(node, of), cost + more
            case Listing():
                items = [self.look(one, scope) for one in node.items]
                return _joined([shape for shape, _ in items]), sum(cost for _, cost in items)
            case MapOf():
                return self.map(node, scope)
        raise AssertionError(node)

    def fits(self, of: Shape, kinds: set[str], at: int, name: str) -> None:
        if of.kind not in {*kinds, "dyn"}:
            self.note("type", at, f"{name} does not take {_a(of)}")

    def condition(self, node: Node, scope: Scope, name: str) -> int:
        shape, cost = self.look(node, scope)
        self.fits(shape, {"bool"}, node.at, name)
        return cost

    def name(self, node: Name, scope: Scope) -> Shape:
        if node.name in scope:
            return scope[node.name]
        if node.name in TYPES:
            return Shape("type")
        self.note("name", node.at, f"there is no {node.name!r} here{_meant(node.name, scope)}")
        return anything(0, 1)

    def select(self, node: Select, of: Shape) -> Shape:
        self.fits(of, {"map"}, node.at, f".{node.field}")
        if of.fields is not None and node.field not in of.fields:
            self.note("name", node.at, f"there is no field {node.field!r} here{_meant(node.field, of.fields)}")
            return BOOL if node.test else anything(0, 1)
        if node.test:
            return BOOL
        return of.fields[node.field] if of.fields is not None else inside(of)

    def map(self, node: MapOf, scope: Scope) -> _Priced:
        priced = [(self.look(key, scope), self.look(value, scope)) for key, value in node.entries]
        cost = sum(one + other for (_, one), (_, other) in priced)
        weight = 1 + sum(key.weight + value.weight for (key, _), (value, _) in priced)
        reach = max([len(priced), *(max(key.reach, value.reach) for (key, _), (value, _) in priced)])
        return Shape("map", len(priced), weight, reach), cost

    def fold(self, node: Fold, scope: Scope) -> _Priced:
        of, cost = self.look(node.of, scope)
        self.fits(of, {"list", "map"}, node.at, node.macro)
        member = inside(of) if of.kind == "list" else anything(of.reach, of.weight)
        inner = {**scope, node.variable: member}
        tested = 0 if node.test is None else self.condition(node.test, inner, node.macro)
        if node.macro == "map":
            body, each = self.look(node.body, inner)
        else:
            body, each = member, self.condition(node.body, inner, node.macro)
        cost += costs.each(of.size) + of.size * (tested + each)
        return (listing(of.size, body) if node.macro in {"map", "filter"} else BOOL), cost

    def binary(self, node: Binary, scope: Scope) -> _Priced:
        (one, first), (other, second) = self.look(node.left, scope), self.look(node.right, scope)
        cost = first + second
        if node.operator in _COMPARISONS:
            self.comparable(node, one, other)
            if node.operator == "in":
                return BOOL, cost + costs.contained(one.weight, other.size, other.weight)
            return BOOL, cost + costs.comparison(one.weight, other.weight)
        if {one.kind, other.kind} <= _NUMBERS:
            if one.kind != other.kind:
                hint = "convert one with int(…) or double(…)"
                self.note("type", node.at, f"{node.operator} does not take {_a(one)} and {_a(other)}; {hint}")
            return Shape(one.kind), cost
        if {one.kind, other.kind} <= {"timestamp", "duration"} and node.operator in "+-":
            both = one.kind == other.kind
            moment = "duration" if both else "timestamp"
            return Shape(moment), cost
        known = "dyn" not in {one.kind, other.kind}
        joins = one.kind == other.kind and one.kind in {"string", "bytes", "list"} and node.operator == "+"
        if known and not joins:
            self.note("type", node.at, f"{node.operator} does not take {_a(one)} and {_a(other)}")
        return _sum(one, other), cost + costs.joined(one.size + other.size, text=one.kind in {"string", "bytes"})

    def comparable(self, node: Binary, one: Shape, other: Shape) -> None:
        if node.operator == "in":
            self.fits(other, {"list", "map"}, node.at, "in")
            return
        kinds = {one.kind, other.kind}
        nulls = "null_type" in kinds and (one.nullable or other.nullable or kinds == {"null_type"})
        same = len(kinds) == 1 or kinds <= _NUMBERS or "dyn" in kinds or (nulls and node.operator in {"==", "!="})
        ordered = not (kinds & {"list", "map", "null_type", "type"}) or node.operator in {"==", "!="}
        if not same or not ordered:
            self.note("type", node.at, f"{_a(one)} and {_a(other)} cannot be compared with {node.operator}")

    def call(self, node: Call, scope: Scope) -> _Priced:
        priced = [self.look(one, scope) for one in node.arguments]
        cost = sum(one for _, one in priced)
        given = [shape for shape, _ in priced]
        try:
            function(node.name, len(given), method=node.method)
        except Faulty as fault:
            known = _meant(node.name, FUNCTIONS) if node.name not in FUNCTIONS else ""
            self.note("name", node.at, f"{fault.message}{known}")
            return anything(0, 1), cost
        return self.result(node, given), cost + self.price(node, given)

    def result(self, node: Call, given: list[Shape]) -> Shape:
        match node.name:
            case "contains" | "startsWith" | "endsWith" | "matches":
                for one in given:
                    self.fits(one, {"string"}, node.at, node.name)
                return BOOL
            case "size":
                self.fits(given[0], {"string", "bytes", "list", "map"}, node.at, "size")
                return Shape("int")
            case "string":
                self.fits(given[0], {"string", "bytes", *_LENGTHS}, node.at, "string")
                return shapes.text(max(given[0].reach, _LENGTHS.get(given[0].kind, 32)))
            case "bytes":
                return shapes.text(4 * given[0].reach, kind="bytes")
            case "dyn":
                return anything(given[0].reach, given[0].weight)
        if node.name not in _GIVEN:  # the parts of a time
            self.fits(given[0], {"timestamp", "duration"}, node.at, node.name)
        return Shape(_GIVEN.get(node.name, "int"))

    def price(self, node: Call, given: list[Shape]) -> int:
        sizes = [one.reach for one in given]
        match node.name:
            case "contains":
                return costs.containing(*sizes)
            case "startsWith" | "endsWith":
                return costs.passed(sizes[1])
            case "matches":
                return costs.searched(sizes[0], sizes[1], self.states(node))
            case "string":
                return costs.passed(sizes[0])
            case "bytes":
                return costs.passed(4 * sizes[0])
            case "size" | "type" | "dyn":
                return 0
        return sum(map(costs.passed, sizes))

    def states(self, node: Call) -> int:
        """The states of a pattern that is written out, or the most that one may have."""
        pattern = node.arguments[1]
        if isinstance(pattern, Literal) and isinstance(pattern.value, str):
            try:
                return patterns.compiled(pattern.value).size
            except Faulty as fault:
                self.note("type", pattern.at, fault.message)
        return patterns.MOST_STATES


def _written(value: Value) -> Shape:
    if isinstance(value, (str, bytes)):
        return shapes.text(len(value), kind=KINDS[value.__class__])
    return Shape(KINDS[value.__class__])


def _indexed(node: Index, of: Shape) -> Shape:
    if of.fields is not None and isinstance(node.key, Literal) and isinstance(node.key.value, str):
        return of.fields.get(node.key.value, anything(0, 1))
    return inside(of)


def _joined(items: list[Shape]) -> Shape:
    item = items[0] if items else anything(0, 1)
    for one in items[1:]:
        item = either(item, one)
    return listing(len(items), item)


def _sum(one: Shape, other: Shape) -> Shape:
    if one.kind == other.kind == "list":
        return listing(one.size + other.size, either(inside(one), inside(other)))
    if one.kind == other.kind and one.kind in {"string", "bytes"}:
        return shapes.text(one.size + other.size, kind=one.kind)
    size = one.reach + other.reach
    return anything(size, one.weight + other.weight + characters(size))


def _a(shape: Shape) -> str:
    return {"map": "an object", "int": "an int", "null_type": "null"}.get(shape.kind, f"a {shape.kind}")


def _meant(name: str, known: Mapping[str, object]) -> str:
    near = get_close_matches(name, known, n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; there are: {', '.join(sorted(known)[:12])}"
