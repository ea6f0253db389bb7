"""The Action ``promote``: move a release into an environment, if the evidence allows it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mlops_gitops.actions import commands, outputs
from mlops_gitops.actions.inputs import Input, Inputs, Kind
from mlops_gitops.actions.run import Answer, Call, Outcome, ask, failed, folder, kept
from mlops_gitops.adapters import git_credentials
from mlops_gitops.errors import Misused, NotYet, Refused
from mlops_gitops.reporting.inert import inert

INPUTS = (
    Input("model"),
    Input("to"),
    Input("all", Kind.FLAG),
    Input("release"),
    Input("environments"),
    Input("branch"),
    Input("token", secret=True),
    Input("signing-key", secret=True),
    Input("key"),
    Input("dry-run", Kind.FLAG),
    Input("allow-pending", Kind.FLAG),
    Input("mlflow", Kind.FLAG),
    Input("working-directory"),
)
OUTPUTS = ("result", "environment", "release", "promotion", "commit", "promotions", "report-path")

REFUSED, PENDING, SKIPPED = "refused", "pending", "skipped"
FAILED = {Refused.exit_code: REFUSED, NotYet.exit_code: PENDING}
"""The ``result`` of a verb that ended without a decision, by its exit code; ``error`` for any other."""
SHOWN = 5
_KEY = "MG_SIGNING_KEY"


def perform(call: Call) -> Outcome:
    """Promote, or say in words why not."""
    if call.event.fork:
        return _skipped()
    extra = {}
    token, url = call.inputs.texts["token"], call.inputs.texts["environments"]
    if token:
        if not url:
            raise Misused(
                "the input `token` is given without `environments`, so there is no URL to show it to",
                hint="give `environments` the https:// URL of the environment repository",
                code="input",
            )
        extra.update(git_credentials.for_url(url, token, call.world.environ))
    if call.inputs.texts["signing-key"]:
        extra[_KEY] = call.inputs.texts["signing-key"] + "\n"
    call = call._replace(world=call.world._replace(folder=folder(call)))
    answer = ask(words(call.inputs), call, extra=extra)
    return _outcome(answer, call)


def words(inputs: Inputs) -> list[str]:
    """The command line that these inputs stand for.  Raises ``Misused`` where they contradict each other."""
    texts, flags = inputs.texts, inputs.flags
    everything = flags["all"]
    if everything == bool(texts["model"]) or (not everything and not texts["to"]):
        raise Misused(
            "the Action must know what to promote",
            hint="under `with:`, give `model` and `to`, or `all: true` for all that is eligible",
            code="input",
        )
    if texts["signing-key"] and texts["key"]:
        raise Misused(
            "the inputs `signing-key` and `key` both name a key",
            hint="give `signing-key` the key itself, from a secret, or `key` the URI of a key service",
            code="input",
        )
    line = ["promote", "--all"] if everything else ["promote", texts["model"]]
    for option in ("to", "release", "environments", "branch"):
        if texts[option]:
            line += [f"--{option}", texts[option]]
    key = f"env:{_KEY}" if texts["signing-key"] else texts["key"]
    return line + (["--key", key] if key else []) + (["--dry-run"] if flags["dry-run"] else [])


def _skipped() -> Outcome:
    text = "a fork's pull request has no secrets, so nothing can be promoted from it; this is no failure"
    return Outcome(
        exit_code=0,
        outputs={"result": SKIPPED, "promotions": "[]"},
        summary=f"### promote: skipped\n\n{text}\n",
        annotations=(commands.annotation("notice", text, title="mlops-gitops promote"),),
    )


def _outcome(answer: Answer, call: Call) -> Outcome:
    report = kept("promote.json", json.dumps(answer.document, indent=2), call)
    if answer.error is not None or not answer.document:
        return _no_answer(answer, report, call)
    listed = answer.document.get("promotions")
    promotions = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    result = str(answer.document.get("result", ""))
    one, late = promotions[0] if len(promotions) == 1 else {}, behind(answer.document)
    named = {
        "result": FAILED.get(answer.exit_code, "error") if result == "failed" else result,
        "environment": str(one.get("environment") or call.inputs.texts["to"]),
        "release": str(one.get("release") or ""),
        "promotion": str(one.get("promotion") or ""),
        "commit": str(answer.document.get("commit") or ""),
    }
    return Outcome(
        exit_code=_tolerant(answer.exit_code, call.inputs),
        outputs={**named, "promotions": json.dumps(promotions), "report-path": report},
        summary=summary(named["result"], named["commit"], promotions) + "".join(f"\n{one}\n" for one in late),
        annotations=_annotations(named["result"], promotions, late) if answer.exit_code or late else (),
    )


def _no_answer(answer: Answer, report: str, call: Call) -> Outcome:
    error = answer.error or {
        "message": "the command ended without an answer",
        "hint": "the log of this step says more; please report it as a bug",
    }
    result = FAILED.get(answer.exit_code, "error")
    message, hint = str(error.get("message")), str(error.get("hint"))
    outcome = failed("promote", message, hint, exit_code=_tolerant(answer.exit_code, call.inputs), result=result)
    environment = call.inputs.texts["to"]
    return outcome._replace(
        outputs={**outcome.outputs, "environment": environment, "promotions": "[]", "report-path": report}
    )


def _tolerant(exit_code: int, inputs: Inputs) -> int:
    return 0 if exit_code == NotYet.exit_code and inputs.flags["allow-pending"] else exit_code


def summary(result: str, commit: str, promotions: list[dict[str, Any]]) -> str:
    """What a person reads on the page of the run: the answer, a line for each move, and what stands in its way."""
    lines = [f"### promote: {result}", ""]
    if promotions:
        lines += ["| environment | model | version | release | outcome |", "|---|---|---|---|---|"]
    for entry in promotions:
        outcome = "promoted" if entry.get("promotion") else entry.get("outcome")
        cells = (entry.get("environment"), entry.get("model"), entry.get("version"), entry.get("release"), outcome)
        short = [str(cell or "—")[:64] for cell in cells]
        short[3] = short[3][:12]
        lines.append("| " + " | ".join(map(outputs.code, short)) + " |")
    told = [f"* {outputs.code(reason)}" for entry in promotions for reason in reasons(entry)]
    if told:
        lines += ["", "What stands in the way:", "", *told]
    if commit:
        lines += ["", f"Commit {outputs.code(commit)} of the environment repository."]
    return "\n".join(lines) + "\n"


def reasons(entry: Mapping[str, Any]) -> list[str]:
    """Why one promotion did not happen: every gate that did not pass, or the failure that left it undecided."""
    model, environment = inert(str(entry.get("model"))), inert(str(entry.get("environment")))
    listed, error = entry.get("reasons"), entry.get("error")
    judged = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    found = [f"{one.get('gate')}: {one.get('reason')}" for one in judged if one.get("answer") != "pass"]
    if isinstance(error, dict):
        found.append(f"{error.get('message')}; what to do: {error.get('hint')}")
    return [f"{model} to {environment}: {inert(one)}" for one in found]


def behind(document: Mapping[str, Any]) -> list[str]:
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


def _annotations(result: str, promotions: list[dict[str, Any]], late: list[str]) -> tuple[str, ...]:
    """One annotation with the first reasons: GitHub shows ten of a step, and the summary has them all."""
    found = [reason for entry in promotions for reason in reasons(entry)]
    more = f"\nand {len(found) - SHOWN} more in the summary" if len(found) > SHOWN else ""
    text = "\n".join(found[:SHOWN]) + more or ("the MLflow registry was not updated" if late else result)
    level = "warning" if result == PENDING or (late and not found) else "error"
    return (commands.annotation(level, text, title=f"mlops-gitops promote: {result}"),)
