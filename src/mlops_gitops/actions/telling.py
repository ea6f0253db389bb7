"""From a verb's answer to what GitHub is told: result and exit code, outputs, annotations, summary.

What every Action says in the same way is said here: why it failed and what to do, what stands in the way, what is
skipped in a fork's pull request.  Other people's words are shown inert.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from mlops_gitops.actions import commands, outputs
from mlops_gitops.actions.declaration import Action, Answer, Call, Document, Take
from mlops_gitops.errors import EXIT_BUG, Failure, NotYet, Refused
from mlops_gitops.findings import Finding
from mlops_gitops.reporting.inert import inert
from mlops_gitops.reporting.result import Result

ERROR, REFUSED, PENDING, SKIPPED = "error", "refused", "pending", "skipped"
FAILED = {Refused.exit_code: REFUSED, NotYet.exit_code: PENDING}
"""The ``result`` of a verb that ended without a decision, by its exit code; ``error`` for any other."""
ALARMING = {ERROR, REFUSED, "failed", "broken"}
"""The results whose reasons are errors; others that do not succeed are warnings."""
SHOWN = 5
_MARKS = {**dict.fromkeys(ALARMING, "❌"), PENDING: "❔", "inconclusive": "❔", SKIPPED: "▫️"}
"""How a result looks before it is read, as in the comment; ✅ for any other."""


class Outcome(NamedTuple):
    """What an Action answers.

    ``annotations`` are whole workflow commands.  ``document`` is the answer of the verb, or why there is none;
    ``marks`` is what has a line in a file, ``notes`` what has none, for code scanning.
    """

    exit_code: int
    outputs: Mapping[str, str]
    summary: str = ""
    annotations: tuple[str, ...] = ()
    document: Mapping[str, Any] = {}
    marks: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()


def outcome(action: Action, answer: Answer, call: Call) -> Outcome:
    """Everything about one answer."""
    if answer.error is not None or not answer.document:
        return _no_answer(action, answer, call)
    result, exit_code = _judged(action, answer, call)
    found = _findings(action, answer.document, call)
    values = {one.name: one.text(answer.document) for one in action.outputs}
    if action.values is not None:
        values |= action.values(answer.document, call)
    reasons = action.reasons(answer.document) if action.reasons is not None else []
    late = behind(answer.document)
    return Outcome(
        exit_code=exit_code,
        outputs={**values, "result": result},
        summary=_page(action, answer, call, result, reasons) + "".join(f"\n{one}\n" for one in late),
        annotations=(
            *_lines(found),
            *(_annotations(action, result, reasons, late) if (answer.exit_code and not found) or late else ()),
        ),
        document=answer.document,
        marks=action.marks(answer.document) if action.marks is not None else found,
        notes=tuple(map(inert, (*(reasons if not found else ()), *late))),
    )


def failed(name: str, message: str, hint: str, *, exit_code: int, result: str = ERROR) -> Outcome:
    """The outcome of a run that came to no answer: the cause and what to do, as annotation and as summary."""
    cause, advice = outputs.code(message), outputs.code(hint)
    return Outcome(
        exit_code=exit_code,
        outputs={"result": result},
        summary=f"{_head(name, result)}\n\n{cause}\n\nWhat to do: {advice}\n",
        annotations=(commands.annotation("error", f"{message}\nWhat to do: {hint}", title=f"mlops-gitops {name}"),),
        notes=(inert(f"{message}; what to do: {hint}"),),
    )


def stopped(name: str, failure: Failure) -> Outcome:
    """The outcome of a run that a failure ended before its verb, or after it."""
    from mlops_gitops.reporting.failures import failure_document

    told = failed(name, failure.message, failure.hint, exit_code=failure.exit_code)
    return told._replace(document={"error": failure_document(failure)})


def skipped(action: Action) -> Outcome:
    """The outcome in a fork's pull request, where the Action can do nothing."""
    text = f"a fork's pull request has no secrets, so there is nothing that {action.name} may do; this is no failure"
    return Outcome(
        exit_code=0,
        outputs={**_empty(action), "result": SKIPPED},
        summary=f"{_head(action.name, SKIPPED)}\n\n{text[0].upper()}{text[1:]}.\n",
        annotations=(commands.annotation("notice", text, title=f"mlops-gitops {action.name}"),),
        notes=(text,),
    )


