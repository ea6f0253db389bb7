"""The model manifest as a frozen record: what a team claims about a model and wants for it.

Built from a value that fits ``schemas/model.schema.json``; the field descriptions are there.  Defaults are applied
here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from mlops_gitops.manifests.data_tests import DataTests, LeakageTests, Scalar
from mlops_gitops.manifests.feature_tests import FeatureTests
from mlops_gitops.manifests.infra_tests import InfraTests
from mlops_gitops.manifests.metrics import Metric
from mlops_gitops.manifests.model_tests import ModelTests
from mlops_gitops.manifests.serving import Serving
from mlops_gitops.records import record
from mlops_gitops.times import parse_duration


@record
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


@record
class Column:
    """A column of the model's signature; ``type`` is MLflow's name of it, ``quantile`` what an output predicts."""

    name: str
    type: str
    required: bool = True
    quantile: float | None = None

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Column:
        """From one entry of ``spec.interface.inputs`` or ``outputs``."""
        return cls(value["name"], value["type"], value.get("required", True), value.get("quantile"))


@record
class Target:
    """The column with the truth, and the value of it that counts as positive."""

    column: str
    type: str
    positive: Scalar | None = None


@record
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


@record
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


@record
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


@record
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


@record
class ByHand:
    """A test of the ML Test Score that people make, and how they make it."""

    test: str
    procedure: str


@record
class Tests:
    """Everything that is tested beyond the metrics; an absent section demands nothing."""

    data: DataTests = DataTests()
    leakage: LeakageTests = LeakageTests()
    model: ModelTests = ModelTests()
    infra: InfraTests | None = None
    features: FeatureTests | None = None
    by_hand: tuple[ByHand, ...] = ()

    @classmethod
    def from_value(cls, value: Mapping[str, Any], objective: Mapping[str, Any]) -> Tests:
        """From ``spec.tests``, and ``spec.serving.objective``, which some of them hold a model to."""
        leakage = value.get("leakage", {})
        return cls(
            DataTests.from_value(value.get("data", {})),
            LeakageTests(leakage.get("maxSingleFeaturePower"), leakage.get("knownAt")),
            ModelTests.from_value(value.get("model", {})),
            InfraTests.from_value(value.get("infra"), objective),
            FeatureTests.from_value(value.get("features")),
            tuple(ByHand(one["test"], one["procedure"]) for one in value.get("byHand", ())),
        )


@record
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


@record
class Monitoring:
    """When a running model must be looked at again."""

    max_age: timedelta | None = None
    drift_metric: str | None = None
    drift_max: float | None = None


@record
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
