"""An environment's policy as a frozen record: what it demands of a release before it may run there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from mlops_gitops import canonical
from mlops_gitops.manifests.metrics import Threshold
from mlops_gitops.manifests.model import Person
from mlops_gitops.manifests.recurrence import Recurrence
from mlops_gitops.manifests.rollout import AutomaticRollback, Rollout
from mlops_gitops.records import record
from mlops_gitops.times import parse_duration, parse_instant


@record
class Demand:
    """A number that the environment demands, whatever the manifest demands."""

    metric: str
    threshold: Threshold


@record
class Holdout:
    """How the data of comparisons are spent: ``looks`` releases share the chance ``alpha`` of a pass by luck.

    ``data`` are the digests of the files that may be used, any where it is empty.  ``quiet``: a look that does not pass
    tells its verdict and no number, which is so unless the policy says otherwise.
    """

    looks: int
    alpha: float = 0.05
    data: tuple[str, ...] = ()
    quiet: bool = True

    @classmethod
    def from_value(cls, value: Mapping[str, Any] | None) -> Holdout | None:
        """From ``holdout`` of a gate."""
        if value is None:
            return None
        quiet = value.get("answers", "verdict") == "verdict"
        return cls(int(value["looks"]), value.get("alpha", 0.05), tuple(value.get("data", ())), quiet)

    @property
    def each(self) -> float:
        """The chance that one look may spend."""
        return self.alpha / self.looks


@record
class EvidenceGate:
    """Signed evidence of one kind must pass, with numbers that meet ``metrics``; older than ``max_age`` it is void.

    ``level`` is the loosest level of agreement that a reproduction may have reached.  ``holdout`` says how the data of
    comparisons are spent, and ``anchor`` with which release of long ago one is compared besides.
    """

    evidence: str
    max_age: timedelta | None = None
    metrics: tuple[Demand, ...] = ()
    level: str | None = None
    holdout: Holdout | None = None
    anchor: str | None = None

    @property
    def name(self) -> str:
        """What the gate is called in plans and waivers."""
        return self.evidence


SIGNATURES, REVIEWS, MODEL_REVIEWS = "signatures", "reviews", "model-reviews"


@record
class Group:
    """At least ``min`` of the people who approve must belong to the group.

    Its members are those whom ``trust/`` puts into it; or the logins in ``members``, those of a ``team`` of the forge,
    or the code owners of what changes, and then ``min`` of the owners of every changed path.
    """

    name: str
    min: int
    members: tuple[str, ...] = ()
    team: str | None = None
    codeowners: bool = False

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Group:
        """From one entry of ``groups``."""
        members = tuple(value.get("members", ()))
        return cls(value["name"], int(value["min"]), members, value.get("team"), value.get("codeowners", False))


@record
class ApprovalsGate:
    """Approvals by ``quorum`` different people, from any of ``sources``."""

    quorum: int
    groups: tuple[Group, ...] = ()
    max_age: timedelta | None = None
    sources: tuple[str, ...] = (SIGNATURES, REVIEWS)

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> ApprovalsGate:
        """From a document that fits the schema."""
        groups = tuple(map(Group.from_value, value.get("groups", ())))
        sources = tuple(value.get("sources", (SIGNATURES, REVIEWS)))
        return cls(int(value["quorum"]), groups, _duration(value.get("maxAge")), sources)

    @property
    def name(self) -> str:
        """What the gate is called in plans and waivers."""
        return "approvals"


@record
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


@record
class Freeze:
    """Nothing is promoted from ``since`` (included) until ``until`` (excluded)."""

    since: datetime
    until: datetime
    reason: str

    def ends(self, now: datetime) -> datetime | None:
        """When it ends, where it is in force at ``now``."""
        return self.until if self.since <= now < self.until else None


@record
class RecurringFreeze:
    """Nothing is promoted while the period lasts, whenever it comes again."""

    recurrence: Recurrence
    reason: str

    def ends(self, now: datetime) -> datetime | None:
        """When it ends, where it is in force at ``now``."""
        span = next(self.recurrence.spans(now), None)
        return span.end if span is not None and span.holds(now) else None


@record
class Window:
    """A time, coming again, in which releases may be promoted."""

    name: str
    recurrence: Recurrence


@dataclass(frozen=True)
class Environment:
    """One environment.

    ``ungated`` is true only where the file says ``gates: none`` in so many words; ``gates`` is empty then, and only
    then.  ``value`` is the whole document, from which ``policy_digest`` is computed.  ``mode`` says whether we write a
    promotion into the branch ourselves (``direct``) or propose it (``pull-request``).
    """

    name: str
    description: str
    owners: tuple[Person, ...]
    promotion: str
    mode: str
    after: tuple[str, ...]
    soak: timedelta
    undisturbed: bool
    gates: tuple[Gate, ...]
    ungated: bool
    windows: tuple[Window, ...]
    freezes: tuple[Freeze | RecurringFreeze, ...]
    rollback_during_freeze: bool
    automatic_rollback: AutomaticRollback | None
    rollout: Rollout | None
    mlflow_alias: str | None
    mlflow_tags: Mapping[str, str]
    value: Mapping[str, Any]

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Environment:
        """From a document that fits the schema.  Raises ``ValueError`` for a date or a recurrence that is none."""
        metadata, spec = value["metadata"], value["spec"]
        ungated = spec["gates"] == "none"
        mlflow = spec.get("derived", {}).get("mlflow", {})
        rollback = spec.get("rollback", {})
        return cls(
            name=metadata["name"],
            description=metadata.get("description", ""),
            owners=tuple(map(Person.from_value, metadata.get("owners", ()))),
            promotion=spec["promotion"],
            mode=spec.get("mode", "direct"),
            after=tuple(spec.get("after", ())),
            soak=parse_duration(spec.get("soak", "PT0S")),
            undisturbed=spec.get("undisturbed", False),
            gates=() if ungated else tuple(map(_gate, spec["gates"])),
            ungated=ungated,
            windows=tuple(Window(one["name"], Recurrence.from_value(one)) for one in spec.get("windows", ())),
            freezes=tuple(map(_freeze, spec.get("freezes", ()))),
            rollback_during_freeze=rollback.get("duringFreeze", True),
            automatic_rollback=AutomaticRollback.from_value(rollback["automatic"]) if "automatic" in rollback else None,
            rollout=Rollout.from_value(spec["rollout"]) if "rollout" in spec else None,
            mlflow_alias=mlflow.get("alias"),
            mlflow_tags=dict(mlflow.get("tags", {})),
            value=value,
        )

    @property
    def comparison(self) -> EvidenceGate | None:
        """The gate that demands a comparison with the champion."""
        return next((one for one in self.gates if isinstance(one, EvidenceGate) and one.name == "comparison"), None)

    @property
    def automatic(self) -> bool:
        """Whether ``promote --all`` may move releases here."""
        return self.promotion == "automatic"

    @property
    def by_pull_request(self) -> bool:
        """Whether promotions come by a pull request; a rollback never waits for one."""
        return self.mode == "pull-request"

    @cached_property
    def policy_digest(self) -> str:
        """SHA-256 of the document's canonical JSON: comments and layout do not count, every value does."""
        return canonical.digest(dict(self.value))


def _gate(value: Mapping[str, Any]) -> Gate:
    if "evidence" in value:
        demands = tuple(
            Demand(one["name"], Threshold(one.get("min"), one.get("max"))) for one in value.get("metrics", ())
        )
        return EvidenceGate(
            value["evidence"],
            _duration(value.get("maxAge")),
            demands,
            value.get("level"),
            Holdout.from_value(value.get("holdout")),
            value.get("anchor"),
        )
    if "expression" in value:
        return ExpressionGate(
            name=value["name"],
            expression=value["expression"],
            message=value.get("message"),
            message_expression=value.get("messageExpression"),
            waits=value.get("whenFalse") == "pending",
        )
    return ApprovalsGate.from_value(value["approvals"])


def _freeze(value: Mapping[str, Any]) -> Freeze | RecurringFreeze:
    if "recurrence" in value:
        if "from" in value or "until" in value:
            raise ValueError("a freeze has either `from` and `until`, or a `recurrence`")
        return RecurringFreeze(Recurrence.from_value(value), value["reason"])
    return Freeze(parse_instant(value["from"]), parse_instant(value["until"]), value["reason"])


def _duration(text: str | None) -> timedelta | None:
    return None if text is None else parse_duration(text)
