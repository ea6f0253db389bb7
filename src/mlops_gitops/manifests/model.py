"""The model manifest as a frozen record: what a team claims about a model and wants for it.

Built from a value that fits ``schemas/model.schema.json``; the field descriptions are there.  Defaults are applied
here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from mlops_gitops.manifests.quantities import quantity_bytes
from mlops_gitops.times import parse_duration

Scalar = str | int | float | bool

LATENCIES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
"""What a manifest calls a percentile of the latency → the share of the requests."""


@dataclass(frozen=True, slots=True)
class Person:
    """Someone who answers for a document."""

    name: str
    email: str
    role: str = "owner"
    github: str | None = None

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Person:
        """From one entry of ``metadata.owners``."""
        return cls(value["name"], value["email"], value.get("role", "owner"), value.get("github"))


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the model's signature; ``type`` is MLflow's name of it."""

    name: str
    type: str
    required: bool = True

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Column:
        """From one entry of ``spec.interface.inputs`` or ``outputs``."""
        return cls(value["name"], value["type"], value.get("required", True))


@dataclass(frozen=True, slots=True)
class Target:
    """The column with the truth, and the value of it that counts as positive."""

    column: str
    type: str
    positive: Scalar | None = None


@dataclass(frozen=True, slots=True)
class Interface:
    """The model's signature."""

    inputs: tuple[Column, ...]
    outputs: tuple[Column, ...]
    target: Target | None = None

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Interface:
        """From ``spec.interface``."""
        target = value.get("target")
        return cls(
            tuple(map(Column.from_value, value["inputs"])),
            tuple(map(Column.from_value, value["outputs"])),
            None if target is None else Target(target["column"], target["type"], target.get("positive")),
        )


@dataclass(frozen=True, slots=True)
class Training:
    """How the model is made: an argv list that no shell ever sees, run in the manifest's folder."""

    entrypoint: tuple[str, ...]
    environment: Mapping[str, str]
    timeout: timedelta | None = None
    network: bool = False
    image: str | None = None
    outputs: tuple[str, ...] = ()

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Training:
        """From ``spec.training``."""
        return cls(
            tuple(value["entrypoint"]),
            dict(value.get("environment", {})),
            _duration(value.get("timeout")),
            value.get("network", False),
            value.get("image"),
            tuple(value.get("outputs", ())),
        )


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set; ``digest`` is its SHA-256 in lower-case hexadecimal, ``uri`` a path beside the manifest or a URI."""

    name: str
    role: str
    uri: str
    digest: str | None = None
    media_type: str | None = None
    time_column: str | None = None
    entity_column: str | None = None

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Dataset:
        """From one entry of ``spec.data``."""
        return cls(
            value["name"],
            value["role"],
            value["uri"],
            _sha256(value.get("digest")),
            value.get("mediaType"),
            value.get("timeColumn"),
            value.get("entityColumn"),
        )


@dataclass(frozen=True, slots=True)
class Artifact:
    """What training produces; ``registered`` is the name in the MLflow registry, if any."""

    format: str
    path: str
    digest: str | None = None
    registered: str | None = None

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Artifact:
        """From ``spec.artifact``."""
        return cls(
            value["format"], value["path"], _sha256(value.get("digest")), value.get("registry", {}).get("mlflow")
        )


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Metric:
    """A number that the model must reach on a data set."""

    name: str
    dataset: str
    threshold: Threshold
    primary: bool = False
    max_regression: float | None = None
    claimed: float | None = None
    slices: tuple[Slice, ...] = ()

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
        )


@dataclass(frozen=True, slots=True)
class ColumnTest:
    """What is demanded of one column of the data."""

    name: str
    type: str | None = None
    required: bool = True
    range: Threshold | None = None
    max_null_rate: float | None = None
    domain: tuple[Scalar, ...] | None = None

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
        )


@dataclass(frozen=True, slots=True)
class Overlap:
    """The largest share of test rows that may be in the training data, told apart by ``key``."""

    key: tuple[str, ...]
    max: float


@dataclass(frozen=True, slots=True)
class DriftTests:
    """How far columns may move from a reference.

    ``of`` is the data set of the reference, ``datasets`` are those that are held against it, ``max`` is the largest
    effect that passes, from 0 to 1, and ``confidence`` that of the bounds.  A column of weight 0 is left out.
    """

    of: str
    datasets: tuple[str, ...]
    max: float = 0.1
    confidence: float = 0.95
    weights: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def from_value(cls, value: Mapping[str, Any] | None) -> DriftTests | None:
        """From ``spec.tests.data.drift``."""
        if value is None:
            return None
        return cls(
            value["of"],
            tuple(value["in"]),
            value.get("max", 0.1),
            value.get("confidence", 0.95),
            value.get("weights", {}),
        )


@dataclass(frozen=True, slots=True)
class DataTests:
    """What is demanded of the data."""

    columns: tuple[ColumnTest, ...] = ()
    rows: Threshold | None = None
    unique: tuple[tuple[str, ...], ...] = ()
    max_duplicate_rate: float | None = None
    overlap: Overlap | None = None
    drift: DriftTests | None = None

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
        )


@dataclass(frozen=True, slots=True)
class LeakageTests:
    """Limits for features that know the answer; ``known_at`` maps a feature to the column with the time it is known."""

    max_single_feature_power: float | None = None
    known_at: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class ModelTests:
    """Limits for the model's behaviour."""

    max_overfit_gap: float | None = None
    baseline: str | None = None


