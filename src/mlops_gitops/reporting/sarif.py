"""For code scanning: SARIF 2.1.0, with what is known of each rule that is broken."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from mlops_gitops import __version__
from mlops_gitops.findings import Finding, Location
from mlops_gitops.reporting.result import Result

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
HOME = "https://github.com/mlops-gitops/mlops-gitops"


def render(result: Result, *, notes: Sequence[str] | None = None, answered: bool = True) -> str:
    """The whole report.

    ``notes`` is what has no place in a file: code scanning takes no result without one.  ``answered`` says whether the
    program came to an answer, whatever that was.
    """
    ids = sorted({one.rule for one in result.findings})
    driver = {
        "name": "mlops-gitops",
        "version": __version__,
        "informationUri": HOME,
        "rules": [_rule(one, result.findings) for one in ids],
    }
    run: dict[str, Any] = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(one, ids) for one in result.findings],
    }
    if notes is not None:
        level = "note" if answered else "error"
        told = [{"level": level, "message": {"text": one}} for one in notes]
        run["invocations"] = [{"executionSuccessful": answered, "toolExecutionNotifications": told}]
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _rule(identity: str, findings: tuple[Finding, ...]) -> dict[str, Any]:
    from mlops_gitops.manifests.rules.registry import rules

    example = next(one for one in findings if one.rule == identity)
    described: dict[str, Any] = {
        "id": identity,
        "helpUri": example.documentation,
        "defaultConfiguration": {"level": example.severity.value},
    }
    known = rules().get(identity)
    if known is not None:
        described |= {
            "name": known.name,
            "shortDescription": {"text": known.summary},
            "fullDescription": {"text": known.why},
            "help": {"text": known.fix},
        }
    return described


def _result(finding: Finding, ids: list[str]) -> dict[str, Any]:
    return {
        "ruleId": finding.rule,
        "ruleIndex": ids.index(finding.rule),
        "level": finding.severity.value,
        "message": {"text": f"{finding.message}. Fix: {finding.fix}"},
        "locations": [place(finding.location)],
    }


def place(where: Location) -> dict[str, Any]:
    """A place in a file, as SARIF says it."""
    region = {"startLine": where.line, "startColumn": where.column}
    if where.end_line and where.end_column:
        region |= {"endLine": where.end_line, "endColumn": where.end_column}
    return {"physicalLocation": {"artifactLocation": {"uri": quote(where.file, errors="replace")}, "region": region}}
