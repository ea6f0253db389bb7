"""The Action ``gate``: whether a pull request has the reviews that the policy of its base branch demands."""

from __future__ import annotations

from mlops_gitops.actions import outputs
from mlops_gitops.actions.declaration import (
    ALLOW_PENDING,
    ENVIRONMENTS,
    KEYS,
    REPORT,
    RESULT,
    SARIF,
    WORKING_DIRECTORY,
    Action,
    Call,
    Document,
    Output,
    Take,
)
from mlops_gitops.actions.declared import moves
from mlops_gitops.actions.inputs import Input, Kind, contradiction


def _prepare(call: Call) -> list[str]:
    """The number from the event, where no input gives one; and the branch, which no file of the checkout names.

    A pull request could lead to a branch with rules of its own there, and change its base once it has passed.
    """
    branch = [] if call.inputs.texts["branch"] else ["--branch", "main"]
    if call.inputs.texts["pull-request"]:
        return branch
    if not call.event.pull_request:
        raise contradiction(
            f"the event {call.event.name} is about no pull request",
            "give `pull-request` its number, or start the workflow with pull_request, pull_request_review "
            "or merge_group",
        )
    return ["--pull-request", str(call.event.pull_request), *branch]


def _values(document: Document, call: Call) -> dict[str, str]:
    parts = moves.entries(document.get("parts"))
    approved = {who for one in parts for who in one.get("approved", ())}
    missing = sum(int(gap["count"]) for one in parts for gap in moves.entries(one.get("missing")))
    number = call.inputs.texts["pull-request"] or str(call.event.pull_request or "")
    counts = {"approvals": str(len(approved)), "missing": str(missing)} if document else {}
    return {"pull-request": number, **counts}


def _reasons(document: Document) -> list[str]:
    waiting = [one for one in moves.entries(document.get("parts")) if one.get("answer") != "pass"]
    return [f"{one.get('about')}: {one.get('reason')}" for one in waiting]


def _summary(document: Document, _result: str) -> str:
    about = f"Pull request {document.get('number')} at {str(document.get('head'))[:12]}."
    notes = [note for one in moves.entries(document.get("parts")) for note in one.get("notCounted", ())]
    return "\n".join(
        [about, *(["", "Not counted:", "", *(f"* {outputs.code(note)}" for note in notes)] if notes else [])]
    )


ACTION = Action(
    "gate",
    inputs=(
        Input("pull-request", "--pull-request", Kind.NUMBER),
        Input("repository", "--repository"),
        Input("to", "--to", Kind.LINES),
        Input("record", "--record", Kind.FLAG, changes=True),
        *ENVIRONMENTS,
        *KEYS,
        Input("dry-run", kind=Kind.FLAG),
        ALLOW_PENDING,
        WORKING_DIRECTORY,
    ),
    outputs=(
        RESULT,
        Output("pull-request"),
        Output("head", "head"),
        Output("approvals"),
        Output("missing"),
        Output("parts", "parts", Take.JSON),
        Output("commit", "commit"),
        SARIF,
        REPORT,
    ),
    results={"pass": "passed", "fail": "failed"},
    at_home=True,
    shows_token=True,
    prepare=_prepare,
    values=_values,
    reasons=_reasons,
    summary=_summary,
)
