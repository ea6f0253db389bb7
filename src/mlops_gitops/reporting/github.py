"""For GitHub: workflow commands that become annotations on the lines of a pull request.

A step shows at most ten errors and ten warnings, so the worst come first and the rest are counted.  Everything from a
file is escaped as the runner unescapes it: a message cannot become a command.
"""

from __future__ import annotations

from mlops_gitops.findings import Finding, Severity
from mlops_gitops.reporting.result import Result, worst_first

_SHOWN = 10


def render(result: Result) -> str:
    """The whole report."""
    ordered = worst_first(result.findings)
    shown = [
        one
        for severity in Severity
        for one in [finding for finding in ordered if finding.severity is severity][:_SHOWN]
    ]
    lines = [_command(one) for one in shown]
    hidden = len(ordered) - len(shown)
    if hidden:
        lines.append(f"::notice title=mlops-gitops::and {hidden} more; `mlops-gitops validate` shows all of them")
    return "\n".join([*lines, result.summary])


def escape_message(text: str) -> str:
    """Text after ``::`` in a workflow command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escape_property(text: str) -> str:
    """A value before ``::`` in a workflow command."""
    return escape_message(text).replace(":", "%3A").replace(",", "%2C")


def _command(finding: Finding) -> str:
    where = finding.location
    properties = {"file": where.file, "line": str(where.line)}
    if where.end_line in {0, where.line}:  # columns count only where the finding stays in one line
        properties["col"] = str(where.column)
        if where.end_column:
            properties["endColumn"] = str(where.end_column)
    properties["title"] = finding.rule
    written = ",".join(f"{name}={escape_property(value)}" for name, value in properties.items())
    message = f"{finding.message}\nfix: {finding.fix}\nsee: {finding.documentation}"
    return f"::{finding.severity.value} {written}::{escape_message(message)}"
