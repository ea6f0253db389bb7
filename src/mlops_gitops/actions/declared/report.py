"""The Action ``report``: what the jobs of a run found, in one comment on the pull request and one summary.

It runs in a job that runs nothing of the pull request, so that this job alone may write there.  Reports are what the
other jobs wrote, and no more is believed of them than ``mlops-gitops report`` believes.  The step succeeds whatever
they say: the jobs that found it have failed already.
"""

from __future__ import annotations

from pathlib import Path

from mlops_gitops.actions import keeping
from mlops_gitops.actions.declaration import (
    ENVIRONMENTS,
    REPORT,
    RESULT,
    SARIF,
    WORKING_DIRECTORY,
    Action,
    Answer,
    Call,
    Document,
    Output,
    Take,
)
from mlops_gitops.actions.declared import checks, moves
from mlops_gitops.actions.inputs import Input, Kind
from mlops_gitops.errors import EXIT_DONE, WorldFailed
from mlops_gitops.findings import Finding

_OUTPUT = "--output"
_WORDS = {"pass": "passed", "fail": "failed"}


def _prepare(call: Call) -> list[str]:
    """Where the forms go, on which pull request the comment, and whether evidence is there to compare with."""
    folder = keeping.folder("report", call.settings)
    words, event = [call.inputs.texts["reports"] or "reports", _OUTPUT, folder], call.event
    if event.reviewed and event.pull_request and event.head:
        words += ["--pull-request", str(event.pull_request), "--head", event.head]
        words += ["--comment"] if call.inputs.flags["comment"] else []
    return [*words, *(["--leaderboard"] if call.inputs.texts["environments"] else [])]


def _folder(call: Call) -> str:
    return call.words[call.words.index(_OUTPUT) + 1]


def _page(call: Call) -> str:
    """The summary that the verb wrote: one page for people, whole."""
    return (Path(_folder(call)) / "summary.md").read_text(encoding="utf-8")


def _values(document: Document, call: Call) -> dict[str, str]:
    placed = document.get("comment")
    named = placed if isinstance(placed, dict) else {}
    severities = [one.get("severity") for one in moves.entries(document.get("remarks"))]
    counts = {f"{word}s": str(severities.count(word)) for word in ("error", "warning")} if document else {}
    return {
        **counts,
        "comment": str(named.get("result") or ""),
        "comment-url": str(named.get("url") or ""),
        "folder": _folder(call),
    }


def _reasons(document: Document) -> list[str]:
    """Why there is no comment; everything else stands on the lines already, and in the summary."""
    placed = document.get("comment")
    return [str(placed["note"])] if isinstance(placed, dict) and placed.get("result") in {"denied", "failed"} else []


def _marks(document: Document) -> tuple[Finding, ...]:
    remarks = moves.entries(document.get("remarks"))
    return tuple(found for one in remarks if (found := checks.remark(one, one, error=one.get("severity") == "error")))


def _judge(answer: Answer, _call: Call) -> tuple[str, int]:
    word = str(answer.document.get("answer"))
    failed = answer.exit_code == WorldFailed.exit_code
    return _WORDS.get(word, word), WorldFailed.exit_code if failed else EXIT_DONE


ACTION = Action(
    "report",
    inputs=(
        Input("reports"),
        Input("expect", "--expect", Kind.LINES),
        Input("comment", kind=Kind.FLAG),
        Input("name", "--name"),
        *ENVIRONMENTS,
        WORKING_DIRECTORY,
    ),
    outputs=(
        RESULT,
        Output("summary", "summary"),
        Output("errors"),
        Output("warnings"),
        Output("left-out", "leftOut", Take.COUNT),
        Output("comment"),
        Output("comment-url"),
        Output("folder"),
        SARIF,
        REPORT,
    ),
    shows_token=True,
    prepare=_prepare,
    values=_values,
    reasons=_reasons,
    marks=_marks,
    page=_page,
    judge=_judge,
)
