"""For programs: one JSON document, described by ``schemas/output/validate.schema.json``."""

from __future__ import annotations

import json

from mlops_gitops.findings import Finding
from mlops_gitops.reporting.result import Result


def render(result: Result) -> str:
    """The whole report."""
    return json.dumps(
        {
            "files": result.files,
            "errors": result.errors,
            "warnings": result.warnings,
            "findings": [_finding(one) for one in result.findings],
        },
        indent=2,
    )


def _finding(finding: Finding) -> dict[str, str | int]:
    where = finding.location
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "file": where.file,
        "line": where.line,
        "column": where.column,
        "endLine": max(where.end_line, where.line),
        "endColumn": where.end_column or where.column + 1,
        "message": finding.message,
        "fix": finding.fix,
        "documentation": finding.documentation,
    }
