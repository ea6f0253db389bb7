"""The Action ``reproduce``: train again, compare with the record, and say what makes the two differ."""

from __future__ import annotations

import json

from mlops_gitops.actions import keeping, outputs
from mlops_gitops.actions.declaration import (
    ALLOW_PENDING,
    ENVIRONMENTS,
    KEYS,
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
from mlops_gitops.actions.inputs import Input, Kind
from mlops_gitops.findings import Finding

_FIELDS = ("model", "verdict", "promised", "reached")
_REPORT = "--report"


def _prepare(call: Call) -> list[str]:
    """The pages for people go where later steps find them."""
    return [_REPORT, keeping.folder("reproduce-pages", call.settings)]


def _values(document: Document, call: Call) -> dict[str, str]:
    listed = moves.entries(document.get("reproductions"))
    verdicts = [one.get("verdict") for one in listed]
    counts = {"failed": str(verdicts.count("fail")), "inconclusive": str(verdicts.count("inconclusive"))}
    return {
        **(counts if document else {}),
        "models": json.dumps([{name: one.get(name) for name in _FIELDS} for one in listed]),
        "level": moves.single(listed, "reached"),
        "pages-path": call.words[call.words.index(_REPORT) + 1],
    }


def _reasons(document: Document) -> list[str]:
    waiting = [one for one in moves.entries(document.get("reproductions")) if one.get("verdict") != "pass"]
    found = []
    for one in waiting:
        found.append(f"{one.get('summary')}")
        found += [f"{one.get('model')}: {more.get('message')}" for more in moves.entries(one.get("problems"))]
    return found


def _marks(document: Document) -> tuple[Finding, ...]:
    """Problems and causes that have a line in the training's code."""
    found: list[Finding | None] = []
    for one in moves.entries(document.get("reproductions")):
        told = one.get("explanation")
        causes = moves.entries(told.get("causes")) if isinstance(told, dict) else []
        found += [_mark("reproduction.problem", problem, error=True) for problem in moves.entries(one.get("problems"))]
        found += [_mark("reproduction.cause", cause, error=False) for cause in causes]
    return tuple(one for one in found if one is not None)


def _mark(id_: str, one: moves.Entry, *, error: bool) -> Finding | None:
    return checks.remark({"id": id_, **one}, one.get("place"), error=error)


def _summary(document: Document, _result: str) -> str:
    heads, listed = ("model", "promised", "reached", "verdict"), moves.entries(document.get("reproductions"))
    return outputs.table(heads, ((str(one.get(name) or "—") for name in heads) for one in listed))


ACTION = Action(
    "reproduce",
    inputs=(
        MODELS,
        Input("twice", "--twice", Kind.FLAG),
        Input("explain", "--explain", Kind.FLAG),
        Input("deterministic", "--deterministic", Kind.FLAG),
        Input("release", "--release"),
        Input("publish", "--publish", Kind.FLAG, changes=True),
        Input("renew", "--renew", Kind.FLAG),
        Input("python-environment", "--environment"),
        Input("allow-dirty", "--allow-dirty", Kind.FLAG),
        *ENVIRONMENTS,
        *KEYS,
        Input("dry-run", kind=Kind.FLAG),
        ALLOW_PENDING,
        WORKING_DIRECTORY,
    ),
    outputs=(
        RESULT,
        Output("models", take=Take.JSON),
        Output("level"),
        Output("failed"),
        Output("inconclusive"),
        Output("pages-path"),
        SARIF,
        REPORT,
    ),
    answers="verdict",
    results=checks.WORDS,
    prepare=_prepare,
    values=_values,
    reasons=_reasons,
    marks=_marks,
    summary=_summary,
)
