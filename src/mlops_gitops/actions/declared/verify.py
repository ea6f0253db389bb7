"""The Action ``verify``: every receipt, signature and chain again, from git alone."""

from __future__ import annotations

from mlops_gitops.actions.declaration import (
    ENVIRONMENTS,
    REPORT,
    RESULT,
    WORKING_DIRECTORY,
    Action,
    Document,
    Output,
    Take,
)
from mlops_gitops.actions.declared import moves
from mlops_gitops.actions.inputs import Input


def _reasons(document: Document) -> list[str]:
    problems = moves.entries(document.get("problems"))
    return [f"{one.get('path')}: {one.get('message')} ({one.get('id')})" for one in problems]


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
        REPORT,
    ),
    at_home=True,
    shows_token=True,
    reasons=_reasons,
    summary=_summary,
)
