"""The Action ``promote``: move a release into an environment, if the evidence allows it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mlops_gitops.actions import commands, credentials, outputs
from mlops_gitops.actions.inputs import Input, Inputs, Kind
from mlops_gitops.actions.run import Answer, Call, Outcome, ask, failed, folder, kept
from mlops_gitops.errors import Misused, NotYet, Refused

INPUTS = (
    Input("model"),
    Input("to"),
    Input("all", Kind.FLAG),
    Input("release"),
    Input("environments"),
    Input("token", secret=True),
    Input("signing-key", secret=True),
    Input("key"),
    Input("dry-run", Kind.FLAG),
    Input("allow-pending", Kind.FLAG),
    Input("mlflow", Kind.FLAG),
    Input("working-directory"),
)
OUTPUTS = ("result", "environment", "release", "promotion", "commit", "promotions", "report-path")

PROMOTED, NOTHING, REFUSED, PENDING, SKIPPED = "promoted", "nothing-to-do", "refused", "pending", "skipped"
_KEY = "MG_SIGNING_KEY"


def secrets(inputs: Mapping[str, str]) -> tuple[str, ...]:
    """The token, the header it travels in, and every line of the key."""
    token, key = inputs["token"].strip(), inputs["signing-key"].strip()
    return (*(credentials.hidden(token) if token else ()), *((key,) if key else ()))


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
        extra.update(credentials.for_url(url, token, call.world.environ))
    if call.inputs.texts["signing-key"]:
        extra[_KEY] = call.inputs.texts["signing-key"] + "\n"
    call = call._replace(world=call.world._replace(cwd=folder(call)))
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
    for option in ("to", "release", "environments"):
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
    one = promotions[0] if len(promotions) == 1 else {}
    named = {
        "environment": str(one.get("environment") or call.inputs.texts["to"]),
        "commit": str(one.get("commit") or answer.document.get("commit") or ""),
        **{name: str(one.get(name) or "") for name in ("release", "promotion")},
    }
    return Outcome(
        exit_code=_tolerant(answer.exit_code, call.inputs),
        outputs={"result": result, **named, "promotions": json.dumps(promotions), "report-path": report},
        summary=summary(result, promotions),
        annotations=_annotations(result, promotions, answer.exit_code),
    )


def _no_answer(answer: Answer, report: str, call: Call) -> Outcome:
    error = answer.error or {
        "message": "the command ended without an answer",
        "hint": "the log of this step says more; please report it as a bug",
    }
    result = {Refused.exit_code: REFUSED, NotYet.exit_code: PENDING}.get(answer.exit_code, "error")
    message, hint = str(error.get("message")), str(error.get("hint"))
    outcome = failed("promote", message, hint, exit_code=_tolerant(answer.exit_code, call.inputs), result=result)
    environment = call.inputs.texts["to"]
    return outcome._replace(
        outputs={**outcome.outputs, "environment": environment, "promotions": "[]", "report-path": report}
    )


def _tolerant(exit_code: int, inputs: Inputs) -> int:
    return 0 if exit_code == NotYet.exit_code and inputs.flags["allow-pending"] else exit_code


def summary(result: str, promotions: list[dict[str, Any]]) -> str:
    """What a person reads on the page of the run."""
    lines = [f"### promote: {result}", ""]
    if promotions:
        lines += ["| environment | model | release | commit |", "|---|---|---|---|"]
    for entry in promotions:
        cells = [str(entry.get(name) or "—") for name in ("environment", "model", "release", "commit")]
        cells[2:] = [cell[:12] for cell in cells[2:]]
        lines.append("| " + " | ".join(outputs.code(cell) for cell in cells) + " |")
    for entry in promotions:
        reasons = entry.get("reasons")
        for reason in reasons if isinstance(reasons, list) else []:
            lines.append(f"* {outputs.code(str(entry.get('model')))}: {outputs.code(str(reason), limit=1000)}")
    return "\n".join(lines) + "\n"


def _annotations(result: str, promotions: list[dict[str, Any]], exit_code: int) -> tuple[str, ...]:
    if exit_code == 0:
        return ()
    level = "warning" if result == PENDING else "error"
    reasons = [str(reason) for entry in promotions for reason in entry.get("reasons") or []]
    text = "; ".join(reasons[:5]) or result
    return (commands.annotation(level, text, title=f"mlops-gitops promote: {result}"),)
