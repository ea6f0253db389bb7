"""Answers of verbs made from their published schemas: typical ones from the examples, good, bad and hostile ones.

A hostile answer fits the schema like any other; every text that may be anything is the same text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import outputs
from mlops_gitops.errors import WorldFailed
from mlops_gitops.manifests import schema

Schema = Mapping[str, Any]


def typical(verb: str) -> dict[str, Any]:
    """What the examples of the schema make up together."""
    return _checked(verb, _made(schema.document(f"output/{verb}"), schema.document(f"output/{verb}"), None))


WRONG = frozenset({"error", "findings", "problems", "failures", "unsealed", "missing", "outlook"})
"""The fields that tell what went wrong, or is missing."""
BETTER = {"fail": "pass", "pending": "pass"}
WORSE = {
    "pass": "fail",
    "holds": "broken",
    "12 checks passed": "1 of 12 checks failed",
    **dict.fromkeys(("promoted", "rolled-back", "changed", "move"), "refused"),
}
SAID = frozenset({"result", "verdict", "answer", "outcome", "summary"})
"""The fields that say how it went."""
DONE = frozenset({"promotion", "commit", "pullRequest"})
"""The fields of a move that exist only once it has happened."""


def well(verb: str) -> dict[str, Any]:
    """The same where nothing went wrong."""
    return _checked(verb, _turned(typical(verb), BETTER, WRONG))


def badly(verb: str) -> dict[str, Any]:
    """The same where the answer is no."""
    moved = "promotions" if verb == "promote" else "rollbacks" if verb == "rollback" else ""
    return _checked(verb, _turned(typical(verb), WORSE, DONE if moved else frozenset()))


def failure(code: str, message: str, hint: str, exit_code: int) -> dict[str, Any]:
    """What any verb prints where it came to no answer."""
    told = {"code": code, "message": message, "hint": hint, "retry": exit_code == WorldFailed.exit_code}
    document: dict[str, Any] = {"error": {**told, "exitCode": exit_code}}
    outputs.check("error", document)
    return document


def _turned(value: Any, words: Mapping[str, str], emptied: frozenset[str]) -> Any:
    if isinstance(value, list):
        return [_turned(one, words, emptied) for one in value]
    if not isinstance(value, dict):
        return value

    def turned(name: str, one: Any) -> Any:
        if name in emptied:
            return [] if isinstance(one, list) else None
        return words.get(one, one) if name in SAID and isinstance(one, str) else _turned(one, words, emptied)

    return {name: turned(name, one) for name, one in value.items()}


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
