"""The Action ``verify``: every receipt, signature and chain again, from git alone."""

from __future__ import annotations

from mlops_gitops.actions.declaration import (
    ENVIRONMENTS,
    REPORT,
    RESULT,
    SARIF,
    WORKING_DIRECTORY,
    Action,
    Document,
    Output,
    Take,
)
from mlops_gitops.actions.declared import moves
from mlops_gitops.actions.declared.checks import Broken
from mlops_gitops.actions.inputs import Input
from mlops_gitops.findings import Finding, Location, Severity


def _reasons(document: Document) -> list[str]:
    problems = moves.entries(document.get("problems"))
    return [f"{one.get('path')}: {one.get('message')} ({one.get('id')})" for one in problems]


def _marks(document: Document) -> tuple[Finding, ...]:
    """Each problem on the file of the environment repository that it is about."""
    found = [one for one in moves.entries(document.get("problems")) if one.get("path")]
    fix = "the guide to what `verify` finds says what to do"
    return tuple(
        Broken(str(one.get("id")), Severity.ERROR, Location(str(one["path"])), str(one.get("message")), fix)
        for one in found
    )


def _summary(document: Document, _result: str) -> str:
    counts = [f"{document.get(name)} {name}" for name in ("commits", "releases", "evidence", "receipts")]
    return f"Checked: {', '.join(counts)}."


ACTION = Action(
    "verify",
    inputs=(Input("reference", ""), *ENVIRONMENTS, WORKING_DIRECTORY),
    outputs=(
        RESULT,
        Output("problems", "problems", Take.COUNT),
        Output("receipts", "receipts"),
        Output("commit", "commit"),
        SARIF,
        REPORT,
    ),
    at_home=True,
    shows_token=True,
    reasons=_reasons,
    marks=_marks,
    summary=_summary,
)
