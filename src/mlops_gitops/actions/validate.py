"""The Action ``validate``: every problem of every manifest, on its line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from mlops_gitops.actions.inputs import Input, Kind
from mlops_gitops.actions.run import Answer, Call, Outcome, ask, failed, folder, kept
from mlops_gitops.errors import EXIT_DONE, Refused
from mlops_gitops.findings import Finding, Location, Severity
from mlops_gitops.reporting.result import Result

INPUTS = (
    Input("paths", Kind.LINES),
    Input("working-directory"),
    Input("fail-on", choices=("error", "warning", "never")),
)
OUTPUTS = ("result", "findings", "errors", "warnings", "sarif-path", "report-path")


def perform(call: Call) -> Outcome:
    """Check, and say what was found in every form that somebody reads."""
    here = folder(call)
    inner = call._replace(world=call.world._replace(folder=here))
    answer = ask(["validate", *call.inputs.lines["paths"]], inner)
    report = kept("validate.json", json.dumps(answer.document, indent=2), call)
    listed = answer.document.get("findings")
    if not isinstance(listed, list):
        return _no_answer(answer, report)
    prefix = here.relative_to(call.settings.workspace.resolve()).as_posix()
    found = tuple(finding(entry, prefix=prefix) for entry in listed)
    return _outcome(Result(found, int(answer.document["files"])), report, call)


def finding(entry: Mapping[str, Any], *, prefix: str) -> Finding:
    """One finding of the verb's answer, its file named from the root of the repository, as GitHub wants it."""
    file = PurePosixPath(prefix) / str(entry["file"])
    place = Location(str(file), entry["line"], entry["column"], entry.get("endLine") or 0, entry.get("endColumn") or 0)
    return Finding(str(entry["rule"]), Severity(entry["severity"]), place, str(entry["message"]), str(entry["fix"]))


def fails(result: Result, fail_on: str) -> bool:
    """Whether these findings fail the step."""
    return {"error": result.errors, "warning": len(result.findings), "never": 0}[fail_on] > 0


def _outcome(result: Result, report: str, call: Call) -> Outcome:
    from mlops_gitops.reporting import github, markdown, sarif

    failing = fails(result, call.inputs.texts["fail-on"])
    return Outcome(
        exit_code=Refused.exit_code if failing else EXIT_DONE,
        outputs={
            "result": "failed" if failing else "passed",
            "findings": str(len(result.findings)),
            "errors": str(result.errors),
            "warnings": str(result.warnings),
            "sarif-path": kept("validate.sarif", sarif.render(result), call),
            "report-path": report,
        },
        summary=markdown.render(result),
        annotations=tuple(github.render(result).splitlines()),
    )


def _no_answer(answer: Answer, report: str) -> Outcome:
    error = answer.error or {
        "message": "the command ended without an answer",
        "hint": "the log of this step says more; please report it as a bug",
    }
    outcome = failed("validate", str(error.get("message")), str(error.get("hint")), exit_code=answer.exit_code or 70)
    return outcome._replace(outputs={**outcome.outputs, "report-path": report})
