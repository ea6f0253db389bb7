r"""The JSON Schemas, and a quick answer to "does this document fit?".

A schema is compiled once into nested functions that say yes or no.  They understand exactly the keywords in
``KEYWORDS``; a schema that uses another one is refused when it is compiled, never skipped.  When the answer is no, the
``jsonschema`` package is asked for the errors (``manifests/wording.py``); a test holds that both always agree.

``pattern`` means what it means in ECMA 262, as editors read it: ``$`` is the very end of the text (Python's also
matches before a last line break) and ``\d`` is an ASCII digit.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

KINDS = {
    "Model": "model",
    "Environment": "environment",
    "Trust": "trust",
    "Control": "control",
    "Release": "release",
    "Project": "project",
    "PolicyTests": "policy-tests",
}
"""What a document calls itself → the name of its schema."""

ANNOTATIONS = frozenset({"$schema", "$id", "$defs", "title", "description", "examples", "default", "$comment"})

Check = Callable[[Any], bool]
Maker = Callable[[Mapping[str, Any], "Compiler"], Check]


def folder() -> str:
    """Where the schemas lie: inside the installed package, or at the top of a checkout.

    Text, not a ``Path``: ``validate`` would pay a third of a bare interpreter start for the import.
    """
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
    inside = f"{package}/schemas"
    return inside if os.path.isdir(inside) else f"{package}/../../schemas"  # noqa: PTH112


def source(name: str) -> str:
    """The text of a schema, such as ``model``."""
    with open(f"{folder()}/{name}.schema.json", encoding="utf-8") as file:  # noqa: PTH123 - see ``folder``
        return file.read()


@cache
def document(name: str) -> dict[str, Any]:
    """A schema as a value.  Not to be changed by the caller."""
    import json

    value: dict[str, Any] = json.loads(source(name))
    return value


@cache
def check(name: str) -> Check:
    """The compiled schema: whether a value fits it."""
    schema = document(name)
    return Compiler(schema).compile(schema)


@cache
def expression(pattern: str) -> re.Pattern[str]:
    """A pattern with the meaning of ECMA 262.  Ours use ``$`` as an anchor only."""
    return re.compile(pattern.replace("$", r"\Z"), re.ASCII)


class Compiler:
    """One schema on its way to a function; knows where its references lead."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self.root = root
        self.references: dict[str, Check] = {}

    def compile(self, schema: Mapping[str, Any]) -> Check:
        """The function for one schema; raises ``ValueError`` for a keyword that is not supported."""
        checks: list[Check] = []
        done: set[str] = set()
        for keyword in schema:
            if keyword in ANNOTATIONS:
                continue
            maker = KEYWORDS.get(keyword)
            if maker is None:
                raise ValueError(f"the schema keyword {keyword!r} is not supported")
            if maker.__name__ not in done:
                done.add(maker.__name__)
                checks.append(maker(schema, self))
        if len(checks) == 1:
            return checks[0]
        every = tuple(checks)

        def fits(value: Any) -> bool:
            for one in every:  # noqa: SIM110 - a generator costs a frame for each value
                if not one(value):
                    return False
            return True

        return fits

    def reference(self, target: str) -> Check:
        """The function for ``#/$defs/NAME``."""
        if target not in self.references:
            self.references[target] = self.compile(self.root["$defs"][target.removeprefix("#/$defs/")])
        return self.references[target]


def is_number(value: Any) -> bool:
    """A JSON number; ``true`` is not one."""
    return value.__class__ is int or value.__class__ is float


def is_integer(value: Any) -> bool:
    """A JSON number without a fraction: 1.0 is one."""
    return value.__class__ is int or (value.__class__ is float and value.is_integer())


_TYPES: dict[str, Check] = {
    "string": lambda value: value.__class__ is str,
    "object": lambda value: value.__class__ is dict,
    "array": lambda value: value.__class__ is list,
    "boolean": lambda value: value.__class__ is bool,
    "null": lambda value: value is None,
    "number": is_number,
    "integer": is_integer,
}


def _type(schema: Mapping[str, Any], _: Compiler) -> Check:
    wanted = schema["type"]
    if isinstance(wanted, str):
        return _TYPES[wanted]
    several = tuple(_TYPES[one] for one in wanted)
    return lambda value: any(one(value) for one in several)


def _enum(schema: Mapping[str, Any], _: Compiler) -> Check:
    allowed = frozenset(schema["enum"])
    kinds = {one.__class__ for one in allowed}  # so that `true` is not taken for 1
    return lambda value: value.__class__ in kinds and value in allowed


