"""The Action ``reconcile``: everything that the policies allow now, and pull requests for what people have to allow."""

from __future__ import annotations

import json

from mlops_gitops.actions import outputs
from mlops_gitops.actions.declaration import (
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
    Take,
)
from mlops_gitops.actions.declared import moves
from mlops_gitops.reporting.inert import inert


def _values(document: Document, _call: Call) -> dict[str, str]:
    commits = document.get("commits") or [""]
    open_ones = [str(one["url"]) for one in moves.entries(document.get("pullRequests")) if one.get("url")]
    opened = [str(one["url"]) for one in moves.entries(document.get("did")) if one.get("verb") == "opened"]
    return {"commit": str(commits[-1]), "pull-requests": json.dumps(list(dict.fromkeys([*open_ones, *opened])))}


def _reasons(document: Document) -> list[str]:
    """What somebody has to look at: failures, merges that were not allowed, branches that are not ours."""
    found = [
        f"{_where(one)}{one['error'].get('message')}; what to do: {one['error'].get('hint')}"
        for one in moves.entries(document.get("failures"))
    ]
    found += [
        f"{_where(one)}merged and not sealed: {one.get('reason')}; what to do: {one.get('remedy')}"
        for one in moves.entries(document.get("unsealed"))
    ]
    left = [one for one in moves.entries(document.get("pullRequests")) if one.get("step") == "leave"]
    return [*map(inert, found), *(inert(f"{_where(one)}left alone: {one.get('reason')}") for one in left)]


def _where(one: moves.Entry) -> str:
    return f"{one['model']} to {one['environment']}: " if one.get("model") else ""


def _summary(document: Document, _result: str) -> str:
    """What was done, then what waits, a line each."""
    lines = [_line(one, str(one.get("verb"))) for one in moves.entries(document.get("did"))]
    for one in (*moves.entries(document.get("rollbacks")), *moves.entries(document.get("moves"))):
        lines += [f"* {outputs.code(reason)}" for reason in moves.reasons(one)] or [_line(one, str(one.get("outcome")))]
    lines += [_line(one, str(one.get("step"))) for one in moves.entries(document.get("pullRequests"))]
    return "\n".join(lines)


def _line(one: moves.Entry, word: str) -> str:
    more = f" ({one['reason']})" if one.get("reason") else ""
    place = f" {outputs.pull_request(str(one['url']))}" if one.get("url") else ""
    return f"* {outputs.code(_where(one) + word + more)}{place}"


ACTION = Action(
    "reconcile",
    inputs=(*ENVIRONMENTS, *KEYS, DRY_RUN, MLFLOW, WORKING_DIRECTORY),
    outputs=(
        RESULT,
        Output("changes", "did", Take.COUNT),
        Output("waiting", "moves", Take.COUNT),
        Output("failures", "failures", Take.COUNT),
        Output("commit"),
        Output("commits", "commits", Take.JSON),
        Output("pull-requests", take=Take.JSON),
        SARIF,
        REPORT,
    ),
    needs_secrets=True,
    at_home=True,
    values=_values,
    reasons=_reasons,
    summary=_summary,
)
