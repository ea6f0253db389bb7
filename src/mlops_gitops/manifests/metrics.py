"""The numbers that a manifest promises: metrics, their limits, and the slices of the data that they hold for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlops_gitops.records import record


@record
class Threshold:
    """What passes: ``min`` ≤ value ≤ ``max``; an absent bound is ``None``."""

    min: float | None = None
    max: float | None = None

    @classmethod
    def from_value(cls, value: Mapping[str, Any] | None) -> Threshold | None:
        """From ``{min, max}``; ``None`` stays ``None``."""
        return None if value is None else cls(value.get("min"), value.get("max"))

    def allows(self, value: float) -> bool:
        """Whether ``value`` passes."""
        return (self.min is None or value >= self.min) and (self.max is None or value <= self.max)


@record
class Slice:
    """The same metric for each value of ``column`` that has at least ``min_rows`` rows."""

    column: str
    threshold: Threshold
    min_rows: int = 1

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Slice:
        """From one entry of a metric's ``slices``."""
        return cls(
            value["column"], Threshold.from_value(value["threshold"]) or Threshold(), int(value.get("minRows", 1))
        )


@record
class Metric:
    """A number that the model must reach on a data set."""

    name: str
    dataset: str
    threshold: Threshold
    primary: bool = False
    max_regression: float | None = None
    claimed: float | None = None
    slices: tuple[Slice, ...] = ()
    min_improvement: float | None = None
    max_cumulative_regression: float | None = None

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Metric:
        """From one entry of ``spec.metrics``."""
        return cls(
            value["name"],
            value["dataset"],
            Threshold.from_value(value["threshold"]) or Threshold(),
            value.get("primary", False),
            value.get("maxRegression"),
            value.get("claimed"),
            tuple(map(Slice.from_value, value.get("slices", ()))),
            value.get("minImprovement"),
            value.get("maxCumulativeRegression"),
        )

    @property
    def compared(self) -> bool:
        """Whether a champion has to be beaten, or not to be lost against."""
        return self.max_regression is not None or self.min_improvement is not None
