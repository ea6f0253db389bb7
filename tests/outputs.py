"""Every JSON that a test sees, held against the schema that is published for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from mlops_gitops.manifests import schema


def asked_for(words: Sequence[str]) -> bool:
    """Whether a command line asks for JSON."""
    return "--format=json" in words or "--format json" in " ".join(words)


def checked(words: Sequence[str], code: int, out: str) -> Any:
    """The one document that a command printed, which its schema describes."""
    document = json.loads(out, parse_constant=_refuse)
    if set(document) == {"error"}:
        check("error", document)
        assert document["error"]["exitCode"] == code
    elif words[0] == "schema":
        Draft202012Validator.check_schema(document)
    else:
        check(words[0], document)
    return document


def check(name: str, document: Any) -> None:
    """Raises ``AssertionError`` with everything that does not fit."""
    problems = [f"{one.json_path}: {one.message}" for one in validator(name).iter_errors(document)]
    assert problems == [], f"output/{name}: {problems}"


@cache
def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(schema.document(f"output/{name}"))


def _refuse(text: str) -> None:
    raise AssertionError(f"{text} is no JSON")
