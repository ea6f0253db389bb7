"""The Action ``build``: the serving images of models, by digest; into a registry, an engine, or only to know them."""

from __future__ import annotations

import json
from collections.abc import Mapping

from mlops_gitops.actions import outputs
from mlops_gitops.actions.declaration import (
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
from mlops_gitops.actions.inputs import Input, Kind
from mlops_gitops.findings import Finding, Severity


def _judge(answer: Answer, _call: Call) -> tuple[str, int]:
    pushed = [one for one in moves.entries(answer.document.get("images")) if one.get("pushed")]
    return "pushed" if pushed else "built", answer.exit_code


def _image(one: moves.Entry) -> dict[str, object]:
    pushed = one.get("pushed")
    reference = pushed.get("reference") if isinstance(pushed, dict) else None
    return {"model": one.get("model"), "digest": one.get("digest"), "reference": reference, "size": one.get("size")}


def _values(document: Document, _call: Call) -> dict[str, str]:
    listed = [_image(one) for one in moves.entries(document.get("images"))]
    named = {name: moves.single(listed, name) for name in ("digest", "reference")}
    return {**named, "images": json.dumps(listed), **({"count": str(len(listed))} if document else {})}


def _findings(document: Document) -> tuple[Finding, ...]:
    from mlops_gitops.manifests.rules.registry import rules

    found = []
    for image in moves.entries(document.get("images")):
        for one in moves.entries(image.get("findings")):
            place, rule = checks.location(one.get("location")), rules().get(str(one.get("rule")))
            if place is not None and rule is not None:
                severity, message = Severity(one["severity"]), str(one.get("message"))
                found.append(Finding(rule.id, severity, place, message, rule.fix))
    return tuple(found)


def _summary(document: Document, _result: str) -> str:
    rows = map(_row, map(_image, moves.entries(document.get("images"))))
    return outputs.table(("model", "digest", "reference", "megabytes"), rows)


def _row(one: Mapping[str, object]) -> tuple[str, ...]:
    size = one["size"]
    megabytes = f"{size / 1e6:.1f}" if isinstance(size, int) else "—"
    return str(one["model"]), str(one["digest"]), str(one["reference"] or "—"), megabytes


ACTION = Action(
    "build",
    inputs=(
        MODELS,
        Input("push", "--push", changes=True),
        Input("load", "--load", Kind.FLAG, changes=True),
        Input("advisories", "--advisories", Kind.LINES),
        Input("allow-dirty", "--allow-dirty", Kind.FLAG),
        Input("dry-run", kind=Kind.FLAG),
        WORKING_DIRECTORY,
    ),
    outputs=(
        RESULT,
        Output("digest"),
        Output("reference"),
        Output("images", take=Take.JSON),
        Output("count"),
        SARIF,
        REPORT,
    ),
    values=_values,
    findings=_findings,
    summary=_summary,
    judge=_judge,
)
