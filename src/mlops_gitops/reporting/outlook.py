"""What environments would say of a release that is not published yet, for people and as JSON."""

from __future__ import annotations

from mlops_gitops.canonical import JSON
from mlops_gitops.promotion.outlook import Expected
from mlops_gitops.reporting.inert import inert

_WORDS = {
    "move": "it would move there",
    "nothing": "it runs there already",
    "pending": "it would wait",
    "refused": "it would be refused",
    "failed": "it could not be asked about",
}


def document(expected: Expected) -> JSON:
    """One environment, with every reason that does not pass."""
    reasons: list[JSON] = [
        {"gate": one.gate, "answer": one.answer.value, "reason": one.reason} for one in expected.blocking
    ]
    return {"environment": expected.environment, "outcome": expected.outcome, "reasons": reasons}


def text(expected: Expected) -> str:
    """The same in a line."""
    why = "; ".join(f"{one.gate}: {one.reason}" for one in expected.blocking)
    return inert(f"  {expected.environment}: {_WORDS[expected.outcome]}{f' ({why})' if why else ''}")
