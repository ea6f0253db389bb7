"""The operators of CEL, each with its price charged before it is done."""

from __future__ import annotations

import math
from typing import Any

from mlops_gitops.expressions import costs
from mlops_gitops.expressions.costs import Meter
from mlops_gitops.expressions.faults import Faulty
from mlops_gitops.expressions.values import (
    Duration,
    Timestamp,
    UInt,
    Value,
    compare,
    duration,
    equal,
    integer,
    key_of,
    kind,
    timestamp,
    unsigned,
)


def no_overload(name: str, *arguments: Value) -> Faulty:
    """There is such a function, but not for these types."""
    return Faulty(f"{name} does not take {' and '.join(map(kind, arguments)) or 'nothing'}")


def negated(value: Value) -> Value:
    """``-value``."""
    if value.__class__ is int:
        return integer(-value)
    if isinstance(value, float):
        return -value
    raise no_overload("-", value)


def binary(operator: str, one: Value, other: Value, meter: Meter) -> Value:
    """``one operator other``.  Raises ``Faulty``."""
    if operator in {"==", "!="}:
        return equal(one, other, meter.charge) is (operator == "==")
    if operator == "in":
        return _contained(one, other, meter)
    if operator in {"<", "<=", ">", ">="}:
        if isinstance(one, (str, bytes)) and isinstance(other, (str, bytes)):
            meter.charge(costs.passed(min(len(one), len(other))))
        order = compare(one, other)
        return order is not None and {"<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}[operator]
    return _arithmetic(operator, one, other, meter)


def _contained(one: Value, other: Value, meter: Meter) -> bool:
    if isinstance(other, dict):
        return one.__class__ in {bool, int, UInt, float, str} and key_of(one) in other
    if isinstance(other, tuple) and other.__class__ is tuple:
        return any(equal(one, member, meter.charge) for member in other)
    raise no_overload("in", one, other)


def _arithmetic(operator: str, one: Any, other: Any, meter: Meter) -> Value:
    kinds = (one.__class__, other.__class__)
    if kinds == (int, int):
        return integer(_whole(operator, one, other))
    if kinds == (UInt, UInt):
        return unsigned(_whole(operator, one, other))
    if kinds == (float, float):
        return _floating(operator, one, other)
    if operator == "+" and kinds[0] is kinds[1] and kinds[0] in {str, bytes, tuple}:
        meter.charge(costs.joined(len(one) + len(other), text=kinds[0] is not tuple))
        joined: Value = one + other
        return joined
    if operator in {"+", "-"}:
        return _times(operator, one, other)
    raise no_overload(operator, one, other)


def _whole(operator: str, one: int, other: int) -> int:
    one, other = int(one), int(other)
    match operator:
        case "+":
            return one + other
        case "-":
            return one - other
        case "*":
            return one * other
    if other == 0:
        raise Faulty("a division by zero")
    quotient = abs(one) // abs(other) * (1 if (one < 0) == (other < 0) else -1)
    return quotient if operator == "/" else one - other * quotient


def _floating(operator: str, one: float, other: float) -> float:
    match operator:
        case "+":
            return one + other
        case "-":
            return one - other
        case "*":
            return one * other
        case "/" if other != 0:
            return one / other
        case "/":
            return math.nan if one == 0 or math.isnan(one) else math.copysign(math.inf, one) * math.copysign(1, other)
    raise Faulty("% does not take double and double")


def _times(operator: str, one: Value, other: Value) -> Value:
    sign = 1 if operator == "+" else -1
    match one, other:
        case Timestamp(), Duration():
            return timestamp(one.nanoseconds + sign * other.nanoseconds)
        case Duration(), Timestamp() if operator == "+":
            return timestamp(one.nanoseconds + other.nanoseconds)
        case Duration(), Duration():
            return duration(one.nanoseconds + sign * other.nanoseconds)
        case Timestamp(), Timestamp() if operator == "-":
            return duration(one.nanoseconds - other.nanoseconds)
    raise no_overload(operator, one, other)