def behind(document: Document) -> list[str]:
    """Why the MLflow registry does not show what git says, in words; empty where it does."""
    derived = document.get("derived")
    mlflow = derived.get("mlflow") if isinstance(derived, dict) else None
    if not isinstance(mlflow, dict):
        return []
    if isinstance(mlflow.get("error"), dict):
        why = outputs.code(str(mlflow["error"].get("message")))
        return [f"The MLflow registry was not updated: {why}. The next run puts it right."]
    if mlflow.get("configured") is False:
        return ["The MLflow registry was not updated: set `MLFLOW_TRACKING_URI` and give `mlflow: true`."]
    return []


def tolerant(exit_code: int, call: Call) -> int:
    """The exit code of the step: *not yet* is no failure where the workflow says so."""
    return 0 if exit_code == NotYet.exit_code and call.inputs.flags.get("allow-pending") else exit_code


def _judged(action: Action, answer: Answer, call: Call) -> tuple[str, int]:
    if action.judge is not None:
        return action.judge(answer, call)
    word = str(answer.document.get(action.answers, ""))
    if word == "failed" and "failed" not in action.results:  # something could not be decided: its failure says how
        word = FAILED.get(answer.exit_code, ERROR)
    return action.results.get(word, word), tolerant(answer.exit_code, call)


def _no_answer(action: Action, answer: Answer, call: Call) -> Outcome:
    error = answer.error or {
        "message": "the command ended without an answer",
        "hint": "the log of this step says more; please report it as a bug",
    }
    result, code = FAILED.get(answer.exit_code, ERROR), tolerant(answer.exit_code or EXIT_BUG, call)
    told = failed(action.name, str(error.get("message")), str(error.get("hint")), exit_code=code, result=result)
    values = {**_empty(action), **(action.values({}, call) if action.values is not None else {})}
    return told._replace(outputs={**values, **told.outputs}, document=answer.document)


def _empty(action: Action) -> dict[str, str]:
    """Lists are empty lists, so that ``fromJSON`` works however the step ends."""
    return {one.name: "[]" for one in action.outputs if one.take is Take.JSON}


def _findings(action: Action, document: Document, call: Call) -> tuple[Finding, ...]:
    """The findings of an answer, their files named from the root of the repository, as GitHub wants them."""
    if action.findings is None:
        return ()
    prefix = PurePosixPath(call.world.cwd.relative_to(call.settings.workspace.resolve()).as_posix())
    return tuple(
        one._replace(location=one.location._replace(file=str(prefix / one.location.file)))
        for one in action.findings(document)
    )


def _lines(found: tuple[Finding, ...]) -> tuple[str, ...]:
    """The findings on their lines, the worst first, as many as GitHub shows of a step."""
    if not found:
        return ()
    from mlops_gitops.reporting import github

    lines = github.render(Result(found, 0)).split("\n")[:-1]  # a file name may hold other ends of lines
    shown = [line for line in lines if not line.startswith("::notice")]
    hidden = len(found) - len(shown)
    more = commands.annotation("notice", f"and {hidden} more in the summary", title="mlops-gitops")
    return (*shown, *([more] if hidden else []))


def _page(action: Action, answer: Answer, call: Call, result: str, reasons: list[str]) -> str:
    return action.page(call) if action.page is not None else _summary(action, answer.document, result, reasons)


def _head(name: str, result: str) -> str:
    return f"### {_MARKS.get(result, '✅')} {name}: {result}"


def _summary(action: Action, document: Document, result: str, reasons: list[str]) -> str:
    lines = [_head(action.name, result), ""]
    if action.summary is not None:
        lines += [action.summary(document, result), ""]
    if reasons:
        lines += ["What stands in the way:", "", *(f"* {outputs.code(one)}" for one in reasons), ""]
    if isinstance(document.get("pullRequest"), str):
        lines += [f"Pull request {outputs.pull_request(document['pullRequest'])} proposes it.", ""]
    if isinstance(document.get("commit"), str):
        lines += [f"Commit {outputs.code(document['commit'])} of the environment repository.", ""]
    return "\n".join(lines)


def _annotations(action: Action, result: str, reasons: list[str], late: list[str]) -> tuple[str, ...]:
    """One annotation with the first reasons: GitHub shows ten of a step, and the summary has them all."""
    more = f"\nand {len(reasons) - SHOWN} more in the summary" if len(reasons) > SHOWN else ""
    text = "\n".join(map(inert, reasons[:SHOWN])) + more or ("the MLflow registry was not updated" if late else result)
    level = "error" if result in ALARMING else "warning"
    return (commands.annotation(level, text, title=f"mlops-gitops {action.name}: {result}"),)
