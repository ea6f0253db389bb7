"""What a tool's result says, in one shape for all tools, and reading its JSON within bounds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.records import record

LARGEST = 16 * 1024 * 1024
"""Bytes of a result that are read."""
MOST = 5000
"""Tests of a result that are taken."""
_DIGEST = re.compile(r"\bsha256:([0-9a-f]{64})\b")
_LONGEST = 300


class Unknown(ValueError):
    """The file is no result that can be taken; the text says why, as the end of a sentence."""


@record
class Outcome:
    """One test of a tool: what it was about, how it came out, and in words why."""

    subject: str
    verdict: Verdict
    message: str


@record
class Results:
    """Everything that a result holds.

    ``rows`` is how many rows the tool says it read, and ``digests`` which files by SHA-256, where names in it say so.
    """

    tool: str
    outcomes: tuple[Outcome, ...]
    rows: int | None = None
    digests: tuple[str, ...] = ()


def parsed(data: bytes) -> Any:
    """The JSON in the file's bytes.  Raises ``Unknown``."""
    if len(data) > LARGEST:
        raise Unknown(f"it has more than the {LARGEST:,} bytes that are read")
    try:
        return json.loads(data, parse_int=_whole, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise Unknown(f"it is no JSON: {error}") from error


def mapping(value: Any, what: str) -> Mapping[str, Any]:
    """``value``, which must be an object.  Raises ``Unknown``."""
    if not isinstance(value, Mapping):
        raise Unknown(f"{what} is no object")
    return value


def listed(value: Any, what: str) -> list[Any]:
    """``value``, which must be a list of bounded length.  Raises ``Unknown``."""
    if not isinstance(value, list):
        raise Unknown(f"{what} is no list")
    if len(value) > MOST:
        raise Unknown(f"{what} has {len(value):,} entries, and {MOST:,} are the most that are taken")
    return value


def text(value: Any, what: str) -> str:
    """``value``, which must be text; cut to a length that a person reads.  Raises ``Unknown``.

    Half a surrogate pair, which JSON can write and no encoding can, is replaced.
    """
    if not isinstance(value, str):
        raise Unknown(f"{what} is no text")
    cut = value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…"
    return cut.encode("utf-8", "replace").decode()


def count(value: Any) -> int | None:
    """A number of rows, or nothing."""
    whole = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e15  # noqa: PLR2004
    return int(value) if whole and value == int(value) else None


def digests(*values: Any) -> tuple[str, ...]:
    """The digests that some names hold, written ``sha256:…``."""
    return tuple(dict.fromkeys(sha for value in _texts(list(values), 6) for sha in _DIGEST.findall(value)))


def _texts(value: Any, deep: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif deep and isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one, deep - 1)
    elif deep and isinstance(value, list):
        for one in value[:MOST]:
            yield from _texts(one, deep - 1)


def _whole(number: str) -> int:
    if len(number) > 30:  # noqa: PLR2004 - no count has as many digits
        raise ValueError("it holds a number beyond all bounds")
    return int(number)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands there twice")
    return found
