"""An environment's policy as a frozen record: what it demands of a release before it may run there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from mlops_gitops import canonical
from mlops_gitops.manifests.model import Person, Threshold
from mlops_gitops.times import parse_duration, parse_instant


@dataclass(frozen=True, slots=True)
class Demand:
    """A number that the environment demands, whatever the manifest demands."""

    metric: str
    threshold: Threshold


@dataclass(frozen=True, slots=True)
class EvidenceGate:
    """Signed evidence of one kind must pass, with numbers that meet ``metrics``; older than ``max_age`` it is void.

    ``level`` is the loosest level of agreement that a reproduction may have reached.
    """

    evidence: str
    max_age: timedelta | None = None
    metrics: tuple[Demand, ...] = ()
    level: str | None = None

    @property
    def name(self) -> str:
        """What the gate is called in plans and waivers."""
        return self.evidence


@dataclass(frozen=True, slots=True)
class Group:
    """At least ``min`` of the people who approve must belong to the group."""

    name: str
    min: int


@dataclass(frozen=True, slots=True)
class ApprovalsGate:
    """Signed approvals by ``quorum`` different people."""

    quorum: int
    groups: tuple[Group, ...] = ()
    max_age: timedelta | None = None

    @property
    def name(self) -> str:
        """What the gate is called in plans and waivers."""
        return "approvals"


@dataclass(frozen=True, slots=True)
class ExpressionGate:
    """An expression in CEL must be true; ``message`` or what ``message_expression`` makes says why it is not.

    ``waits`` says what false means: that something can still change, or that the release is refused.
    """

    name: str
    expression: str
    message: str | None = None
    message_expression: str | None = None
    waits: bool = False


Gate = EvidenceGate | ApprovalsGate | ExpressionGate


@dataclass(frozen=True, slots=True)
class Freeze:
    """Nothing is promoted from ``since`` (included) until ``until`` (excluded)."""

    since: datetime
    until: datetime
    reason: str

    def holds(self, now: datetime) -> bool:
        """Whether it is in force at ``now``."""
        return self.since <= now < self.until


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment.

    ``ungated`` is true only where the file says ``gates: none`` in so many words; ``gates`` is empty then, and only
    then.  ``value`` is the whole document, from which ``policy_digest`` is computed.
    """

    name: str
    description: str
    owners: tuple[Person, ...]
    promotion: str
    after: tuple[str, ...]
    soak: timedelta
    gates: tuple[Gate, ...]
    ungated: bool
    freezes: tuple[Freeze, ...]
    rollback_during_freeze: bool
    mlflow_alias: str | None
    mlflow_tags: Mapping[str, str]
    value: Mapping[str, Any]

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Environment:
        """From a document that fits the schema.  Raises ``ValueError`` for a date that does not exist."""
        metadata, spec = value["metadata"], value["spec"]
        ungated = spec["gates"] == "none"
        mlflow = spec.get("derived", {}).get("mlflow", {})
        return cls(
            name=metadata["name"],
            description=metadata.get("description", ""),
            owners=tuple(map(Person.from_value, metadata.get("owners", ()))),
            promotion=spec["promotion"],
            after=tuple(spec.get("after", ())),
            soak=parse_duration(spec.get("soak", "PT0S")),
            gates=() if ungated else tuple(map(_gate, spec["gates"])),
            ungated=ungated,
            freezes=tuple(map(_freeze, spec.get("freezes", ()))),
            rollback_during_freeze=spec.get("rollback", {}).get("duringFreeze", True),
            mlflow_alias=mlflow.get("alias"),
            mlflow_tags=dict(mlflow.get("tags", {})),
            value=value,
        )

    @property
    def automatic(self) -> bool:
        """Whether ``promote --all`` may move releases here."""
        return self.promotion == "automatic"

    @property
    def policy_digest(self) -> str:
        """SHA-256 of the document's canonical JSON: comments and layout do not count, every value does."""
        return canonical.digest(dict(self.value))


def _gate(value: Mapping[str, Any]) -> Gate:
    if "evidence" in value:
        demands = tuple(
            Demand(one["name"], Threshold(one.get("min"), one.get("max"))) for one in value.get("metrics", ())
        )
        return EvidenceGate(value["evidence"], _duration(value.get("maxAge")), demands, value.get("level"))
    if "expression" in value:
        return ExpressionGate(
            name=value["name"],
            expression=value["expression"],
            message=value.get("message"),
            message_expression=value.get("messageExpression"),
            waits=value.get("whenFalse") == "pending",
        )
    approvals = value["approvals"]
    groups = tuple(Group(one["name"], int(one["min"])) for one in approvals.get("groups", ()))
    return ApprovalsGate(int(approvals["quorum"]), groups, _duration(approvals.get("maxAge")))


def _freeze(value: Mapping[str, Any]) -> Freeze:
    return Freeze(parse_instant(value["from"]), parse_instant(value["until"]), value["reason"])


def _duration(text: str | None) -> timedelta | None:
    return None if text is None else parse_duration(text)
