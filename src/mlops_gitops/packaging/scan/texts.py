"""Files that say they are text: they must be text, and must not act as a pickle when something loads them as one."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable
from io import BytesIO

import yaml

from mlops_gitops.packaging.scan import pickles
from mlops_gitops.packaging.scan.problems import Limits, Problem, Subject, shown

_PLAIN_TAG = "tag:yaml.org,2002:"
_KNOWN_TAGS = {
    f"{_PLAIN_TAG}{name}"
    for name in ("str", "int", "float", "bool", "null", "seq", "map", "timestamp", "binary", "set")
}


def scan_text(subject: Subject, suffix: str, *, limits: Limits) -> list[Problem]:
    """UTF-8 without control characters; JSON and YAML files must parse, and YAML may name no Python type."""
    if subject.size > limits.text:
        return [Problem("scan.text", subject.where, f"is text of more than {limits.text} bytes")]
    subject.stream.seek(0)
    data = subject.stream.read()
    if not is_text(data):
        return [Problem("scan.text", subject.where, "says that it is text, and is not")]
    if suffix in _PARSERS:
        try:
            _PARSERS[suffix](data)
        except (ValueError, RecursionError, yaml.YAMLError) as error:
            return [Problem("scan.text", subject.where, f"does not parse: {shown(str(error), 200)}")]
    if pickles.executes(Subject(BytesIO(data), len(data), subject.where), limits=limits):
        return [
            Problem("scan.pickle-call", subject.where, "is a pickle in disguise that calls what is not on the list")
        ]
    return []


def is_text(data: bytes, *, partial: bool = False) -> bool:
    """Whether ``data`` (only the start of a file, where ``partial``) is UTF-8 without control characters.

    Tab, line feed, form feed and carriage return do not count as such.
    """
    try:
        codecs.utf_8_decode(data, "strict", not partial)
    except UnicodeDecodeError:
        return False
    return not data.translate(None, bytes(range(0x20, 0x100)) + b"\t\n\f\r")


def check_yaml(data: bytes) -> None:
    """Raise ``ValueError`` where YAML names a type that plain data does not need, or repeats parts by reference."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for event in yaml.parse(data, Loader=loader):
        if isinstance(event, yaml.AliasEvent):
            raise ValueError("it uses an alias")  # noqa: TRY004 - the one way to say: not understood
        tag = getattr(event, "tag", None)
        if tag is not None and tag != "!" and tag not in _KNOWN_TAGS:
            raise ValueError(f"it names the type {shown(tag)}")


_PARSERS: dict[str, Callable[[bytes], object]] = {".json": json.loads, ".yaml": check_yaml, ".yml": check_yaml}
