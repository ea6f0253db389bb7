"""What a manifest demands of its data: columns, rows, keys, drift and leakage (``spec.tests.data``, ``leakage``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from mlops_gitops.manifests.metrics import Threshold
from mlops_gitops.manifests.row_tests import ForeignKey, Freshness, LabelTests, PersonalData, RowRule, Split
from mlops_gitops.records import record

Scalar = str | int | float | bool


@record
class ColumnTest:
    """What is demanded of one column of the data.

    ``max_violation_rate`` is the largest share of values that may lie outside ``range``, or outside ``domain``.
    """

    name: str
    type: str | None = None
    required: bool = True
    range: Threshold | None = None
    max_null_rate: float | None = None
    domain: tuple[Scalar, ...] | None = None
    max_violation_rate: float = 0.0

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> ColumnTest:
        """From one entry of ``spec.tests.data.columns``."""
        domain = value.get("domain")
        return cls(
            value["name"],
            value.get("type"),
            value.get("required", True),
            Threshold.from_value(value.get("range")),
            value.get("maxNullRate"),
            None if domain is None else tuple(domain),
            value.get("maxViolationRate", 0.0),
        )


@record
class Overlap:
    """The largest share of test rows that may be in the training data, told apart by ``key``."""

    key: tuple[str, ...]
    max: float


@record
class DriftTests:
    """How far columns may move from a reference.

    ``of`` is the data set of the reference, ``datasets`` are those that are held against it, ``max`` is the largest
    effect that passes, from 0 to 1, and ``confidence`` that of the bounds.  A column of weight 0 is left out.
    ``looks`` is how often the same reference will be looked at before it is written again, ``None`` where nobody knows
    and each look is counted: all looks together are wrong no more often than ``confidence`` allows.  ``volume`` bounds
    the rows as a multiple of the reference's.  ``by_importance``: columns weigh what the model makes of them, as
    ``importance.json`` says.  ``other`` is the weight of columns that ``weights`` does not name.
    """

    of: str
    datasets: tuple[str, ...]
    max: float = 0.1
    confidence: float = 0.95
    weights: Mapping[str, float] = field(default_factory=dict)
    looks: int | None = 1
    volume: Threshold | None = None
    by_importance: bool = False
    other: float = 1.0

    def weight(self, column: str) -> float:
        """How much of its family's error a column gets, beside the others; 0 leaves it out."""
        return self.weights.get(column, self.other)

    @classmethod
    def from_value(cls, value: Mapping[str, Any] | None) -> DriftTests | None:
        """From ``spec.tests.data.drift`` or ``skew``."""
        if value is None:
            return None
        weights, looks = value.get("weights", {}), value.get("looks", 1)
        return cls(
            value["of"],
            tuple(value["in"]),
            value.get("max", 0.1),
            value.get("confidence", 0.95),
            {} if weights == "importance" else weights,
            None if looks == "counted" else looks,
            Threshold.from_value(value.get("volume")),
            weights == "importance",
        )


@record
class Imported:
    """A file of another tool: its ``format``, its path beside the manifest, and the data set that it is about."""

    format: str
    file: str
    dataset: str


@record
class DataTests:
    """What is demanded of the data."""

    columns: tuple[ColumnTest, ...] = ()
    rows: Threshold | None = None
    unique: tuple[tuple[str, ...], ...] = ()
    max_duplicate_rate: float | None = None
    overlap: Overlap | None = None
    drift: DriftTests | None = None
    imported: tuple[Imported, ...] = ()
    skew: DriftTests | None = None
    rules: tuple[RowRule, ...] = ()
    references: tuple[ForeignKey, ...] = ()
    freshness: Freshness | None = None
    split: Split | None = None
    pii: PersonalData | None = None
    labels: LabelTests | None = None

    @property
    def named(self) -> set[str]:
        """The data sets that some test names, whatever their role."""
        found = {name for one in (self.drift, self.skew) if one is not None for name in one.datasets}
        found |= {name for rule in self.rules for name in rule.datasets}
        found |= {key.dataset for key in self.references} | {one.dataset for one in self.imported}
        return found | set(self.freshness.datasets if self.freshness else ())

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> DataTests:
        """From ``spec.tests.data``."""
        overlap = value.get("overlap")
        return cls(
            tuple(map(ColumnTest.from_value, value.get("columns", ()))),
            Threshold.from_value(value.get("rows")),
            tuple(map(tuple, value.get("unique", ()))),
            value.get("maxDuplicateRate"),
            None if overlap is None else Overlap(tuple(overlap["key"]), overlap["max"]),
            DriftTests.from_value(value.get("drift")),
            tuple(Imported(one["format"], one["file"], one["dataset"]) for one in value.get("imported", ())),
            DriftTests.from_value(value.get("skew")),
            tuple(map(RowRule.from_value, value.get("rules", ()))),
            tuple(map(ForeignKey.from_value, value.get("references", ()))),
            Freshness.from_value(value.get("freshness")),
            Split.from_value(value.get("split")),
            PersonalData.from_value(value.get("pii")),
            LabelTests.from_value(value.get("labels")),
        )


@record
class LeakageTests:
    """Limits for features that know the answer; ``known_at`` maps a feature to the column with the time it is known."""

    max_single_feature_power: float | None = None
    known_at: Mapping[str, str] | None = None
