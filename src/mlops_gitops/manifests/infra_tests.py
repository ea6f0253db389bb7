"""What a manifest demands of the serving image (``spec.tests.infra``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from mlops_gitops.manifests.quantities import quantity_bytes
from mlops_gitops.records import record
from mlops_gitops.times import parse_duration

LATENCIES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
"""What a manifest calls a percentile of the latency → the share of the requests."""


@record
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


def _seconds(text: str) -> float:
    return parse_duration(text).total_seconds()
