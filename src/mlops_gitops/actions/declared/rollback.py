"""The Action ``rollback``: back to the last good release, with a hold; or whatever evidence demands."""

from __future__ import annotations

from mlops_gitops.actions.declaration import (
    ALLOW_PENDING,
    DRY_RUN,
    ENVIRONMENTS,
    KEYS,
    MLFLOW,
    REPORT,
    RESULT,
    SARIF,
    WORKING_DIRECTORY,
    Action,
    Call,
    Output,
    Take,
)
from mlops_gitops.actions.declared import moves
from mlops_gitops.actions.inputs import Input, Kind, contradiction


def _prepare(call: Call) -> list[str]:
    texts = call.inputs.texts
    named = [texts["model"], texts["in"], texts["reason"]]
    if any([*named, texts["to"]]) if call.inputs.flags["due"] else not all(named):
        raise contradiction(
            "the Action must know what to move back",
            "give `model`, `in` and `reason`, or `due: true` for whatever evidence demands",
        )
    return []


TOLD = moves.Told("rollbacks", into="in", done="rolled back")

ACTION = Action(
    "rollback",
    inputs=(
        Input("model", ""),
        Input("in", "--in"),
        Input("reason", "--reason"),
        Input("to", "--to"),
        Input("due", "--due", Kind.FLAG),
        *ENVIRONMENTS,
        *KEYS,
        DRY_RUN,
        ALLOW_PENDING,
        MLFLOW,
        WORKING_DIRECTORY,
    ),
    outputs=(
        RESULT,
        Output("environment"),
        Output("release"),
        Output("promotion"),
        Output("commit", "commit"),
        Output("rollbacks", "rollbacks", Take.JSON),
        Output("changes"),
        Output("waiting"),
        SARIF,
        REPORT,
    ),
    needs_secrets=True,
    at_home=True,
    prepare=_prepare,
    values=TOLD.values,
    reasons=TOLD.reasons,
    summary=TOLD.summary,
)
