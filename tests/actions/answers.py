"""Answers of verbs made from their published schemas: typical ones from the examples, and hostile ones.

A hostile answer fits the schema like any other; every text that may be anything is the same text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import outputs
from mlops_gitops.manifests import schema

Schema = Mapping[str, Any]


def typical(verb: str) -> dict[str, Any]:
    """What the examples of the schema make up together."""
    return _checked(verb, _made(schema.document(f"output/{verb}"), schema.document(f"output/{verb}"), None))


def hostile(verb: str, text: str) -> dict[str, Any]:
    """The same, and ``text`` wherever a text may be anything."""
    return _checked(verb, _made(schema.document(f"output/{verb}"), schema.document(f"output/{verb}"), text))


def _checked(verb: str, document: dict[str, Any]) -> dict[str, Any]:
    for name in set(document) - set(schema.document(f"output/{verb}")["required"]):
        del document[name]
    outputs.check(verb, document)
    return document


def _made(part: Schema, root: Schema, text: str | None) -> Any:
    if "$ref" in part:
        return _made(root["$defs"][part["$ref"].rpartition("/")[2]], root, text)
    for word in ("anyOf", "oneOf"):
        if word in part:
            found = _made(next(one for one in part[word] if one.get("type") != "null"), root, text)
            return found or next((one for one in part.get("examples", ()) if one), None)
    if "const" in part or "enum" in part:
        return part.get("const", next((one for one in part.get("enum", ()) if one is not None), None))
    kinds = part["type"] if isinstance(part["type"], list) else [part["type"]]
    if "object" in kinds and "properties" in part:
        return {name: _made(one, root, text) for name, one in part["properties"].items()}
    if "array" in kinds and "items" in part:
        one = _made(part["items"], root, text)
        shown = next((found for found in part.get("examples", ()) if found), [])
        return [one] * max(1, part.get("minItems", 1)) if one is not None else shown
    if "string" in kinds and text is not None and not {"pattern", "format", "maxLength"} & set(part):
        return text
    return next((one for one in part.get("examples", ()) if one is not None), None)
