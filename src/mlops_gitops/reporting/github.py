"""For GitHub: workflow commands that become annotations on the lines of a pull request.

A step shows at most ten errors and ten warnings, so the worst come first and the rest are counted.  Everything from a
file is escaped as the runner unescapes it: a message cannot become a command.
"""

from __future__ import annotations

from mlops_gitops.findings import Finding, Severity
from mlops_gitops.reporting.inert import inert
from mlops_gitops.reporting.result import Result, worst_first

_SHOWN = 10
_LONGEST = 4000
"""Characters of a message: more than anybody reads, and less than the 64 KB that GitHub takes."""


def render(result: Result) -> str:
    """The whole report."""
    ordered = worst_first(result.findings)
    worst = [
        one
        for severity in Severity
        for one in [finding for finding in ordered if finding.severity is severity][:_SHOWN]
    ]
    lines = [_command(one) for one in worst]
    hidden = len(ordered) - len(worst)
    if hidden:
        lines.append(f"::notice title=mlops-gitops::and {hidden} more; `mlops-gitops validate` shows all of them")
    return "\n".join([*lines, result.summary])


def escape_message(text: str) -> str:
    """Text after ``::`` in a workflow command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escape_property(text: str) -> str:
    """A value before ``::`` in a workflow command."""
    return escape_message(text).replace(":", "%3A").replace(",", "%2C")


def shown(text: str) -> str:
    """A message as long as somebody reads it, without the old form of commands, which begin anywhere in a line."""
    cut = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return cut.replace("##[", "##\\u005b")


def _command(finding: Finding) -> str:
    where = finding.location
    properties = {"file": shown(where.file), "line": str(where.line)}
    if where.end_line in {0, where.line}:  # columns count only where the finding stays in one line
        properties["col"] = str(where.column)
        if where.end_column:
            properties["endColumn"] = str(where.end_column)
    properties["title"] = finding.rule
    written = ",".join(f"{name}={escape_property(value)}" for name, value in properties.items())
    message = f"{inert(shown(finding.message))}\nfix: {inert(shown(finding.fix))}\nsee: {finding.documentation}"
    return f"::{finding.severity.value} {written}::{escape_message(message)}"
