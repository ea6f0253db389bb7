"""``mlops-gitops.yaml`` as a frozen record: where a model repository finds its environments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Project:
    """The environment repository's address and branch, and the MLflow server, if any."""

    environments: str
    branch: str = "main"
    tracking_uri: str | None = None

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Project:
        """From a document that fits the schema."""
        spec = value["spec"]
        return cls(spec["environments"], spec.get("branch", "main"), spec.get("mlflow", {}).get("trackingUri"))
