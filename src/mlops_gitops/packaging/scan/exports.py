"""Programs that ``torch.export`` wrote: a graph of operators as JSON, and tensors as bytes.

The graph is data, but its reader looks names up and evaluates expressions.  So every operator has to be one of the
tensor library's own that computes and does nothing else, every expression one of sizes, and every container a plain
one; weights may not be pickles.  What is not known here does not pass.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from mlops_gitops.packaging.scan.problems import Problem, Subject, shown

MODEL = re.compile(r"[^/]+/models/model\.json")
CONFIG = re.compile(r"[^/]+/data/(?:weights|constants)/model_(?:weights|constants)_config\.json")
SAMPLE = re.compile(r"[^/]+/data/sample_inputs/model\.pt")
PLAIN = re.compile(
    r"[^/]+/(data/(weights|constants)/(weight|tensor)_\d+|archive_format|archive_version|byteorder|\.data/version"
    r"|\.data/serialization_id)"
)
LARGEST = 64 << 20
"""A graph of more bytes is not read."""

_OPERATOR = re.compile(r"torch\.ops\.aten\.[a-z][a-z0-9_]*\.[A-Za-z][A-Za-z0-9_]*|_operator\.(?:add|sub|mul|floordiv)")
_REACHING = re.compile(r"torch\.ops\.aten\.(?:from_file|_?print|save|load|record_stream|.*callback.*|.*host.*)\..*")
"""Operators that reach beyond tensors."""
_EXPRESSION = re.compile(
    r"(?:Symbol|Integer|Add|Mul|Pow|'[su]\d{1,6}'|(?:positive|integer|nonnegative)=True|\d{1,18}|[-(), ])*"
)
_CONTAINERS = {None, "builtins.tuple", "builtins.list", "builtins.dict"}
_CUSTOM = {"as_custom_obj", "as_operator", "custom_obj", "as_graph"}


def scan_graph(subject: Subject) -> Iterator[Problem]:
    """Every reason not to load a graph."""
    document = _document(subject)
    if document is None:
        yield Problem("scan.torch", subject.where, "is no graph that can be judged")
        return
    if document.get("guards_code"):
        yield Problem("scan.code", subject.where, "brings code of its own (guards)")
    for key, value in _walked(document):
        yield from _judged(key, value, subject)


def scan_config(subject: Subject) -> Iterator[Problem]:
    """Every reason not to load the list of weights."""
    document = _document(subject)
    if document is None:
        yield Problem("scan.torch", subject.where, "is no list of weights that can be judged")
        return
    for key, value in _walked(document):
        if key == "use_pickle" and value is not False:
            yield Problem("scan.pickle", subject.where, "names weights that are a pickle")
        if key == "path_name" and not re.fullmatch(r"(?:weight|tensor)_\d+", str(value)):
            yield Problem("scan.torch", subject.where, f"names {shown(str(value))}, which is no file of tensors")


def _judged(key: str, value: Any, subject: Subject) -> Iterator[Problem]:
    if key == "target" and not (isinstance(value, str) and _OPERATOR.fullmatch(value) and not _REACHING.match(value)):
        yield Problem("scan.code", subject.where, f"calls {shown(str(value))}, which is not an operator on the list")
    elif key == "expr_str" and not (isinstance(value, str) and _EXPRESSION.fullmatch(value)):
        yield Problem("scan.code", subject.where, f"evaluates {shown(str(value))}, which is more than sizes")
    elif key in _CUSTOM and value is not None:
        yield Problem("scan.code", subject.where, f"brings {key}, which is not plain data")
    elif key in {"in_spec", "out_spec"}:
        try:
            inner = json.loads(value)
        except (TypeError, ValueError, RecursionError):
            inner = [{"type": "unreadable"}]
        for name, one in _walked(inner):
            if name == "type" and one not in _CONTAINERS:
                yield Problem("scan.code", subject.where, f"makes a {shown(str(one))}, which is no plain container")


def _document(subject: Subject) -> dict[str, Any] | None:
    if subject.size > LARGEST:
        return None
    subject.stream.seek(0)
    try:
        found = json.loads(subject.stream.read(), parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _walked(value: Any) -> Iterator[tuple[str, Any]]:
    """Every key of every object in a document, with its value."""
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            yield from one.items()
            left.extend(one.values())
        elif isinstance(one, list):
            left.extend(one)
