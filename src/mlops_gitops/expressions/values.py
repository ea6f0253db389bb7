"""The values of CEL, and what it means that two of them are equal or that one comes first.

Null, bool, int, double, string and bytes are Python's own; ``UInt``, ``Timestamp``, ``Duration`` and ``Type`` are
below.  A list is a tuple, a map a dict whose keys ``key_of`` has made; nothing is ever changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from mlops_gitops.expressions.faults import Faulty

MAX_INT, MIN_INT, MAX_UINT = 2**63 - 1, -(2**63), 2**64 - 1
SECOND = 1_000_000_000
"""Nanoseconds."""
_FIRST, _LAST = -62_135_596_800 * SECOND, 253_402_300_800 * SECOND - 1
_LONGEST = 315_576_000_000 * SECOND

Value = object
Charge = Callable[[int], None]


class UInt(int):
    """An unsigned integer of 64 bits."""

    __slots__ = ()


class Timestamp(NamedTuple):
    """An instant, in nanoseconds since 1970 in UTC."""

    nanoseconds: int


class Duration(NamedTuple):
    """A length of time, in nanoseconds."""

    nanoseconds: int


class Type(NamedTuple):
    """The type of a value, by its name in CEL."""

    name: str


KINDS: dict[type, str] = {
    type(None): "null_type",
    bool: "bool",
    int: "int",
    UInt: "uint",
    float: "double",
    str: "string",
    bytes: "bytes",
    tuple: "list",
    dict: "map",
    Timestamp: "google.protobuf.Timestamp",
    Duration: "google.protobuf.Duration",
    Type: "type",
}
_NUMBERS = frozenset({int, UInt, float})
_ORDERED = frozenset({bool, str, bytes, Timestamp, Duration})
_KEYS = frozenset({bool, int, UInt, str})


def kind(value: Value) -> str:
    """What a value is called in messages."""
    return KINDS[value.__class__].rpartition(".")[2].lower()


def integer(value: int) -> int:
    """An int of 64 bits.  Raises ``Faulty`` where it overflows."""
    if MIN_INT <= value <= MAX_INT:
        return value
    raise Faulty("the result does not fit into an int of 64 bits")


def unsigned(value: int) -> UInt:
    """A uint of 64 bits.  Raises ``Faulty`` where it overflows."""
    if 0 <= value <= MAX_UINT:
        return UInt(value)
    raise Faulty("the result does not fit into a uint of 64 bits")


def timestamp(nanoseconds: int) -> Timestamp:
    """An instant between the years 1 and 9999.  Raises ``Faulty``."""
    if _FIRST <= nanoseconds <= _LAST:
        return Timestamp(nanoseconds)
    raise Faulty("the result is not a time between the years 1 and 9999")


def duration(nanoseconds: int) -> Duration:
    """A length of at most ten thousand years.  Raises ``Faulty``."""
    if -_LONGEST <= nanoseconds <= _LONGEST:
        return Duration(nanoseconds)
    raise Faulty("the result is longer than ten thousand years")


def key_of(value: Value) -> Value:
    """A value as the key of a map: ``1``, ``1u`` and ``1.0`` are one key, ``true`` is another."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if value.__class__ not in _KEYS:
        raise Faulty(f"a {kind(value)} cannot be the key of a map")
    return (value,) if value.__class__ is bool else value


def key_value(key: Value) -> Value:
    """The value that ``key_of`` made a key of."""
    return key[0] if isinstance(key, tuple) else key


def equal(one: Value, other: Value, charge: Charge) -> bool:
    """Whether two values are the same; values of different types, unless both are numbers, are not.

    ``charge`` is told of every step, at most as many as the ``weight`` of either side.
    """
    charge(1)
    kinds = (one.__class__, other.__class__)
    if kinds[0] in _NUMBERS and kinds[1] in _NUMBERS:
        return one == other
    if kinds[0] is not kinds[1]:
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        return len(one) == len(other) and all(_same_entry(key, one, other, charge) for key in one)
    if kinds[0] in {str, bytes, tuple}:
        if len(one) != len(other):  # type: ignore[arg-type]
            return False
        if kinds[0] is tuple:
            return all(equal(first, second, charge) for first, second in zip(one, other, strict=True))  # type: ignore[call-overload]
        charge(characters(len(one)))  # type: ignore[arg-type]
    return one == other


def _same_entry(key: Value, one: dict[Value, Value], other: dict[Value, Value], charge: Charge) -> bool:
    if key not in other:
        return False
    charge(weight(key_value(key)))
    return equal(one[key], other[key], charge)


def compare(one: Value, other: Value) -> int | None:
    """Below zero, zero or above zero; ``None`` where one is not a number.  Raises ``Faulty`` for what has no order."""
    kinds = (one.__class__, other.__class__)
    ordered = kinds[0] is kinds[1] and kinds[0] in _ORDERED
    if not ordered and not (kinds[0] in _NUMBERS and kinds[1] in _NUMBERS):
        raise Faulty(f"a {kind(one)} and a {kind(other)} cannot be put in order")
    if one != one or other != other:  # noqa: PLR0124 - that is what NaN is
        return None
    return int(one > other) - int(one < other)  # type: ignore[operator]


def weight(value: Value) -> int:
    """How much there is to look at in a value: one for each part, and one for every ten characters."""
    if isinstance(value, (str, bytes)):
        return 1 + characters(len(value))
    if value.__class__ is tuple:
        return 1 + sum(map(weight, value))
    if isinstance(value, dict):
        return 1 + sum(weight(key_value(key)) + weight(one) for key, one in value.items())
    return 1


def characters(count: int) -> int:
    """The steps that a pass over so many characters takes."""
    return (count + 9) // 10
