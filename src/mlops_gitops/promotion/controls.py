"""Holds, vetoes, freezes and waivers: who stopped or allowed what, why, and until when.

The file of a slot's controls is small and written as a whole.  A control is never edited: it is added, and lifted by
being removed; git keeps who did it.  A waiver counts only together with signed evidence (``evidence/gates.py``), so
that writing this file is not enough to open a gate.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from mlops_gitops import canonical, times
from mlops_gitops.canonical import JSON
from mlops_gitops.errors import Misused
from mlops_gitops.manifests.control import Control
from mlops_gitops.promotion import layout
from mlops_gitops.promotion.snapshot import Slot
from mlops_gitops.promotion.store import Files


def new(
    kind: str,
    slot: Slot,
    *,
    release: str | None,
    by: str,
    reason: str,
    since: datetime,
    until: datetime | None,
    gate: str | None = None,
    evidence: str | None = None,
) -> Control:
    """A control whose id follows from what it says, so that writing it twice writes it once."""
    said: JSON = {
        "type": kind,
        "environment": slot.environment.name,
        "model": slot.model,
        "release": release,
        "by": by,
        "reason": reason,
        "until": times.format_instant(until) if until else None,
        "gate": gate,
        "evidence": evidence,
    }
    return Control(
        id=f"{kind}-{canonical.digest(said)[:12]}",
        type=kind,
        release=release,
        by=by,
        reason=reason,
        since=since.replace(microsecond=0),
        until=until,
        gate=gate,
        evidence=evidence,
    )


def adding(slot: Slot, control: Control) -> Files:
    """The change that adds a control; empty where it is there already."""
    if any(one.id == control.id for one in slot.controls):
        return {}
    path = layout.controls(slot.environment.name, slot.model)
    return {path: render(slot.environment.name, slot.model, (*slot.controls, control))}


def lifting(slot: Slot, control_id: str) -> Files:
    """The change that removes a control.  Raises ``Misused`` where there is none of this id."""
    left = tuple(one for one in slot.controls if one.id != control_id)
    if len(left) == len(slot.controls):
        known = ", ".join(one.id for one in slot.controls) or "none"
        raise Misused(
            f"there is no control {control_id!r} on {slot.model} in {slot.environment.name}",
            hint=f"its controls are: {known}",
            code="no-control",
        )
    path = layout.controls(slot.environment.name, slot.model)
    return {path: render(slot.environment.name, slot.model, left) if left else None}


def render(environment: str, model: str, controls: Sequence[Control]) -> bytes:
    """The file of a slot's controls."""
    import yaml

    document = {
        "apiVersion": "mlops-gitops/v1",
        "kind": "Control",
        "metadata": {"environment": environment, "model": model},
        "spec": {"controls": [_document(one) for one in controls]},
    }
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120).encode()


def _document(control: Control) -> dict[str, str]:
    fields = {
        "id": control.id,
        "type": control.type,
        "release": control.release,
        "by": control.by,
        "reason": control.reason,
        "since": times.format_instant(control.since),
        "until": times.format_instant(control.until) if control.until else None,
        "gate": control.gate,
        "evidence": control.evidence,
    }
    return {name: value for name, value in fields.items() if value is not None}
