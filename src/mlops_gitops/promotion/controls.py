"""Holds, vetoes, freezes and waivers: who stopped or allowed what, why, and until when.

The file of a slot's controls is small and written as a whole.  A control is never edited: it is added, and lifted by
being removed; git keeps who did it.  A waiver counts only together with signed evidence (``evidence/gates.py``), so
that writing this file is not enough to open a gate.
"""

from __future__ import annotations

from datetime import datetime

from mlops_gitops import canonical, times
from mlops_gitops.canonical import JSON
from mlops_gitops.errors import Misused
from mlops_gitops.manifests import reading
from mlops_gitops.manifests.control import Control, ControlFile
from mlops_gitops.promotion import layout
from mlops_gitops.promotion.slots import Slot
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
    data = ControlFile(slot.environment.name, slot.model, (*slot.controls, control)).render()
    try:
        reading.read("control", data, path=path)
    except reading.Invalid as invalid:  # what is written here is read by every later decision about the slot
        raise Misused(
            f"this cannot be written as a {control.type}: {invalid.findings[0].message}",
            hint=invalid.hint,
            code="control",
        ) from invalid
    return {path: data}


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
    return {path: ControlFile(slot.environment.name, slot.model, left).render() if left else None}
