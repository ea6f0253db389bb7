"""What CEL makes of a value that is to become one of another type."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import rfc8785

from mlops_gitops.expressions import costs, times
from mlops_gitops.expressions.costs import Meter
from mlops_gitops.expressions.faults import Faulty
from mlops_gitops.expressions.operators import no_overload
from mlops_gitops.expressions.values import (
    MAX_INT,
    MIN_INT,
    SECOND,
    Duration,
    Timestamp,
    Value,
    integer,
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


def _of_number(name: str, value: float) -> int:
    if not math.isfinite(value):
        raise Faulty(f"{name} does not take {value}")
    return int(value)


def to_int(arguments: Sequence[Value], meter: Meter) -> Value:
    """``int(x)`` of a number, text, or a timestamp, whose seconds it is; fractions are cut."""
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


def to_uint(arguments: Sequence[Value], meter: Meter) -> Value:
    """``uint(x)`` of a number that is not negative, or of text."""
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


def to_double(arguments: Sequence[Value], meter: Meter) -> Value:
    """``double(x)`` of a number or text."""
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


def to_string(arguments: Sequence[Value], meter: Meter) -> Value:
    """``string(x)`` of anything but lists, maps, types and null."""
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


def to_bytes(arguments: Sequence[Value], meter: Meter) -> Value:
    """``bytes(x)`` of text, in UTF-8."""
    match arguments:
        case [bytes() as data]:
            return data
        case [str() as text]:
            meter.charge(costs.passed(4 * len(text)))
            return text.encode()
    raise no_overload("bytes", *arguments)


def to_bool(arguments: Sequence[Value], meter: Meter) -> Value:
    """``bool(x)`` of text such as ``true``."""
    del meter
    match arguments:
        case [bool() as value]:
            return value
        case [str() as text] if text in _BOOLS:
            return _BOOLS[text]
    raise no_overload("bool", *arguments)


def to_timestamp(arguments: Sequence[Value], meter: Meter) -> Value:
    """``timestamp(x)`` of RFC 3339 text, or of seconds since 1970."""
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


def to_duration(arguments: Sequence[Value], meter: Meter) -> Value:
    """``duration(x)`` of text such as ``1h30m``."""
    match arguments:
        case [Duration() as length]:
            return length
        case [str() as text]:
            meter.charge(costs.passed(len(text)))
            return times.parse_duration(text)
    raise no_overload("duration", *arguments)
