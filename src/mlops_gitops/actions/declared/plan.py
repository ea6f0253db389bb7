"""The Action ``plan``: which models a change touches, as a matrix for the jobs that come after."""

from __future__ import annotations

from mlops_gitops.actions import outputs
from mlops_gitops.actions.declaration import (
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

SHOWN = 100
"""So many models are shown in the summary; the report has all."""


def _prepare(call: Call) -> list[str]:
    """The range of commits that the event is about, where no input names one."""
    texts, event = call.inputs.texts, call.event
    if call.inputs.flags["all"]:
        if texts["base"] or texts["head"]:
            raise contradiction("the inputs `all` and `base` contradict each other", "leave out one of the two")
        return []
    if texts["base"]:
        return []
    if texts["head"]:
        raise contradiction("the input `head` is given without `base`", "give `base` too, or leave both to the event")
    if not event.base or not event.head:
        return ["--all"]
    if event.name == "push":
        return ["--since", event.base]
    return ["--base", event.base, *(["--tip", event.head] if event.reviewed else [])]


def _summary(document: Document, _result: str) -> str:
    listed = moves.entries(document.get("models"))
    lines = [f"Touched: {len(listed)} of {document.get('known')} models."]
    if listed:
        lines += ["", outputs.table(("model", "why", "file"), map(_row, listed[:SHOWN]))]
    if len(listed) > SHOWN:
        lines += ["", f"and {len(listed) - SHOWN} more in `report-path`"]
    return "\n".join(lines)


def _row(one: moves.Entry) -> tuple[str, ...]:
    first = (moves.entries(one.get("reasons")) or [{}])[0]
    return str(one.get("model")), str(first.get("why") or "—"), str(first.get("path") or "—")


ACTION = Action(
    "plan",
    inputs=(
        Input("base", "--base"),
        Input("head", "--head"),
        Input("all", "--all", Kind.FLAG),
        Input("jobs", "--jobs", Kind.NUMBER),
        WORKING_DIRECTORY,
    ),
    outputs=(
        RESULT,
        Output("count", "models", Take.COUNT),
        Output("models", "names", Take.JSON),
        Output("matrix", "matrix", Take.JSON),
        Output("jobs", "jobs", Take.COUNT),
        SARIF,
        REPORT,
    ),
    prepare=_prepare,
    summary=_summary,
)
