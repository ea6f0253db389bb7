"""The functions and operators of CEL, each with its price charged before it is done."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import rfc8785

from mlops_gitops.expressions import costs, patterns, times
from mlops_gitops.expressions.costs import Meter
from mlops_gitops.expressions.faults import Faulty
from mlops_gitops.expressions.values import (
    KINDS,
    MAX_INT,
    MIN_INT,
    SECOND,
    Duration,
    Timestamp,
    Type,
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

_INT = re.compile(r"[-+]?[0-9]{1,20}", re.ASCII)
_UINT = re.compile(r"\+?[0-9]{1,20}", re.ASCII)
_DOUBLE = re.compile(
    r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?(?:inf|infinity)|nan", re.ASCII | re.IGNORECASE
)
_BOOLS = {"true": True, "True": True, "TRUE": True, "t": True, "1": True} | {
    "false": False,
    "False": False,
    "FALSE": False,
    "f": False,
    "0": False,
}
_LONGEST_NUMBER = 400

Function = Callable[[Sequence[Value], Meter], Value]


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


def _size(arguments: Sequence[Value], meter: Meter) -> Value:
    del meter
    (value,) = arguments
    if value.__class__ in {str, bytes, tuple, dict}:
        return len(value)
    raise no_overload("size", value)


def _texts(name: str, arguments: Sequence[Value]) -> tuple[str, str]:
    one, other = arguments
    if isinstance(one, str) and isinstance(other, str):
        return one, other
    raise no_overload(name, one, other)


def _contains(arguments: Sequence[Value], meter: Meter) -> Value:
    text, part = _texts("contains", arguments)
    meter.charge(costs.containing(len(text), len(part)))
    return part in text


def _starts_with(arguments: Sequence[Value], meter: Meter) -> Value:
    text, part = _texts("startsWith", arguments)
    meter.charge(costs.passed(len(part)))
    return text.startswith(part)


def _ends_with(arguments: Sequence[Value], meter: Meter) -> Value:
    text, part = _texts("endsWith", arguments)
    meter.charge(costs.passed(len(part)))
    return text.endswith(part)


def _matches(arguments: Sequence[Value], meter: Meter) -> Value:
    text, pattern = _texts("matches", arguments)
    meter.charge(costs.passed(len(pattern)))
    program = patterns.compiled(pattern)
    meter.charge(costs.searched(len(text), 0, len(program.states)))
    return program.found_in(text)


def _of_number(name: str, value: float) -> int:
    if not math.isfinite(value):
        raise Faulty(f"{name} does not take {value}")
    return int(value)


def _to_int(arguments: Sequence[Value], meter: Meter) -> Value:
    match arguments:
        case [bool()]:
            raise no_overload("int", *arguments)
        case [int() as whole]:
            return integer(int(whole))
        case [float() as number]:
            found = _of_number("int", number)
            if not MIN_INT < number < MAX_INT:
                raise Faulty("the result does not fit into an int of 64 bits")
            return found
        case [str() as text]:
            meter.charge(costs.passed(len(text)))
            if _INT.fullmatch(text):
                return integer(int(text))
            raise Faulty(f"{text[:24]!r} is not a whole number")
        case [Timestamp() as moment]:
            return moment.nanoseconds // SECOND
    raise no_overload("int", *arguments)


def _to_uint(arguments: Sequence[Value], meter: Meter) -> Value:
    match arguments:
        case [bool()]:
            raise no_overload("uint", *arguments)
        case [int() as whole]:
            return unsigned(int(whole))
        case [float() as number]:
            if number < 0:
                raise Faulty("the result does not fit into a uint of 64 bits")
            return unsigned(_of_number("uint", number))
        case [str() as text]:
            meter.charge(costs.passed(len(text)))
            if _UINT.fullmatch(text):
                return unsigned(int(text))
            raise Faulty(f"{text[:24]!r} is not a whole number without a sign")
    raise no_overload("uint", *arguments)


def _to_double(arguments: Sequence[Value], meter: Meter) -> Value:
    match arguments:
        case [bool()]:
            raise no_overload("double", *arguments)
        case [int() | float() as number]:
            return float(number)
        case [str() as text]:
            meter.charge(costs.passed(len(text)))
            if len(text) <= _LONGEST_NUMBER and _DOUBLE.fullmatch(text):
                return float(text)
            raise Faulty(f"{text[:24]!r} is not a number")
    raise no_overload("double", *arguments)


def _to_string(arguments: Sequence[Value], meter: Meter) -> Value:
    match arguments:
        case [str() as text]:
            return text
        case [bytes() as data]:
            meter.charge(costs.passed(len(data)))
            try:
                return data.decode()
            except UnicodeDecodeError as error:
                raise Faulty("the bytes are not UTF-8") from error
        case [bool() as value]:
            return "true" if value else "false"
        case [int() as whole]:
            return str(int(whole))
        case [float() as number]:
            return _number(number)
        case [Timestamp() as moment]:
            return times.format_timestamp(moment)
        case [Duration() as length]:
            return times.format_duration(length)
    raise no_overload("string", *arguments)


def _number(value: float) -> str:
    """A double as RFC 8785 writes it, which is the same everywhere."""
    if math.isfinite(value):
        return rfc8785.dumps(value).decode()
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def _to_bytes(arguments: Sequence[Value], meter: Meter) -> Value:
    match arguments:
        case [bytes() as data]:
            return data
        case [str() as text]:
            meter.charge(costs.passed(4 * len(text)))
            return text.encode()
    raise no_overload("bytes", *arguments)


def _to_bool(arguments: Sequence[Value], meter: Meter) -> Value:
    del meter
    match arguments:
        case [bool() as value]:
            return value
        case [str() as text] if text in _BOOLS:
            return _BOOLS[text]
    raise no_overload("bool", *arguments)


def _to_timestamp(arguments: Sequence[Value], meter: Meter) -> Value:
    match arguments:
        case [Timestamp() as moment]:
            return moment
        case [bool()]:
            raise no_overload("timestamp", *arguments)
        case [int() as seconds] if arguments[0].__class__ is int:
            return timestamp(seconds * SECOND)
        case [str() as text]:
            meter.charge(costs.passed(len(text)))
            return times.parse_timestamp(text)
    raise no_overload("timestamp", *arguments)


def _to_duration(arguments: Sequence[Value], meter: Meter) -> Value:
    match arguments:
        case [Duration() as length]:
            return length
        case [str() as text]:
            meter.charge(costs.passed(len(text)))
            return times.parse_duration(text)
    raise no_overload("duration", *arguments)


def _type(arguments: Sequence[Value], meter: Meter) -> Value:
    del meter
    return Type(KINDS[arguments[0].__class__])


def _same(arguments: Sequence[Value], meter: Meter) -> Value:
    del meter
    return arguments[0]


def _getter(name: str) -> Function:
    def get(arguments: Sequence[Value], meter: Meter) -> Value:
        match arguments:
            case [Timestamp() as moment]:
                return times.part(name, moment)
            case [Timestamp() as moment, str() as zone]:
                meter.charge(costs.passed(len(zone)))
                return times.part(name, moment, zone)
            case [Duration() as length]:
                return times.part(name, length)
        raise no_overload(name, *arguments)

    return get


FUNCTIONS: dict[str, tuple[Function, frozenset[int], str]] = {
    "size": (_size, frozenset({1}), "both"),
    "contains": (_contains, frozenset({2}), "method"),
    "startsWith": (_starts_with, frozenset({2}), "method"),
    "endsWith": (_ends_with, frozenset({2}), "method"),
    "matches": (_matches, frozenset({2}), "both"),
    "int": (_to_int, frozenset({1}), "function"),
    "uint": (_to_uint, frozenset({1}), "function"),
    "double": (_to_double, frozenset({1}), "function"),
    "string": (_to_string, frozenset({1}), "function"),
    "bytes": (_to_bytes, frozenset({1}), "function"),
    "bool": (_to_bool, frozenset({1}), "function"),
    "timestamp": (_to_timestamp, frozenset({1}), "function"),
    "duration": (_to_duration, frozenset({1}), "function"),
    "type": (_type, frozenset({1}), "function"),
    "dyn": (_same, frozenset({1}), "function"),
    **{name: (_getter(name), frozenset({1, 2}), "method") for name in sorted(times.GETTERS)},
}
"""Name → what does it, how many arguments it takes, and whether it is written before or after the first of them."""

TYPES = {
    "int": Type("int"),
    "uint": Type("uint"),
    "double": Type("double"),
    "bool": Type("bool"),
    "string": Type("string"),
    "bytes": Type("bytes"),
    "list": Type("list"),
    "map": Type("map"),
    "null_type": Type("null_type"),
    "type": Type("type"),
}
"""The types that can be named."""


def function(name: str, count: int, *, method: bool) -> Function:
    """The function of a call.  Raises ``Faulty`` where there is none."""
    found = FUNCTIONS.get(name)
    if found is None:
        raise Faulty(f"there is no function {name!r}")
    made, counts, form = found
    if count not in counts or form == ("function" if method else "method"):
        written = f"x.{name}(…)" if form == "method" else f"{name}(…)"
        raise Faulty(
            f"{name} is called as {written} with {min(counts)} argument{'s'[: min(counts) - 1]}, the x included"
        )
    return made
