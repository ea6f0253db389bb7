"""The functions of CEL by name, each with its price charged before it is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mlops_gitops.expressions import conversions, costs, patterns, times
from mlops_gitops.expressions.costs import Meter
from mlops_gitops.expressions.faults import Faulty
from mlops_gitops.expressions.operators import no_overload
from mlops_gitops.expressions.values import KINDS, Duration, Timestamp, Type, Value

Function = Callable[[Sequence[Value], Meter], Value]


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
    meter.charge(costs.searched(len(text), 0, program.size))
    return program.found_in(text)


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
    "int": (conversions.to_int, frozenset({1}), "function"),
    "uint": (conversions.to_uint, frozenset({1}), "function"),
    "double": (conversions.to_double, frozenset({1}), "function"),
    "string": (conversions.to_string, frozenset({1}), "function"),
    "bytes": (conversions.to_bytes, frozenset({1}), "function"),
    "bool": (conversions.to_bool, frozenset({1}), "function"),
    "timestamp": (conversions.to_timestamp, frozenset({1}), "function"),
    "duration": (conversions.to_duration, frozenset({1}), "function"),
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
