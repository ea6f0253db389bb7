"""The Action ``release``: test a model, assemble and sign its release, and publish it in one commit."""

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
    Document,
    Output,
)
from mlops_gitops.actions.declared import checks, moves
from mlops_gitops.actions.inputs import Input, Kind, contradiction

_VERDICTS = ("fail", "inconclusive")


def _prepare(call: Call) -> list[str]:
    if not call.inputs.texts["model"]:
        raise contradiction("the Action must know what to release", "give `model` the name of a folder below models/")
    return []


def _values(document: Document, call: Call) -> dict[str, str]:
    """The digest is that of the image: what an environment pulls."""
    verdicts = {str(one.get("verdict")) for one in moves.entries(document.get("reports"))}
    verdict = next((one for one in _VERDICTS if one in verdicts), "pass") if verdicts else ""
    digest = str(document.get("image") or "").partition("@")[2]
    return {**checks.counts(document, call), "verdict": checks.WORDS.get(verdict, verdict), "digest": digest}


ACTION = Action(
    "release",
    inputs=(
        Input("model", ""),
        Input("image", "--image"),
        Input("renew", "--renew", Kind.FLAG),
        Input("allow-dirty", "--allow-dirty", Kind.FLAG),
        *ENVIRONMENTS,
        *KEYS,
        DRY_RUN,
        ALLOW_PENDING,
        MLFLOW,
        WORKING_DIRECTORY,
    ),
    outputs=(
        RESULT,
        Output("release", "release"),
        Output("version", "version"),
        Output("image", "image"),
        Output("digest"),
        Output("commit", "commit"),
        Output("verdict"),
        Output("checks"),
        Output("failed"),
        Output("inconclusive"),
        SARIF,
        REPORT,
    ),
    needs_secrets=True,
    prepare=_prepare,
    values=_values,
    reasons=checks.reasons,
    findings=checks.findings,
    summary=checks.summary,
)
