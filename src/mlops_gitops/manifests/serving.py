"""How a manifest wants the model served, and what its image is made of (``spec.serving``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlops_gitops.records import record


@record
class Accepted:
    """A known vulnerability that a team lives with for a while: ``until`` is the last day, ``package`` what it is of.

    Without ``package`` it is accepted wherever it is.
    """

    advisory: str
    package: str | None
    reason: str
    until: str


@record
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
    accepted: tuple[Accepted, ...] = ()

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
            tuple(
                Accepted(one["advisory"], one.get("package"), one["reason"], one["until"])
                for one in value.get("accepted", ())
            ),
        )


@record
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
