"""A Pandera schema (``schema.to_yaml()`` or ``to_json()``) as column tests that our engine runs in one pass.

What the serialised form cannot say (checks that are Python) or our engine does not run is told, and never taken as
passed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from mlops_gitops.manifests.data_tests import ColumnTest, DataTests, Scalar
from mlops_gitops.manifests.documents import load
from mlops_gitops.manifests.metrics import Threshold
from mlops_gitops.records import record
from mlops_gitops.testing.data.imported.outcomes import LARGEST, MOST, Unknown, listed, mapping, text

TOOL = "Pandera"
_TYPES = (
    (r"u?int(8|16|32)", "integer"), (r"u?int64|int", "long"), (r"float(16|32)", "float"), (r"float64|float", "double"),
    (r"bool(ean)?", "boolean"), (r"str|object|category|string(\[.*\])?", "string"), (r"datetime64\[.*\]", "datetime"),
)  # fmt: skip
_SETTINGS = frozenset(
    {"dtype", "nullable", "unique", "coerce", "required", "regex", "title", "description", "checks", "metadata"}
)
_BOUNDS = frozenset(
    {"greater_than", "greater_than_or_equal_to", "less_than", "less_than_or_equal_to", "in_range", "isin", "equal_to"}
)
_ALIASES = {"ge": "greater_than_or_equal_to", "gt": "greater_than", "le": "less_than_or_equal_to", "lt": "less_than"}
_IGNORED = frozenset({"schema_type", "api", "version", "name", "title", "description", "metadata", "ordered", "coerce"})


@record
class Schema:
    """The tests, and what of the schema they leave out."""

    tests: DataTests
    left_out: tuple[str, ...]


def schema(name: str, data: bytes) -> Schema:
    """The tests of a serialised schema.  Raises ``Unknown``."""
    if len(data) > LARGEST:
        raise Unknown(f"it has more than the {LARGEST:,} bytes that are read")
    read = load(name, data)
    if read.findings:
        raise Unknown(f"it cannot be read: {read.findings[0].message}")
    whole = mapping(read.value, "the schema")
    if whole.get("schema_type") != "dataframe":
        raise Unknown("it is no schema of a data frame (`schema_type: dataframe`)")
    columns = mapping(whole.get("columns"), "`columns`")
    if not 1 <= len(columns) <= MOST:
        raise Unknown(f"it names {len(columns):,} columns, and from 1 to {MOST:,} are taken")
    left: list[str] = []
    tests = tuple(_column(text(column, "a column"), given, left) for column, given in columns.items())
    unique: list[tuple[str, ...]] = [
        (column,) for column, given in columns.items() if isinstance(given, Mapping) and given.get("unique") is True
    ]
    together = whole.get("unique")
    if together:
        names = listed(together, "`unique`") if isinstance(together, list) else [together]
        unique.append(tuple(text(one, "a column") for one in names))
    known = {"columns", "unique", *_IGNORED}
    left += [
        f"`{key}` of the frame" for key, value in whole.items() if key not in known and value not in (None, False, [])
    ]
    return Schema(DataTests(columns=tests, unique=tuple(unique)), tuple(left))


def _column(name: str, value: Any, left: list[str]) -> ColumnTest:
    given = mapping(value, f"column {name}")
    if given.get("regex") is True:
        left.append(f"the pattern {name}")
        return ColumnTest(name, required=False)
    checks = {key: one for key, one in given.items() if key not in _SETTINGS}
    checks |= _listed(given.get("checks"))
    low, high = -math.inf, math.inf
    domain: tuple[Scalar, ...] | None = None
    whole = _type(given.get("dtype")) in {"integer", "long"}
    if given.get("dtype") is not None and _type(given["dtype"]) is None:
        left.append(f"the type {given['dtype']} of {name}")
    for key, raw in checks.items():
        check = _ALIASES.get(key, key)
        if check == "isin":
            domain = _values(raw.get("allowed_values") if isinstance(raw, Mapping) else raw)
        elif check == "equal_to" and not isinstance(raw, Mapping | list):
            domain = (raw,)
        elif check in _BOUNDS:
            least, most = _bounds(check, raw, whole=whole)
            low, high = max(low, least), min(high, most)
        else:
            left.append(f"`{key}` of {name}")
    return ColumnTest(
        name,
        None if given.get("coerce") is True else _type(given.get("dtype")),
        given.get("required") is not False,
        None if (low, high) == (-math.inf, math.inf) else Threshold(_finite(low), _finite(high)),
        None if given.get("nullable") is True else 0.0,
        domain,
    )


def _listed(value: Any) -> dict[str, Any]:
    """Checks of older releases: a mapping, or a list of names with their options."""
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return dict(value)
    found: dict[str, Any] = {}
    for one in listed(value, "`checks`"):
        entry = mapping(one, "a check")
        options = mapping(entry.get("options", {}), "`options`")
        named = text(options.get("check_name"), "`check_name`")
        rest = {key: item for key, item in entry.items() if key != "options"}
        found[named] = next(iter(rest.values())) if len(rest) == 1 else rest
    return found


def _bounds(check: str, raw: Any, *, whole: bool) -> tuple[float, float]:
    """The closed range that a check allows."""
    if check == "in_range":
        given = mapping(raw, "`in_range`")
        least, most = _number(given.get("min_value")), _number(given.get("max_value"))
        least = least if given.get("include_min") is not False else _next(least, whole=whole, up=True)
        return least, most if given.get("include_max") is not False else _next(most, whole=whole, up=False)
    value = _number(next(iter(raw.values()), None) if isinstance(raw, Mapping) else raw)
    match check:
        case "greater_than_or_equal_to":
            return value, math.inf
        case "greater_than":
            return _next(value, whole=whole, up=True), math.inf
        case "less_than_or_equal_to":
            return -math.inf, value
        case "less_than":
            return -math.inf, _next(value, whole=whole, up=False)
        case _:
            return value, value


def _next(value: float, *, whole: bool, up: bool) -> float:
    """The nearest number beyond, which an open bound allows."""
    if whole and math.isfinite(value):
        return math.floor(value) + 1 if up else math.ceil(value) - 1
    return math.nextafter(value, math.inf if up else -math.inf)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:  # noqa: PLR0124 - NaN
        raise Unknown("a bound is no number")
    try:
        float(value)
    except OverflowError as error:
        raise Unknown("a bound is a number beyond all bounds") from error
    return value


def _values(value: Any) -> tuple[Scalar, ...]:
    found = listed(value, "`isin`")
    if not found or not all(isinstance(one, str | int | float | bool) for one in found):
        raise Unknown("`isin` holds something that is no text, number or truth")
    return tuple(found)


def _type(dtype: Any) -> str | None:
    if dtype is None:
        return None
    named = text(dtype, "`dtype`").lower()
    return next((kind for pattern, kind in _TYPES if re.fullmatch(pattern, named)), None)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
