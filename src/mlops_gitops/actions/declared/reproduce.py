"""The Action ``reproduce``: train again, compare with the record, and say what makes the two differ."""

from __future__ import annotations

import json
import tempfile

from mlops_gitops.actions import outputs
from mlops_gitops.actions.declaration import (
    ALLOW_PENDING,
    ENVIRONMENTS,
    KEYS,
    MODELS,
    REPORT,
    RESULT,
    WORKING_DIRECTORY,
    Action,
    Call,
    Document,
    Output,
    Take,
)
from mlops_gitops.actions.declared import checks, moves
from mlops_gitops.actions.inputs import Input, Kind
from mlops_gitops.errors import WorldFailed

_FIELDS = ("model", "verdict", "promised", "reached")
_REPORT = "--report"
_PAGES = "mlops-gitops-reproduce-pages-"


def _prepare(call: Call) -> list[str]:
    """The pages for people go where later steps find them."""
    try:
        return [_REPORT, tempfile.mkdtemp(prefix=_PAGES, dir=call.settings.temporary)]
    except OSError as error:
        raise WorldFailed(
            f"no folder can be made in {call.settings.temporary}: {error.strerror}",
            hint="RUNNER_TEMP must name a folder that can be written, on a disk with some space",
            code="report",
        ) from error


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
        REPORT,
    ),
    answers="verdict",
    results=checks.WORDS,
    prepare=_prepare,
    values=_values,
    reasons=_reasons,
    summary=_summary,
)
