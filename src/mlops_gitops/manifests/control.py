"""``controls/<env>/<model>.yaml`` as frozen records: hold, veto, freeze, waiver."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from mlops_gitops.canonical import JSON
from mlops_gitops.records import record
from mlops_gitops.times import format_instant, parse_instant


@record
class Control:
    """One control.  ``release`` is ``None`` where it is about every release, ``until`` where it has no end."""

    id: str
    type: str
    by: str
    reason: str
    since: datetime
    until: datetime | None = None
    release: str | None = None
    gate: str | None = None
    evidence: str | None = None

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Control:
        """From one entry of ``spec.controls``.  Raises ``ValueError`` for a date that does not exist."""
        until = value.get("until")
        return cls(
            id=value["id"],
            type=value["type"],
            by=value["by"],
            reason=value["reason"],
            since=parse_instant(value["since"]),
            until=None if until is None else parse_instant(until),
            release=value.get("release"),
            gate=value.get("gate"),
            evidence=value.get("evidence"),
        )

    def document(self) -> dict[str, JSON]:
        """The entry as the file keeps it; what is absent is left out."""
        fields: dict[str, JSON] = {
            "id": self.id,
            "type": self.type,
            "release": self.release,
            "by": self.by,
            "reason": self.reason,
            "since": format_instant(self.since),
            "until": None if self.until is None else format_instant(self.until),
            "gate": self.gate,
            "evidence": self.evidence,
        }
        return {name: value for name, value in fields.items() if value is not None}


@record
class ControlFile:
    """The controls of one model in one environment."""

    environment: str
    model: str
    controls: tuple[Control, ...]

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> ControlFile:
        """From a document that fits the schema.  Raises ``ValueError`` for a date that does not exist."""
        metadata = value["metadata"]
        return cls(
            metadata["environment"], metadata["model"], tuple(map(Control.from_value, value["spec"]["controls"]))
        )

    def document(self) -> dict[str, JSON]:
        """The document that ``from_value`` reads."""
        return {
            "apiVersion": "mlops-gitops/v1",
            "kind": "Control",
            "metadata": {"environment": self.environment, "model": self.model},
            "spec": {"controls": [one.document() for one in self.controls]},
        }

    def render(self) -> bytes:
        """The file's bytes."""
        from mlops_gitops.manifests.rendering import render

        return render(self.document())
