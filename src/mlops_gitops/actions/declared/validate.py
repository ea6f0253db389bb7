"""The Action ``validate``: every problem of every manifest, on its line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlops_gitops.actions.declaration import (
    REPORT,
    RESULT,
    SARIF,
    WORKING_DIRECTORY,
    Action,
    Answer,
    Call,
    Document,
    Output,
    Take,
)
from mlops_gitops.actions.inputs import Input, Kind
from mlops_gitops.errors import EXIT_DONE, Refused
from mlops_gitops.findings import Finding, Location, Severity
from mlops_gitops.reporting.result import Result


def finding(entry: Mapping[str, Any]) -> Finding:
    """One finding of the verb's answer."""
    place = Location(
        entry["file"], entry["line"], entry["column"], entry.get("endLine") or 0, entry.get("endColumn") or 0
    )
    return Finding(str(entry["rule"]), Severity(entry["severity"]), place, str(entry["message"]), str(entry["fix"]))


def findings(document: Document) -> tuple[Finding, ...]:
    """All findings of the verb's answer."""
    return tuple(map(finding, document["findings"]))


def fails(result: Result, fail_on: str) -> bool:
    """Whether these findings fail the step."""
    return {"error": result.errors, "warning": len(result.findings), "never": 0}[fail_on] > 0


def _judge(answer: Answer, call: Call) -> tuple[str, int]:
    found = Result(findings(answer.document), 0)
    failing = fails(found, call.inputs.texts["fail-on"])
    return ("failed", Refused.exit_code) if failing else ("passed", EXIT_DONE)


def _counts(document: Document, _call: Call) -> dict[str, str]:
    found = Result(findings(document), 0) if document else None
    return {"errors": str(found.errors), "warnings": str(found.warnings)} if found else {}


def _summary(document: Document, _result: str) -> str:
    from mlops_gitops.reporting import markdown

    return markdown.render(Result(findings(document), int(document["files"]))).partition("\n\n")[2]


ACTION = Action(
    "validate",
    inputs=(
        Input("paths", "", Kind.LINES),
        WORKING_DIRECTORY,
        Input("fail-on", choices=("error", "warning", "never")),
    ),
    outputs=(RESULT, Output("findings", "findings", Take.COUNT), Output("errors"), Output("warnings"), SARIF, REPORT),
    findings=findings,
    values=_counts,
    judge=_judge,
    summary=_summary,
)
