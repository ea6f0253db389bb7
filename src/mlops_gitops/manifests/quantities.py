"""Quantities as Kubernetes writes them: shares of processors and amounts of memory.

https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

from __future__ import annotations

from decimal import Decimal

_UNITS = {
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
}
NANO = 10**9


def quantity_bytes(text: str) -> int:
    """``512Mi`` in bytes.  Raises ``ValueError`` for what the schema does not allow."""
    unit = next((one for one in _UNITS if text.endswith(one)), "")
    return int(_number(text.removesuffix(unit)) * _UNITS.get(unit, 1))


def nano_processors(text: str) -> int:
    """``500m`` or ``0.5`` in billionths of a processor, as container engines count them."""
    if text.endswith("m"):
        return int(_number(text[:-1]) * NANO / 1000)
    return int(_number(text) * NANO)


def _number(text: str) -> Decimal:
    if not text.replace(".", "", 1).isdecimal():
        raise ValueError(f"{text!r} is no quantity")
    return Decimal(text)