@dataclass(frozen=True, slots=True)
class InfraTests:
    """What is demanded of the serving image; times in seconds, ``image_size`` in bytes.

    ``latency`` maps a share of the requests, such as 0.95, to the longest that it may take.  ``rate`` is in requests a
    second, ``throughput`` in good answers a second.  ``rows`` are those of a request under load, ``most_rows`` those of
    the held-out data that are compared.
    """

    start_within: float = 60.0
    stop_within: float = 30.0
    latency: Mapping[float, float] = field(default_factory=dict)
    throughput: float | None = None
    rate: float | None = None
    concurrency: int = 4
    seconds: float = 10.0
    warm_up: float = 2.0
    rows: int = 1
    image_size: int | None = None
    relative: float = 1e-6
    absolute: float = 1e-9
    most_rows: int = 100_000

    @classmethod
    def from_value(cls, value: Mapping[str, Any] | None, objective: Mapping[str, Any]) -> InfraTests | None:
        """From ``spec.tests.infra``, which leaves to ``spec.serving.objective`` what it does not say itself."""
        if value is None:
            return None
        load, parity = value.get("load", {}), value.get("parity", {})
        limits = {"p95": objective.get("latencyP95"), **value.get("latency", {})}
        rate, size = load.get("rate"), value.get("imageSize")
        return cls(
            _seconds(value.get("startWithin", "PT60S")),
            _seconds(value.get("stopWithin", "PT30S")),
            {share: limits[name] for name, share in LATENCIES.items() if limits.get(name) is not None},
            value.get("throughput", objective.get("throughput")),
            rate,
            int(load.get("concurrency", 4 if rate is None else 64)),
            _seconds(load.get("duration", "PT10S")),
            _seconds(load.get("warmUp", "PT2S")),
            int(load.get("rows", 1)),
            None if size is None else quantity_bytes(size),
            parity.get("relative", 1e-6),
            parity.get("absolute", 1e-9),
            int(parity.get("rows", 100_000)),
        )


@dataclass(frozen=True, slots=True)
class Tests:
    """Everything that is tested beyond the metrics; an absent section demands nothing."""

    data: DataTests = DataTests()
    leakage: LeakageTests = LeakageTests()
    model: ModelTests = ModelTests()
    infra: InfraTests | None = None

    @classmethod
    def from_value(cls, value: Mapping[str, Any], objective: Mapping[str, Any]) -> Tests:
        """From ``spec.tests``, and ``spec.serving.objective``, which some of them hold a model to."""
        leakage, model = value.get("leakage", {}), value.get("model", {})
        return cls(
            DataTests.from_value(value.get("data", {})),
            LeakageTests(leakage.get("maxSingleFeaturePower"), leakage.get("knownAt")),
            ModelTests(model.get("maxOverfitGap"), model.get("baseline")),
            InfraTests.from_value(value.get("infra"), objective),
        )


@dataclass(frozen=True, slots=True)
class Reproducibility:
    """How closely a second training must agree with the first.

    ``level`` is the class that is promised.  ``relative`` and ``absolute`` are the tolerances of class numeric, where
    they are written.  ``churn`` is the largest share of changed decisions, ``margins`` the largest difference of each
    metric that does not matter, ``seeds`` how many trainings class statistical takes; the seed goes to the option
    ``seed_argument`` or the variable ``seed_variable``.  ``probe`` is the data set whose decisions are compared,
    ``predictions`` a file in which training itself leaves them.
    """

    level: str = "canonical"
    relative: float | None = None
    absolute: float | None = None
    churn: float | None = None
    margins: tuple[tuple[str, float], ...] = ()
    seeds: int = 5
    seed_argument: str | None = None
    seed_variable: str | None = None
    probe: str | None = None
    predictions: str | None = None

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Reproducibility:
        """From ``spec.reproducibility``."""
        stated = value.get("tolerance", {})
        tolerance = stated if isinstance(stated, Mapping) else {"relative": 0.0, "absolute": stated}
        seed = value.get("seed", {})
        return cls(
            value.get("class", "canonical"),
            tolerance.get("relative"),
            tolerance.get("absolute"),
            value.get("churn"),
            tuple((one["name"], one["margin"]) for one in value.get("metrics", ())),
            int(value.get("seeds", 5)),
            seed.get("argument"),
            seed.get("variable"),
            value.get("probe"),
            value.get("predictions"),
        )


