"""What a manifest demands of its features (``spec.tests.features``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlops_gitops.records import record


@record
class Removed:
    """A feature that is gone, and why."""

    name: str
    reason: str


@record
class Coverage:
    """A file that a coverage tool wrote, the least share of lines that passes, and the files that count."""

    file: str
    min: float
    paths: tuple[str, ...] = ()


@record
class FeatureTests:
    """What is demanded of the features, on the data set ``of``.

    ``max_correlation`` and ``max_change`` bound how closely two of them go together and how much that may move;
    ``min_importance`` is what each has to bring, in the unit of the primary metric.
    """

    of: str | None = None
    max_correlation: float | None = None
    max_change: float | None = None
    min_importance: float | None = None
    removed: tuple[Removed, ...] = ()
    coverage: Coverage | None = None

    @classmethod
    def from_value(cls, value: Mapping[str, Any] | None) -> FeatureTests | None:
        """From ``spec.tests.features``."""
        if value is None:
            return None
        correlation, coverage = value.get("correlation", {}), value.get("coverage")
        return cls(
            value.get("of"),
            correlation.get("max"),
            correlation.get("maxChange"),
            value.get("minImportance"),
            tuple(Removed(one["name"], one["reason"]) for one in value.get("removed", ())),
            None if coverage is None else Coverage(coverage["file"], coverage["min"], tuple(coverage.get("paths", ()))),
        )
