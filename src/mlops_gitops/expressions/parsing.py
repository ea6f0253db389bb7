"""Tokens → one tree, by the grammar of CEL, bounded in length and depth before anything looks at it."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from mlops_gitops.expressions.faults import DEEPEST, LONGEST_EXPRESSION, Faulty, TooCostly
from mlops_gitops.expressions.syntax import (
    Binary,
    Call,
    Conditional,
    Fold,
    Index,
    Listing,
    Literal,
    Logic,
    Macro,
    Mapping,
    Name,
    Node,
    Select,
    Unary,
    below,
)
from mlops_gitops.expressions.tokens import Token, tokens
from mlops_gitops.expressions.values import MAX_INT

_LEVELS = (("<", "<=", ">", ">=", "==", "!=", "in"), ("+", "-"), ("*", "/", "%"))
_MACROS: dict[str, tuple[int, ...]] = {"all": (2,), "exists": (2,), "exists_one": (2,), "filter": (2,), "map": (2, 3)}


@lru_cache(maxsize=512)
def parse(text: str) -> Node:
    """The tree of an expression.  Raises ``Faulty`` with the place, ``TooCostly`` for one that is too long or deep."""
    if len(text) > LONGEST_EXPRESSION:
        raise TooCostly(
            f"the expression has {len(text):,} characters, and may have {LONGEST_EXPRESSION:,}", LONGEST_EXPRESSION
        )
    reader = _Reader(tuple(tokens(text)))
    tree = reader.expression()
    if reader.next.kind != "end":
        raise Faulty(f"{reader.next.text[:24]!r} stands where the expression should end", reader.next.at)
    _bounded(tree)
    return tree


def _bounded(tree: Node) -> None:
    waiting = [(tree, 1)]
    while waiting:
        node, depth = waiting.pop()
        if depth > DEEPEST:
            raise _too_deep(node.at)
        waiting += [(one, depth + 1) for one in below(node)]
        if isinstance(node, Literal) and node.value == MAX_INT + 1 and node.value.__class__ is int:
            raise Faulty("9223372036854775808 does not fit into 64 bits", node.at)


def _too_deep(at: int) -> TooCostly:
    return TooCostly(f"the expression is nested more than {DEEPEST} deep", at)


class _Reader:
    """Where a reading stands: the next token, and how deep it is inside brackets."""

    def __init__(self, found: tuple[Token, ...]) -> None:
        self.tokens = found
        self.place = 0
        self.depth = 0

    @property
    def next(self) -> Token:
        return self.tokens[self.place]

    def take(self) -> Token:
        self.place += 1
        return self.tokens[self.place - 1]

    def sees(self, *signs: str) -> bool:
        return self.next.kind == "sign" and self.next.text in signs

    def took(self, sign: str) -> bool:
        if self.sees(sign):
            self.place += 1
            return True
        return False

    def demand(self, sign: str) -> Token:
        if not self.sees(sign):
            raise Faulty(f"{self.next.text[:24]!r} stands where {sign!r} should", self.next.at)
        return self.take()

    def name(self, what: str) -> Token:
        if self.next.kind != "name":
            raise Faulty(f"{self.next.text[:24]!r} stands where the name of {what} should", self.next.at)
        return self.take()

    def expression(self) -> Node:
        self.depth += 1
        if self.depth > DEEPEST:
            raise _too_deep(self.next.at)
        test = self.logic("||", lambda: self.logic("&&", lambda: self.binary(0)))
        if self.sees("?"):
            at = self.take().at
            yes = self.logic("||", lambda: self.logic("&&", lambda: self.binary(0)))
            self.demand(":")
            test = Conditional(at, test, yes, self.expression())
        self.depth -= 1
        return test

    def logic(self, operator: str, part: Callable[[], Node]) -> Node:
        first = part()
        if not self.sees(operator):
            return first
        at, parts = self.next.at, [first]
        while self.took(operator):
            parts.append(part())
        return Logic(at, operator, tuple(parts))

    def binary(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self.unary()
        left = self.binary(level + 1)
        while self.sees(*_LEVELS[level]):
            operator = self.take()
            left = Binary(operator.at, operator.text, left, self.binary(level + 1))
        return left

    def unary(self) -> Node:
        signs: list[Token] = []
        while self.sees(signs[0].text if signs else "!", signs[0].text if signs else "-"):
            signs.append(self.take())
        number = self.next.kind == "literal" and self.next.value.__class__ in {int, float}
        if signs and signs[-1].text == "-" and number:
            sign, literal = signs.pop(), self.take()
            node = self.member(Literal(sign.at, -literal.value))  # type: ignore[operator]
        else:
            node = self.member(self.primary())
        for sign in reversed(signs):
            node = Unary(sign.at, sign.text, node)
        return node

    def member(self, node: Node) -> Node:
        while self.sees(".", "[", "{"):
            sign = self.take()
            if sign.text == "{":
                raise Faulty("objects of a type cannot be made here; write a map, such as {'a': 1}", sign.at)
            if sign.text == "[":
                node = Index(sign.at, node, self.expression())
                self.demand("]")
                continue
            field = self.name("a field or function")
            called = self.took("(")
            node = self.method(node, field) if called else Select(field.at, node, field.text, test=False)
        return node

    def method(self, of: Node, name: Token) -> Node:
        arguments = self.arguments(")")
        if name.text not in _MACROS:
            return Call(name.at, name.text, (of, *arguments), method=True)
        if len(arguments) not in _MACROS[name.text]:
            raise Faulty(f"{name.text} takes a name and what to ask of each, such as {name.text}(e, e > 0)", name.at)
        variable, *rest = arguments
        if not isinstance(variable, Name):
            raise Faulty(f"the first argument of {name.text} is a name that you choose", variable.at)
        return Fold(name.at, _macro(name.text), of, variable.name, rest[0] if len(rest) > 1 else None, rest[-1])

    def primary(self) -> Node:
        self.took(".")
        token = self.take()
        match token.kind, token.text:
            case "literal", _:
                return Literal(token.at, token.value)
            case "name", name:
                return self.function(token) if self.took("(") else Name(token.at, name)
            case "sign", "(":
                inner = self.expression()
                self.demand(")")
                return inner
            case "sign", "[":
                return Listing(token.at, self.arguments("]", trailing=True))
            case "sign", "{":
                return Mapping(token.at, self.entries())
        raise Faulty(f"{token.text[:24]!r} stands where a value should", token.at)

    def function(self, name: Token) -> Node:
        arguments = self.arguments(")")
        if name.text != "has":
            return Call(name.at, name.text, arguments, method=False)
        if len(arguments) != 1 or not isinstance(arguments[0], Select):
            raise Faulty("has takes one field, such as has(release.image)", name.at)
        return arguments[0]._replace(test=True)

    def arguments(self, closing: str, *, trailing: bool = False) -> tuple[Node, ...]:
        found: list[Node] = []
        while not self.took(closing):
            if found:
                self.demand(",")
                if trailing and self.took(closing):
                    break
            found.append(self.expression())
        return tuple(found)

    def entries(self) -> tuple[tuple[Node, Node], ...]:
        found: list[tuple[Node, Node]] = []
        while not self.took("}"):
            if found:
                self.demand(",")
                if self.took("}"):
                    break
            key = self.expression()
            self.demand(":")
            found.append((key, self.expression()))
        return tuple(found)


def _macro(name: str) -> Macro:
    match name:
        case "all" | "exists" | "exists_one" | "filter" | "map":
            return name
    raise AssertionError(name)
