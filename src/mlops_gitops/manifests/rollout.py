"""How an environment's policy wants a release to spread over its targets, and when it wants to go back by itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from mlops_gitops.records import record
from mlops_gitops.times import parse_duration


@record
class Target:
    """A region, a cluster: one place inside an environment with a pointer of its own."""

    name: str
    wave: int


@record
class Rollout:
    """Targets in waves.

    At most ``max_unavailable`` targets are moved and not settled.  A target settles ``settle`` after its receipt, and
    when evidence of every kind in ``evidence`` that was made after it passes.
    """

    targets: tuple[Target, ...]
    max_unavailable: int
    settle: timedelta
    evidence: tuple[str, ...]

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Rollout:
        """From ``spec.rollout``.  Raises ``ValueError`` for a target that is there twice."""
        targets = tuple(Target(one["name"], int(one.get("wave", 1))) for one in value["targets"])
        if len({one.name for one in targets}) < len(targets):
            raise ValueError("a target of the rollout is there twice")
        return cls(
            targets=targets,
            max_unavailable=int(value.get("maxUnavailable", 1)),
            settle=parse_duration(value.get("settle", "PT0S")),
            evidence=tuple(value.get("evidence", ())),
        )


@record
class AutomaticRollback:
    """Failed evidence of one of these kinds, made ``within`` this long after the promotion, demands it."""

    evidence: tuple[str, ...]
    within: timedelta | None

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> AutomaticRollback:
        """From ``spec.rollback.automatic``."""
        within = value.get("within")
        return cls(tuple(value["evidence"]), None if within is None else parse_duration(within))