@dataclass(frozen=True, slots=True)
class ServingImage:
    """What the serving image is made of: a base by digest and a lock with hashes, or a Dockerfile of one's own.

    ``lock`` is that of ``spec.dependencies`` where it is ``None``; ``code`` are files and folders beside the manifest.
    """

    base: str | None = None
    platform: str = "linux/amd64"
    python: str | None = None
    lock: str | None = None
    code: tuple[str, ...] = ()
    dockerfile: str | None = None

    @classmethod
    def from_value(cls, value: Mapping[str, Any] | None) -> ServingImage | None:
        """From ``spec.serving.image``; ``None`` stays ``None``."""
        if value is None:
            return None
        return cls(
            value.get("base"),
            value.get("platform", "linux/amd64"),
            value.get("python"),
            value.get("lock"),
            tuple(value.get("code", ())),
            value.get("dockerfile"),
        )


@dataclass(frozen=True, slots=True)
class Serving:
    """How the model is served.  ``latency_p95`` is in seconds, ``throughput`` in requests per second."""

    pattern: str = "rest"
    strategy: str = "rolling"
    steps: tuple[int, ...] = ()
    cpu: str | None = None
    memory: str | None = None
    gpu: int = 0
    latency_p95: float | None = None
    throughput: float | None = None
    image: ServingImage | None = None

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Serving:
        """From ``spec.serving``."""
        rollout, resources, objective = (value.get(key, {}) for key in ("rollout", "resources", "objective"))
        return cls(
            value.get("pattern", "rest"),
            rollout.get("strategy", "rolling"),
            tuple(rollout.get("steps", ())),
            resources.get("cpu"),
            resources.get("memory"),
            int(resources.get("gpu", 0)),
            objective.get("latencyP95"),
            objective.get("throughput"),
            ServingImage.from_value(value.get("image")),
        )


@dataclass(frozen=True, slots=True)
class Monitoring:
    """When a running model must be looked at again."""

    max_age: timedelta | None = None
    drift_metric: str | None = None
    drift_max: float | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """One manifest.  ``value`` is the whole document, for what has no field here (``lineage``, ``x-`` keys)."""

    name: str
    version: str
    description: str
    owners: tuple[Person, ...]
    license: str
    risk_tier: str
    tags: Mapping[str, str]
    repository: str | None
    training: Training
    lock: str
    data: tuple[Dataset, ...]
    artifact: Artifact
    interface: Interface
    task: str
    metrics: tuple[Metric, ...]
    tests: Tests
    reproducibility: Reproducibility
    serving: Serving
    monitoring: Monitoring
    keep: int
    value: Mapping[str, Any]

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Model:
        """From a document that fits the schema."""
        metadata, spec = value["metadata"], value["spec"]
        monitoring = spec.get("monitoring", {})
        drift = monitoring.get("drift", {})
        return cls(
            name=metadata["name"],
            version=metadata["version"],
            description=metadata["description"],
            owners=tuple(map(Person.from_value, metadata["owners"])),
            license=metadata["license"],
            risk_tier=metadata["riskTier"],
            tags=dict(metadata.get("tags", {})),
            repository=spec.get("source", {}).get("repository"),
            training=Training.from_value(spec["training"]),
            lock=spec["dependencies"]["lock"],
            data=tuple(map(Dataset.from_value, spec["data"])),
            artifact=Artifact.from_value(spec["artifact"]),
            interface=Interface.from_value(spec["interface"]),
            task=spec["task"],
            metrics=tuple(map(Metric.from_value, spec["metrics"])),
            tests=Tests.from_value(spec.get("tests", {}), spec.get("serving", {}).get("objective", {})),
            reproducibility=Reproducibility.from_value(spec.get("reproducibility", {})),
            serving=Serving.from_value(spec.get("serving", {})),
            monitoring=Monitoring(_duration(monitoring.get("maxAge")), drift.get("metric"), drift.get("max")),
            keep=int(spec.get("rollback", {}).get("keep", 1)),
            value=value,
        )

    @property
    def primary(self) -> Metric:
        """The metric that decides between champion and challenger: the one marked so, else the first."""
        return next((one for one in self.metrics if one.primary), self.metrics[0])

    def dataset(self, name: str) -> Dataset | None:
        """The data set of that name."""
        return next((one for one in self.data if one.name == name), None)

    def of_role(self, role: str) -> tuple[Dataset, ...]:
        """The data sets of a role, such as ``training``."""
        return tuple(one for one in self.data if one.role == role)


def _sha256(digest: Mapping[str, str] | None) -> str | None:
    return None if digest is None else digest["sha256"]


def _duration(text: str | None) -> timedelta | None:
    return None if text is None else parse_duration(text)


def _seconds(text: str) -> float:
    return parse_duration(text).total_seconds()
