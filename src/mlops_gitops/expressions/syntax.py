"""The parts of an expression.  ``at`` is where each begins in the text, counted in characters from zero."""

from __future__ import annotations

from typing import Literal as Word
from typing import NamedTuple

Macro = Word["all", "exists", "exists_one", "filter", "map"]


class Literal(NamedTuple):
    """A value that is written out."""

    at: int
    value: object


class Name(NamedTuple):
    """A variable, or the name of a type."""

    at: int
    name: str


class Select(NamedTuple):
    """``of.field``; with ``test`` it is ``has(of.field)``.  ``at`` is where the name of the field stands."""

    at: int
    of: Node
    field: str
    test: bool


class Index(NamedTuple):
    """``of[key]``."""

    at: int
    of: Node
    key: Node


class Call(NamedTuple):
    """A function; ``method`` where the first argument stands before the dot."""

    at: int
    name: str
    arguments: tuple[Node, ...]
    method: bool


class Listing(NamedTuple):
    """``[a, b]``."""

    at: int
    items: tuple[Node, ...]


class Mapping(NamedTuple):
    """``{a: b}``."""

    at: int
    entries: tuple[tuple[Node, Node], ...]


class Logic(NamedTuple):
    """``&&`` or ``||`` between all parts: one that decides makes up for one that fails, on either side."""

    at: int
    operator: str
    parts: tuple[Node, ...]


class Conditional(NamedTuple):
    """``test ? yes : no``."""

    at: int
    test: Node
    yes: Node
    no: Node


class Unary(NamedTuple):
    """``!of`` or ``-of``."""

    at: int
    operator: str
    of: Node


class Binary(NamedTuple):
    """A comparison, ``in``, or arithmetic.  ``at`` is where the operator stands."""

    at: int
    operator: str
    left: Node
    right: Node


class Fold(NamedTuple):
    """A macro over a list, or over the keys of a map.

    ``test`` is the condition of ``filter`` and of ``map`` with three arguments; ``body`` is what else is asked of each.
    """

    at: int
    macro: Macro
    of: Node
    variable: str
    test: Node | None
    body: Node


Node = Literal | Name | Select | Index | Call | Listing | Mapping | Logic | Conditional | Unary | Binary | Fold


def below(node: Node) -> tuple[Node, ...]:  # noqa: C901 - a case for each part of the language
    """The parts directly inside a part."""
    match node:
        case Select():
            return (node.of,)
        case Index():
            return (node.of, node.key)
        case Call():
            return node.arguments
        case Listing():
            return node.items
        case Mapping():
            return tuple(part for entry in node.entries for part in entry)
        case Logic():
            return node.parts
        case Conditional():
            return (node.test, node.yes, node.no)
        case Unary():
            return (node.of,)
        case Binary():
            return (node.left, node.right)
        case Fold():
            return (node.of, node.body) if node.test is None else (node.of, node.test, node.body)
        case _:
            return ()


def names(node: Node) -> frozenset[str]:
    """The variables that an expression asks for; those that its macros bind are not among them."""
    found: set[str] = set()
    waiting: list[tuple[Node, frozenset[str]]] = [(node, frozenset())]
    while waiting:
        one, bound = waiting.pop()
        if isinstance(one, Name) and one.name not in bound:
            found.add(one.name)
        inner = bound | {one.variable} if isinstance(one, Fold) else bound
        waiting += [(part, bound if isinstance(one, Fold) and part is one.of else inner) for part in below(one)]
    return frozenset(found)
