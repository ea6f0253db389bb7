"""The Action ``promote``: move a release into an environment, if the evidence allows it."""

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
    texts, everything = call.inputs.texts, call.inputs.flags["all"]
    if everything == bool(texts["model"]) or (not everything and not texts["to"]):
        raise contradiction(
            "the Action must know what to promote", "give `model` and `to`, or `all: true` for all that is eligible"
        )
    return []


TOLD = moves.Told("promotions", into="to", done="promoted")

ACTION = Action(
    "promote",
    inputs=(
        Input("model", ""),
        Input("to", "--to"),
        Input("all", "--all", Kind.FLAG),
        Input("release", "--release"),
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
        Output("pull-request", "pullRequest"),
        Output("promotions", "promotions", Take.JSON),
        Output("changes"),
        Output("waiting"),
        SARIF,
        REPORT,
    ),
    needs_secrets=True,
    prepare=_prepare,
    values=TOLD.values,
    reasons=TOLD.reasons,
    summary=TOLD.summary,
)