def _const(schema: Mapping[str, Any], _: Compiler) -> Check:
    wanted = schema["const"]
    return lambda value: value.__class__ is str and value == wanted


def _pattern(schema: Mapping[str, Any], _: Compiler) -> Check:
    pattern = schema["pattern"]
    return lambda value: value.__class__ is not str or expression(pattern).search(value) is not None


def _length(schema: Mapping[str, Any], _: Compiler) -> Check:
    least, most = schema.get("minLength", 0), schema.get("maxLength", 2**31)
    return lambda value: value.__class__ is not str or least <= len(value) <= most


def _bounds(schema: Mapping[str, Any], _: Compiler) -> Check:
    least, most = schema.get("minimum", float("-inf")), schema.get("maximum", float("inf"))
    above = schema.get("exclusiveMinimum")
    if above is None:
        return lambda value: not is_number(value) or least <= value <= most
    return lambda value: not is_number(value) or (above < value and least <= value <= most)


def _object(schema: Mapping[str, Any], compiler: Compiler) -> Check:
    known = {name: compiler.compile(one) for name, one in schema.get("properties", {}).items()}
    required = tuple(schema.get("required", ()))
    least = schema.get("minProperties", 0)
    names = compiler.compile(schema["propertyNames"]) if "propertyNames" in schema else None
    needs = tuple((key, other) for key, others in schema.get("dependentRequired", {}).items() for other in others)
    extra = schema.get("additionalProperties", {})
    other = compiler.compile(extra) if extra else None
    closed = extra is False
    prefixes = _prefixes(schema)

    def fits(value: Any) -> bool:
        if value.__class__ is not dict:
            return True
        for key in required:
            if key not in value:
                return False
        for key, item in value.items():
            one = known.get(key)
            if one is not None:
                if not one(item):
                    return False
            elif not key.startswith(prefixes) and (closed or (other is not None and not other(item))):
                return False
            if names is not None and not names(key):
                return False
        return len(value) >= least and all(other in value for key, other in needs if key in value)

    return fits


def _prefixes(schema: Mapping[str, Any]) -> tuple[str, ...]:
    """``{"^x-": {}}`` → ``("x-",)``: the only form of patternProperties that the schemas use."""
    found = schema.get("patternProperties", {})
    plain = all(pattern[0] == "^" and pattern[1:].replace("-", "").isalpha() for pattern in found)
    if any(found.values()) or not plain:
        raise ValueError("patternProperties may only exempt a prefix, such as ^x-")
    return tuple(pattern[1:] for pattern in found)


def _array(schema: Mapping[str, Any], compiler: Compiler) -> Check:
    least, most = schema.get("minItems", 0), schema.get("maxItems", 2**31)
    unique = schema.get("uniqueItems", False)
    items = compiler.compile(schema["items"]) if "items" in schema else None

    def fits(value: Any) -> bool:
        if value.__class__ is not list:
            return True
        if not least <= len(value) <= most:
            return False
        if items is not None:
            for item in value:
                if not items(item):
                    return False
        return not unique or len(set(value)) == len(value)

    return fits


def _any_of(schema: Mapping[str, Any], compiler: Compiler) -> Check:
    branches = tuple(compiler.compile(one) for one in schema["anyOf"])
    return lambda value: any(one(value) for one in branches)


def _one_of(schema: Mapping[str, Any], compiler: Compiler) -> Check:
    branches = tuple(compiler.compile(one) for one in schema["oneOf"])
    return lambda value: sum(one(value) for one in branches) == 1


def _reference(schema: Mapping[str, Any], compiler: Compiler) -> Check:
    return compiler.reference(schema["$ref"])


KEYWORDS: dict[str, Maker] = {
    "$ref": _reference,
    "type": _type,
    "enum": _enum,
    "const": _const,
    "pattern": _pattern,
    "minLength": _length,
    "maxLength": _length,
    "minimum": _bounds,
    "maximum": _bounds,
    "exclusiveMinimum": _bounds,
    "properties": _object,
    "required": _object,
    "minProperties": _object,
    "propertyNames": _object,
    "dependentRequired": _object,
    "additionalProperties": _object,
    "patternProperties": _object,
    "items": _array,
    "minItems": _array,
    "maxItems": _array,
    "uniqueItems": _array,
    "anyOf": _any_of,
    "oneOf": _one_of,
}
