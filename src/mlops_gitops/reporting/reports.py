"""Reports of tests, as people and programs read them."""

from __future__ import annotations

import math

from mlops_gitops.canonical import JSON
from mlops_gitops.evidence.figures import documents
from mlops_gitops.evidence.verdicts import Check, Report, Verdict
from mlops_gitops.reporting.inert import inert

_FIELDS = ("id", "subject", "verdict", "message", "observed", "limit", "interval", "rows", "location", "fix")

_LONGEST = 2000
MARKS = {Verdict.PASS: "✓", Verdict.FAIL: "✗", Verdict.INCONCLUSIVE: "?"}


def report_text(report: Report, *, passed: bool = False) -> str:
    """A report: its summary, then each check that did not pass; with ``passed``, the others too."""
    shown = [check for check in report.checks if passed or check.verdict is not Verdict.PASS]
    return "\n".join([f"{MARKS[report.verdict]} {report.kind}: {inert(report.summary)}", *map(check_text, shown)])


def check_text(check: Check) -> str:
    """One check: what was found, the line of the manifest that demanded it, and what to do."""
    lines = [f"  {MARKS[check.verdict]} {inert(check.id)}: {inert(_cut(check.message))}"]
    if check.verdict is not Verdict.PASS:
        if check.location:
            lines.append(f"      at {inert(str(check.location))}")
        if check.fix:
            lines.append(f"      what to do: {inert(_cut(check.fix))}")
    return "\n".join(lines)


def _cut(text: str) -> str:
    """Not longer than anybody reads: the name of a column has no bound of its own."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def report_document(report: Report, *, model: str) -> dict[str, JSON]:
    """A report on a model, as JSON."""
    return {
        "model": model,
        "kind": report.kind,
        "verdict": report.verdict.value,
        "summary": report.summary,
        "champion": report.champion,
        "materials": [{"name": name, "digest": {"sha256": sha}} for name, sha in report.materials],
        "checks": [_check_document(check) for check in report.checks],
        "figures": documents(report.figures),
    }


def _check_document(check: Check) -> dict[str, JSON]:
    """A check with every field: what is absent is left out of evidence, and is ``null`` where programs read it."""
    found = {**dict.fromkeys(_FIELDS), **check.document(), "figures": documents(check.figures)}
    return {name: None if isinstance(one, float) and not math.isfinite(one) else one for name, one in found.items()}
