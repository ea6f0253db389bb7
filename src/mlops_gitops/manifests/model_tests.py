"""What a manifest demands of the model's behaviour beyond its metrics (``spec.tests.model``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from mlops_gitops.manifests.metrics import Threshold
from mlops_gitops.records import record

Definition = Literal["demographic-parity", "equalized-odds", "equal-opportunity", "predictive-parity"]
Change = Literal["invariance", "direction", "noise", "missing", "unseen"]
Scalar = str | int | float | bool


@record
class Search:
    """The search for weak segments: of which ``columns`` (none: the inputs), of how many rows at least.

    ``max_loss`` is the loss against the rest that is no finding, ``false_discovery`` the share of findings that may be
    chance.
    """

    columns: tuple[str, ...] = ()
    pairs: bool = True
    min_rows: int = 200
    max_loss: float = 0.0
    false_discovery: float = 0.05

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Search:
        """From ``slices.find``."""
        return cls(
            tuple(value.get("columns", ())),
            value.get("pairs", True),
            int(value.get("minRows", 200)),
            value.get("maxLoss", 0.0),
            value.get("falseDiscovery", 0.05),
        )


@record
class Calibration:
    """Limits for probabilities; an absent one is not looked at."""

    max_error: float | None = None
    max_classwise_error: float | None = None
    slope: Threshold | None = None
    intercept: Threshold | None = None

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Calibration:
        """From ``calibration``."""
        return cls(
            value.get("maxError"),
            value.get("maxClasswiseError"),
            Threshold.from_value(value.get("slope")),
            Threshold.from_value(value.get("intercept")),
        )


@record
class Fairness:
    """One demand on groups, which are made of the values of ``columns`` together.

    ``classes`` are those that matter of several; none means all of them.
    """

    columns: tuple[str, ...]
    definition: Definition
    max_difference: float | None = None
    min_ratio: float | None = None
    min_rate: float | None = None
    min_rows: int = 50
    classes: tuple[str, ...] = ()

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Fairness:
        """From one entry of ``fairness``."""
        return cls(
            tuple(value["columns"]),
            value["definition"],
            value.get("maxDifference"),
            value.get("minRatio"),
            value.get("minRate"),
            int(value.get("minRows", 50)),
            tuple(value.get("classes", ())),
        )


@record
class Metamorphic:
    """One change of the inputs, and what it may do to the answers."""

    name: str
    kind: Change
    columns: tuple[str, ...]
    values: tuple[tuple[str, Scalar], ...] = ()
    value: Scalar | None = None
    by: float | None = None
    expect: str | None = None
    scale: float | None = None
    max_change: float | None = None
    max_flips: float | None = None

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Metamorphic:
        """From one entry of ``metamorphic``."""
        return cls(
            value["name"],
            value["kind"],
            tuple(value["columns"]),
            tuple(value.get("values", {}).items()),
            value.get("value"),
            value.get("by"),
            value.get("expect"),
            value.get("scale"),
            value.get("maxChange"),
            value.get("maxFlips"),
        )


@record
class Simpler:
    """The simpler models that must be beaten, and by how much."""

    models: tuple[str, ...]
    min_gain: float = 0.0
    depth: int = 3


@record
class Staleness:
    """The data on which past releases are asked again, how many of them, and how much they may have lost."""

    dataset: str
    releases: int = 5
    max_loss: float | None = None


@record
class Business:
    """The number that the primary metric should move with over past promotions."""

    metric: str
    higher_is_better: bool = True
    min_correlation: float = 0.0


@record
class ModelTests:
    """Limits for the model's behaviour; what is absent is not tested."""

    max_overfit_gap: float | None = None
    baseline: str | None = None
    search: Search | None = None
    calibration: Calibration | None = None
    fairness: tuple[Fairness, ...] = ()
    metamorphic: tuple[Metamorphic, ...] = ()
    simpler: Simpler | None = None
    numeric: float | None = None
    staleness: Staleness | None = None
    business: Business | None = None
    explain_row: int | None = None
    """From 1, as people count."""

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> ModelTests:
        """From ``spec.tests.model``."""
        find, calibration = value.get("slices", {}).get("find"), value.get("calibration")
        simpler, stale, business = value.get("simpler"), value.get("staleness"), value.get("business")
        return cls(
            value.get("maxOverfitGap"),
            value.get("baseline"),
            None if find is None else Search.from_value(find),
            None if calibration is None else Calibration.from_value(calibration),
            tuple(map(Fairness.from_value, value.get("fairness", ()))),
            tuple(map(Metamorphic.from_value, value.get("metamorphic", ()))),
            simpler and Simpler(tuple(simpler["models"]), simpler.get("minGain", 0.0), int(simpler.get("depth", 3))),
            value.get("numeric", {}).get("maxChange"),
            stale and Staleness(stale["dataset"], int(stale.get("releases", 5)), stale.get("maxLoss")),
            business
            and Business(business["metric"], business.get("higherIsBetter", True), business.get("minCorrelation", 0.0)),
            explain_row=value.get("explainRow"),
        )
