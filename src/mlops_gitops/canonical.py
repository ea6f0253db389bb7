"""One byte form for every value, so that a digest means something.

Documents that are named by their digest are written as RFC 8785 JSON (JCS): any language can compute the same bytes.
Values are JSON values only; a non-finite number, or an integer that a double cannot hold, is refused.
"""

from __future__ import annotations

import hashlib
from typing import TypeAlias

import rfc8785

JSON: TypeAlias = "dict[str, JSON] | list[JSON] | str | int | float | bool | None"


def encode(value: JSON) -> bytes:
    """The RFC 8785 bytes of ``value``.  Raises ``ValueError`` for what JSON cannot say exactly."""
    try:
        return rfc8785.dumps(value)
    except rfc8785.CanonicalizationError as error:
        raise ValueError(str(error)) from error


def sha256(data: bytes) -> str:
    """Lower-case hexadecimal SHA-256 of ``data``."""
    return hashlib.sha256(data).hexdigest()


def digest(value: JSON) -> str:
    """SHA-256 of the canonical form of ``value``: the identity of a document, whatever its layout was."""
    return sha256(encode(value))
