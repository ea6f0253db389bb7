"""What a document may hold, from its JSON Schema: types, fields and largest sizes; and the document as CEL sees it.

A whole number of the schema is an ``int``, any other number a ``double`` however it is written, and text of the format
``date-time`` a timestamp.  So ``1`` and ``1.0`` in a report are the same value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from mlops_gitops.expressions import times
from mlops_gitops.expressions.faults import Faulty
from mlops_gitops.expressions.values import Value, characters

_KINDS = {"boolean": "bool", "integer": "int", "number": "double", "string": "string", "array": "list", "object": "map"}
Schema = Mapping[str, Any]


class Shape(NamedTuple):
    """What is known of a value before there is one.

    ``kind`` is its type, or ``dyn``; ``size`` the most characters or members it can have, ``weight`` the most there can
    be to look at in it, and ``reach`` the largest size of anything inside.  ``fields`` are known for objects that are
    closed.  ``nullable``: it may be null as well.
    """

    kind: str
    size: int = 0
    weight: int = 1
    reach: int = 0
    item: Shape | None = None
    fields: Mapping[str, Shape] | None = None
    nullable: bool = False


def text(size: int, *, kind: str = "string") -> Shape:
    """Text or bytes."""
    return Shape(kind, size, 1 + characters(size), size)


def listing(size: int, item: Shape) -> Shape:
    """A list."""
    return Shape("list", size, 1 + size * item.weight, max(size, item.reach), item)


def anything(size: int, weight: int) -> Shape:
    """A value of any type that is no larger."""
    return Shape("dyn", size, weight, size)


def record(fields: Mapping[str, Shape]) -> Shape:
    """An object with exactly these fields."""
    weight = 1 + sum(1 + characters(len(name)) + one.weight for name, one in fields.items())
    reach = max([len(fields), *(len(name) for name in fields), *(one.reach for one in fields.values())])
    return Shape("map", len(fields), weight, reach, fields=fields)


def either(one: Shape, other: Shape) -> Shape:
    """One of two."""
    if one == other:
        return one
    weight, reach = max(one.weight, other.weight), max(one.reach, other.reach)
    if one.kind != other.kind or one.kind in {"list", "map", "dyn"}:
        return anything(reach, weight)
    return Shape(one.kind, max(one.size, other.size), weight, reach, nullable=one.nullable or other.nullable)


def inside(one: Shape) -> Shape:
    """A member of a list, a value of a map, or a part of something unknown."""
    if one.item is not None:
        return one.item
    return anything(one.reach, one.weight)


def of_schema(node: Schema, root: Schema) -> Shape:
    """The shape of what fits a schema, in which every text and every list has a bound."""
    if "anyOf" in node:  # one of something and null
        return of_schema(node["anyOf"][0], root)._replace(nullable=True)
    node = _followed(node, root)
    kinds = _types(node)
    wanted = [one for one in kinds if one != "null"]
    shape = _plain(wanted[0], node, root) if len(wanted) == 1 else _mixed(wanted, node, root)
    return shape._replace(nullable="null" in kinds)


def _mixed(kinds: list[str], node: Schema, root: Schema) -> Shape:
    shapes = [_plain(one, node, root) for one in kinds]
    return anything(max(one.reach for one in shapes), max(one.weight for one in shapes))


def _plain(kind: str, node: Schema, root: Schema) -> Shape:
    match kind:
        case "object":
            return record({name: of_schema(below, root) for name, below in node["properties"].items()})
        case "array":
            return listing(node["maxItems"], of_schema(node["items"], root))
        case "string" if node.get("format") == "date-time":
            return Shape("timestamp")
        case "string":
            return text(max(map(len, node["enum"])) if "enum" in node else node["maxLength"])
    return Shape(_KINDS[kind])


def bind(value: Any, node: Schema, root: Schema, *, path: str = "") -> Value:
    """A JSON value as CEL sees it.  Raises ``Faulty`` with the path of what is larger than its schema allows."""
    node = _followed(node["anyOf"][0] if "anyOf" in node else node, root)
    if isinstance(value, dict):
        properties = node["properties"]
        return {name: bind(one, properties[name], root, path=f"{path}.{name}") for name, one in value.items()}
    if isinstance(value, list):
        if len(value) > node["maxItems"]:
            raise Faulty(f"{path[1:]} has {len(value):,} members, and expressions see at most {node['maxItems']:,}")
        return tuple(bind(one, node["items"], root, path=f"{path}[{index}]") for index, one in enumerate(value))
    if isinstance(value, str):
        if node.get("format") == "date-time":
            return times.parse_timestamp(value)
        longest = max(map(len, node["enum"])) if "enum" in node else node["maxLength"]
        if len(value) > longest:
            raise Faulty(f"{path[1:]} has {len(value):,} characters, and expressions see at most {longest:,}")
        return value
    numeric = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if numeric and "number" in _types(node) else value


def _types(node: Schema) -> list[str]:
    if "enum" in node and "type" not in node:
        return ["string"]
    return [node["type"]] if isinstance(node["type"], str) else list(node["type"])


def _followed(node: Schema, root: Schema) -> Schema:
    while "$ref" in node:
        node = root["$defs"][node["$ref"].rpartition("/")[2]]
    return node
