"""What a manifest demands of the rows of its data: rules across columns, keys across tables, times, splits, labels."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from mlops_gitops.records import record
from mlops_gitops.times import parse_duration


@record
class RowRule:
    """An expression in SQL that must hold in every row but a share of ``max_violation_rate``.

    ``nulls_fail`` says whether a row for which the expression is null breaks the rule.  ``datasets`` are those that it
    is for; empty: all that are tested.
    """

    name: str
    expression: str
    max_violation_rate: float = 0.0
    nulls_fail: bool = False
    datasets: tuple[str, ...] = ()

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> RowRule:
        """From one entry of ``spec.tests.data.rules``."""
        return cls(
            value["name"],
            value["expression"],
            value.get("maxViolationRate", 0.0),
            value.get("nulls") == "fail",
            tuple(value.get("in", ())),
        )


@record
class ForeignKey:
    """The values of ``columns`` must be among those of ``key`` in the data set ``dataset``."""

    columns: tuple[str, ...]
    dataset: str
    key: tuple[str, ...]
    max_violation_rate: float = 0.0

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> ForeignKey:
        """From one entry of ``spec.tests.data.references``."""
        columns = tuple(value["columns"])
        key = tuple(value.get("key", columns))
        return cls(columns, value["dataset"], key, value.get("maxViolationRate", 0.0))


@record
class Freshness:
    """How old the newest row may be, and how many days between the first and the last may have no row at all."""

    max_age: timedelta | None = None
    max_empty_days: int | None = None
    datasets: tuple[str, ...] = ()

    @classmethod
    def from_value(cls, value: Mapping[str, Any] | None) -> Freshness | None:
        """From ``spec.tests.data.freshness``."""
        if value is None:
            return None
        age = value.get("maxAge")
        return cls(None if age is None else parse_duration(age), value.get("maxEmptyDays"), tuple(value.get("in", ())))


@record
class Split:
    """What keeps training and test data apart.

    The largest shares of test rows that stand in the training data too, whole or by their entity, and whether training
    must end before the test begins.
    """

    max_same_rows: float | None = None
    max_same_entities: float | None = None
    in_time_order: bool = False

    @classmethod
    def from_value(cls, value: Mapping[str, Any] | None) -> Split | None:
        """From ``spec.tests.data.split``."""
        if value is None:
            return None
        return cls(value.get("maxSameRows"), value.get("maxSameEntities"), value.get("inTimeOrder", False))


@record
class PersonalData:
    """Which columns may hold personal data, and which kinds of it never."""

    allowed: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()

    @classmethod
    def from_value(cls, value: Mapping[str, Any] | None) -> PersonalData | None:
        """From ``spec.tests.data.pii``."""
        if value is None:
            return None
        return cls(tuple(value.get("allowed", ())), tuple(value.get("denied", ())))


@record
class LabelTests:
    """What is demanded of the labels; a limit that is absent demands nothing."""

    max_missing_rate: float | None = None
    min_class_share: float | None = None
    max_contradiction_rate: float | None = None
    max_implausible_rate: float | None = None
    domain: tuple[str | float | bool, ...] | None = None

    @classmethod
    def from_value(cls, value: Mapping[str, Any] | None) -> LabelTests | None:
        """From ``spec.tests.data.labels``."""
        if value is None:
            return None
        domain = value.get("domain")
        return cls(
            value.get("maxMissingRate"),
            value.get("minClassShare"),
            value.get("maxContradictionRate"),
            value.get("maxImplausibleRate"),
            None if domain is None else tuple(domain),
        )
