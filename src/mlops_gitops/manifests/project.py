"""``mlops-gitops.yaml`` as a frozen record: where a repository finds its environments, and what its changes need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlops_gitops.manifests.environment import REVIEWS, ApprovalsGate
from mlops_gitops.records import record


@record
class Project:
    """The environment repository's address and branch, the MLflow server if any, and what a pull request needs.

    ``unreviewed`` is true only where the file says ``review: none`` in so many words.
    """

    environments: str
    branch: str = "main"
    tracking_uri: str | None = None
    review: ApprovalsGate | None = None
    unreviewed: bool = False

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Project:
        """From a document that fits the schema."""
        spec = value["spec"]
        review = spec.get("review")
        demanded = ApprovalsGate.from_value({**review, "sources": [REVIEWS]}) if isinstance(review, Mapping) else None
        return cls(
            environments=spec["environments"],
            branch=spec.get("branch", "main"),
            tracking_uri=spec.get("mlflow", {}).get("trackingUri"),
            review=demanded,
            unreviewed=review == "none",
        )
