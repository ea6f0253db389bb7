"""JSON value → the one YAML text that this program writes for it.

Block style, keys in the order given, and every text as a JSON string, which no YAML reader can take for anything else.
What is rendered loads again as the same value; the same value always renders to the same bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from mlops_gitops.canonical import JSON

_PLAIN_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
RESERVED = frozenset({"yes", "no", "on", "off", "true", "false", "null", "y", "n"})


def render(value: JSON) -> bytes:
    """The YAML bytes of ``value``."""
    return ("\n".join(_lines(value, 0)) + "\n").encode()


def _lines(value: JSON, depth: int) -> Iterator[str]:
    margin = "  " * depth
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _entry(f"{margin}{_key(key)}:", item, depth)
    elif isinstance(value, list) and value:
        for item in value:
            inner = list(_lines(item, depth + 1))
            yield f"{margin}- {inner[0].lstrip(' ')}"
            yield from inner[1:]
    else:
        yield f"{margin}{scalar(value)}"


def _entry(head: str, value: JSON, depth: int) -> Iterator[str]:
    if isinstance(value, (dict, list)) and value:
        yield head
        yield from _lines(value, depth + 1)
    else:
        yield f"{head} {scalar(value)}"


def _key(key: str) -> str:
    return key if _PLAIN_KEY.fullmatch(key) and key.lower() not in RESERVED else scalar(key)


def scalar(value: JSON) -> str:
    """A leaf, or an empty container, as JSON writes it, but for surrogate pairs, which YAML does not know."""
    return json.dumps(value, allow_nan=False, ensure_ascii=False)
