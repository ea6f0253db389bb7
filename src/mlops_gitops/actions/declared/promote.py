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
    texts, everything = call.inputs.texts, call.inputs.flags["all"]
    if everything == bool(texts["model"]) or (not everything and not texts["to"]):
        raise contradiction(
            "the Action must know what to promote", "give `model` and `to`, or `all: true` for all that is eligible"
        )
    return []


def _values(document: Document, call: Call) -> dict[str, str]:
    listed = moves.entries(document.get("promotions"))
    named = {name: moves.single(listed, name) for name in ("environment", "release", "promotion")}
    return {**named, "environment": named["environment"] or call.inputs.texts["to"]}


def _reasons(document: Document) -> list[str]:
    return [reason for entry in moves.entries(document.get("promotions")) for reason in moves.reasons(entry)]


def _summary(document: Document, _result: str) -> str:
    return moves.table(moves.entries(document.get("promotions")), done="promoted")


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
        REPORT,
    ),
    needs_secrets=True,
    prepare=_prepare,
    values=_values,
    reasons=_reasons,
    summary=_summary,
)
