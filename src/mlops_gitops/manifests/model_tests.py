"""What a manifest demands of the model's behaviour beyond its metrics (``spec.tests.model``)."""

from __future__ import annotations

from mlops_gitops.records import record


@record
class ModelTests:
    """Limits for the model's behaviour."""

    max_overfit_gap: float | None = None
    baseline: str | None = None
