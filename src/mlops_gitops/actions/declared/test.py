"""The Action ``test``: the tests that manifests declare, of data and of models, each on the line that demands it."""

from __future__ import annotations

import json

from mlops_gitops.actions.declaration import (
    ALLOW_PENDING,
    MLFLOW,
    MODELS,
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
from mlops_gitops.actions.declared import checks, moves
from mlops_gitops.actions.inputs import Input

KINDS = ("all", "data", "model")


def _prepare(call: Call) -> list[str]:
    """What to test comes before the models, and all of it is said by naming none."""
    kind = call.inputs.texts["kind"]
    return [*([] if kind == "all" else [kind]), *call.inputs.lines["models"]]


def _values(document: Document, call: Call) -> dict[str, str]:
    names = [str(one.get("model")) for one in moves.entries(document.get("reports"))]
    return {**checks.counts(document, call), "models": json.dumps(list(dict.fromkeys(names)))}


ACTION = Action(
    "test",
    inputs=(
        MODELS._replace(argument=None),
        Input("kind", choices=KINDS),
        ALLOW_PENDING,
        MLFLOW,
        WORKING_DIRECTORY,
    ),
    outputs=(
        RESULT,
        Output("models", take=Take.JSON),
        Output("checks"),
        Output("failed"),
        Output("inconclusive"),
        SARIF,
        REPORT,
    ),
    answers="verdict",
    results=checks.WORDS,
    prepare=_prepare,
    values=_values,
    reasons=checks.reasons,
    findings=checks.findings,
    summary=checks.summary,
)
