"""Schema errors in the user's words.

Asked only when the compiled schema has said no.  ``jsonschema`` finds the errors; each becomes one problem whose
pointer is the place to change: the parent for a missing key, the key itself for an unknown one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, ValidationError, validators

from mlops_gitops.manifests.documents import Document
from mlops_gitops.manifests.rules import documents as document_rules
from mlops_gitops.manifests.rules import shape
from mlops_gitops.manifests.rules.rule import Pointer, Problem
from mlops_gitops.manifests.schema import document, expression

_NAMES = {
    "string": "text",
    "object": "a mapping",
    "array": "a list",
    "boolean": "true or false",
    "null": "null",
    "number": "a number",
    "integer": "a whole number",
}
_LONGEST = 60

Error = Any
"""A ``jsonschema.ValidationError``.  The package types its attributes as perhaps unset; in what it yields they are."""


@cache
def validator(name: str) -> Any:
    """The ``jsonschema`` validator of a schema, with patterns as ECMA 262 means them."""
    made = validators.extend(  # type: ignore[no-untyped-call]
        Draft202012Validator, {"pattern": _ecma_pattern}
    )
    return made(document(name))


def _ecma_pattern(_: Any, pattern: str, instance: Any, __: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and expression(pattern).search(instance) is None:
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def problems(name: str, loaded: Document) -> Iterator[Problem]:
    """Every way in which a document does not fit its schema."""
    seen: set[tuple[str, Pointer, str]] = set()
    for error in validator(name).iter_errors(loaded.value):
        for problem in _worded(error, loaded):
            key = (problem.rule.id, problem.pointer, problem.message)
            if key not in seen:
                seen.add(key)
                yield problem


def _worded(error: Error, loaded: Document) -> Iterator[Problem]:
    at: Pointer = tuple(error.absolute_path)
    if error.validator in {"anyOf", "oneOf"}:
        yield from _alternatives(error, loaded)
    elif error.validator == "additionalProperties" and error.validator_value is False:
        yield from _unknown_keys(error, at)
    elif error.validator == "required":
        yield from _missing(error, at)
    elif error.validator == "type":
        yield _wrong_type(error, at, loaded)
    else:
        yield _WORDS[str(error.validator)](error, at)


def _unknown_keys(error: Error, at: Pointer) -> Iterator[Problem]:
    known = ", ".join(error.schema.get("properties", ()))
    for key, meant in _meant(error).items():
        hint = f"the keys here are: {known}" if meant is None else f"did you mean `{meant}`?"
        yield shape.UNKNOWN_KEY.on_key((*at, key), f"there is no key `{_short(key)}` here; {hint}")


def _meant(error: Error) -> dict[str, str | None]:
    """Each key that may not be there → the key that its author probably meant."""
    if error.schema.get("additionalProperties") is not False:
        return {}
    known = list(error.schema.get("properties", ()))
    unknown = [key for key in error.instance if key not in known and not key.startswith("x-")]
    return {key: next(iter(get_close_matches(key, known, n=1)), None) for key in unknown}


def _missing(error: Error, at: Pointer) -> Iterator[Problem]:
    """A key that is there, but misspelt, is not missing as well."""
    meant = set(_meant(error).values())
    for key in error.validator_value:
        if key not in error.instance and key not in meant:
            said = _described(error.schema, key)
            yield shape.MISSING_KEY.on(at, f"the key `{key}` is missing", f"add `{key}:`{said}")


def _described(schema: Any, key: str) -> str:
    field = schema.get("properties", {}).get(key, {})
    description = field.get("description", "")
    return f" ({description[0].lower()}{description[1:].rstrip('.')})" if description else ""


def _wrong_type(error: Error, at: Pointer, loaded: Document) -> Problem:
    wanted = error.validator_value
    names = " or ".join(_NAMES[one] for one in ([wanted] if isinstance(wanted, str) else wanted))
    found = _short(error.instance)
    if wanted == "string" and isinstance(error.instance, (int, float)) and not isinstance(error.instance, bool):
        raw = loaded.source_text(at) or found
        read = f", which is read as {error.instance}" if raw != str(error.instance) else ""
        return document_rules.NUMBER_FOR_TEXT.on(
            at, f"{raw} is a number here{read}; text is wanted", f'write "{raw}" in quotes'
        )
    return shape.WRONG_TYPE.on(
        at, f"{_field(at)} must be {names}, not {_a(error.instance)}", f"write {names}{_such_as(error)}"
    )


def _alternatives(error: Error, loaded: Document) -> Iterator[Problem]:
    """The branch that the author meant is the one whose type fits; its own errors say what is wrong."""
    branches: dict[int, list[Error]] = {}
    for inner in error.context or ():
        branches.setdefault(int(inner.relative_schema_path[0]), []).append(inner)
    meant = [found for found in branches.values() if not any(_other_form(one) for one in found)]
    if len(meant) == 1:
        for inner in meant[0]:
            yield from _worded(inner, loaded)
        return
    at: Pointer = tuple(error.absolute_path)
    forms = " or ".join(_form(one) for one in error.validator_value)
    yield shape.NO_ALTERNATIVE.on(at, f"{_field(at)} must have exactly one of these forms: {forms}")


def _other_form(error: Error) -> bool:
    """Whether an error inside an alternative says that the author meant another one."""
    return not error.relative_path and error.validator in {"type", "const", "required"}


def _form(schema: Any) -> str:
    if "const" in schema:
        return f"the word `{schema['const']}`"
    if "required" in schema:
        return f"a mapping with `{'`, `'.join(schema['required'])}`"
    return _NAMES.get(schema.get("type", ""), "another form")


def _not_one_of(error: Error, at: Pointer) -> Problem:
    allowed = [error.validator_value] if error.validator == "const" else list(error.validator_value)
    near = get_close_matches(str(error.instance), [str(one) for one in allowed], n=1)
    hint = f"; did you mean `{near[0]}`?" if near else ""
    listed = ", ".join(f"`{one}`" for one in allowed)
    wanted = listed if len(allowed) == 1 else f"one of {listed}"
    return shape.NOT_ONE_OF.on(at, f"{_field(at)} is {_short(error.instance)}{hint}", f"write {wanted}")


def _malformed(error: Error, at: Pointer) -> Problem:
    example = _such_as(error)
    what = error.schema.get("description", "")
    fix = f"write it{example}" if example else f"it must match {error.validator_value}"
    return shape.MALFORMED.on(
        at, f"{_field(at)} is {_short(error.instance)}, which has not the form that is wanted", f"{fix}. {what}".strip()
    )


def _out_of_range(error: Error, at: Pointer) -> Problem:
    limits = {"minimum": "at least", "maximum": "at most", "exclusiveMinimum": "more than"}
    limit = f"{limits[str(error.validator)]} {error.validator_value}"
    return shape.OUT_OF_RANGE.on(
        at, f"{_field(at)} is {_short(error.instance)}; it must be {limit}", f"write a number that is {limit}"
    )


def _wrong_count(error: Error, at: Pointer) -> Problem:
    if error.validator == "uniqueItems":
        return shape.WRONG_COUNT.on(at, f"{_field(at)} holds the same entry twice", "remove the second one")
    what = str(error.validator)[3:]
    bound = "at least" if str(error.validator).startswith("min") else "at most"
    limit = f"{bound} {_counted(error.validator_value, what)}"
    none = ", or the single word none" if at[-1:] == ("gates",) else ""
    return shape.WRONG_COUNT.on(
        at, f"{_field(at)} has {_counted(len(error.instance), what)}; it must have {limit}", f"write {limit}{none}"
    )


def _counted(count: int, what: str) -> str:
    one, many = {"Items": ("entry", "entries"), "Length": ("character", "characters"), "Properties": ("key", "keys")}[
        what
    ]
    return f"{count} {one if count == 1 else many}"


def _depends(error: Error, at: Pointer) -> Problem:
    return shape.MISSING_KEY.on(at, f"{_field(at)}: {error.message}", "write both keys or neither")


_WORDS: dict[str, Callable[[Error, Pointer], Problem]] = {
    "enum": _not_one_of,
    "const": _not_one_of,
    "pattern": _malformed,
    "minimum": _out_of_range,
    "maximum": _out_of_range,
    "exclusiveMinimum": _out_of_range,
    "minItems": _wrong_count,
    "maxItems": _wrong_count,
    "uniqueItems": _wrong_count,
    "minLength": _wrong_count,
    "maxLength": _wrong_count,
    "minProperties": _wrong_count,
    "dependentRequired": _depends,
}


def _field(at: Pointer) -> str:
    """A pointer as people write it: ``spec.metrics[0].name``."""
    text = ""
    for step in at:
        text += f"[{step}]" if isinstance(step, int) else f".{_short(step)}"
    return f"`{text.removeprefix('.')}`" if text else "the document"


def _such_as(error: Error) -> str:
    examples = [one for one in error.schema.get("examples", ()) if isinstance(one, (str, int, float))]
    return f" such as {examples[0]}" if examples else ""


def _a(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return _short(value) if not isinstance(value, str) else f"the text {_short(value)}"


def _short(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    text = str(value) if isinstance(value, (str, int, float)) else _a(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
