"""The Action ``test``: the tests that manifests declare, of data, models, features and images, each on its line.

It needs no secret, but where the data of a day are to be counted as a look and published as evidence.
"""

from __future__ import annotations

import json

from mlops_gitops.actions import keeping, telling
from mlops_gitops.actions.declaration import (
    ALLOW_PENDING,
    ENVIRONMENTS,
    KEYS,
    MLFLOW,
    MODELS,
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
from mlops_gitops.actions.inputs import Input, Kind, contradiction

KINDS = ("all", "data", "model", "infra", "features")
_REPORT = "--report"
_PLACED = {
    **{name: {"all", "infra"} for name in ("image", "to")},
    **{name: {"features"} for name in ("against", "server")},
    **{name: {"data"} for name in ("look", "release", "publish")},
}
"""The kinds that an input is for."""


def _prepare(call: Call) -> list[str]:
    """What to test comes before the models, and all of it is said by naming none."""
    kind = call.inputs.texts["kind"]
    for name, kinds in _PLACED.items():
        if (call.inputs.texts.get(name) or call.inputs.flags.get(name)) and kind not in kinds:
            raise contradiction(
                f"the input `{name}` is given with `kind: {kind}`",
                f"leave it out, or give `kind` one of {', '.join(sorted(kinds))}",
            )
    _check_looks(call)
    report = [] if kind == "features" else [_REPORT, keeping.folder("test-pages", call.settings)]
    return [*([] if kind == "all" else [kind]), *call.inputs.lines["models"], *report]


def _check_looks(call: Call) -> None:
    """A look is counted by evidence or by a number, and evidence is about one release of one model."""
    publish, texts = call.inputs.flags["publish"], call.inputs.texts
    if publish and texts["look"]:
        raise contradiction(
            "the inputs `publish` and `look` both number the look",
            "give `publish`, which counts by itself, or `look` the number that something else counts",
        )
    if texts["release"] and not publish:
        raise contradiction(
            "the input `release` says what the evidence is about, and none is published",
            "give `publish: true` with it, or leave it out",
        )
    if publish and len(call.inputs.lines["models"]) != 1:
        raise contradiction(
            "the input `publish` counts the looks of one model",
            "give `models` the name of one; several are the jobs of a matrix",
        )


def _judge(answer: Answer, call: Call) -> tuple[str, int]:
    """What features cost is measured, and judged only where a manifest demands something."""
    word = str(answer.document.get("verdict") or "measured")
    return checks.WORDS.get(word, word), telling.tolerant(answer.exit_code, call)


def _values(document: Document, call: Call) -> dict[str, str]:
    names = [str(one.get("model")) for one in moves.entries(document.get("reports"))]
    measured = [str(one.get("model")) for one in moves.entries(document.get("features"))]
    pages = call.words[call.words.index(_REPORT) + 1] if _REPORT in call.words else ""
    return {
        **checks.counts(document, call),
        "models": json.dumps(list(dict.fromkeys([*names, *measured]))),
        "pages-path": pages,
        "junit-path": f"{pages}/*/junit.xml" if pages and names else "",
    }


ACTION = Action(
    "test",
    inputs=(
        MODELS._replace(argument=None),
        Input("kind", choices=KINDS),
        Input("image", "--image"),
        Input("to", "--to"),
        Input("against", "--against"),
        Input("server", "--server"),
        Input("look", "--look", Kind.NUMBER),
        Input("publish", "--publish", Kind.FLAG, changes=True),
        Input("release", "--release", changes=True),
        *ENVIRONMENTS,
        *KEYS,
        Input("dry-run", kind=Kind.FLAG),
        ALLOW_PENDING,
        MLFLOW,
        WORKING_DIRECTORY,
    ),
    outputs=(
        RESULT,
        Output("models", take=Take.JSON),
        Output("checks"),
        Output("failed"),
        Output("inconclusive"),
        Output("commit", "commit"),
        Output("pages-path"),
        Output("junit-path"),
        SARIF,
        REPORT,
    ),
    answers="verdict",
    results=checks.WORDS,
    judge=_judge,
    prepare=_prepare,
    values=_values,
    reasons=checks.reasons,
    findings=checks.findings,
    summary=checks.summary,
)
