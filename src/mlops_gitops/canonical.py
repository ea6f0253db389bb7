"""One byte form for every value, so that a digest means something.

Documents that are named by their digest are written as RFC 8785 JSON (JCS): any language can compute the same bytes.
Values are JSON values only; a non-finite number, or an integer that a double cannot hold, is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any, TypeAlias

import rfc8785

JSON: TypeAlias = "dict[str, JSON] | list[JSON] | str | int | float | bool | None"


_PLAIN = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode
"""For almost every document of ours the standard library writes the same bytes, several times faster.

It differs from RFC 8785 in how it writes some numbers, in the order of names beyond ASCII, and in what it lets pass:
``_is_plain`` lets none of that come here.
"""
_EXACT, _DEEP = 2**53 - 1, 64
_LEAVES = frozenset({str, bool, type(None)})


def encode(value: JSON) -> bytes:
    """The RFC 8785 bytes of ``value``.  Raises ``ValueError`` for what JSON cannot say exactly."""
    if _is_plain(value):
        try:
            return _PLAIN(value).encode()
        except UnicodeEncodeError:
            pass  # half a surrogate pair, which RFC 8785 refuses in words of its own
    try:
        return rfc8785.dumps(value)
    except rfc8785.CanonicalizationError as error:
        raise ValueError(str(error)) from error


def _is_plain(value: Any, deep: int = _DEEP) -> bool:
    """Whether both encoders write the same bytes; exact types only, and no deeper than a document of ours can be."""
    kind = type(value)
    if kind is dict:
        if not _are_plain(value):
            return False
        inner: Iterable[Any] = value.values()
    elif kind is list:
        inner = value
    else:
        return kind in _LEAVES or _is_plain_number(value)
    for one in inner:  # noqa: SIM110 - most are text, and a call for each would cost more than the question
        if type(one) is not str and not (deep and _is_plain(one, deep - 1)):
            return False
    return True


def _is_plain_number(value: Any) -> bool:
    """Whether both write the same digits: neither an exponent nor a fraction of nothing."""
    if type(value) is float:
        return 1e-4 <= abs(value) < 1e15 and not value.is_integer()  # noqa: PLR2004
    return type(value) is int and -_EXACT <= value <= _EXACT


def _are_plain(names: Iterable[Any]) -> bool:
    try:
        return "".join(names).isascii()
    except TypeError:  # a name that is no text
        return False


def sha256(data: bytes) -> str:
    """Lower-case hexadecimal SHA-256 of ``data``."""
    return hashlib.sha256(data).hexdigest()


def digest(value: JSON) -> str:
    """SHA-256 of the canonical form of ``value``: the identity of a document, whatever its layout was."""
    return sha256(encode(value))
