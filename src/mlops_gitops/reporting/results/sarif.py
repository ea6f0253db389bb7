"""Tests for code scanning: SARIF 2.1.0, a result for every check that did not pass, on the line that demanded it.

What is inconclusive is a warning.  A check that no line demanded stands on the first line of the model's manifest.
"""

from __future__ import annotations

import json

from mlops_gitops import __version__
from mlops_gitops.canonical import JSON, digest
from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.findings import Location
from mlops_gitops.reporting import sarif
from mlops_gitops.reporting.inert import inert
from mlops_gitops.reporting.results.records import Results

_LEVELS = {Verdict.FAIL: "error", Verdict.INCONCLUSIVE: "warning"}
_MOST = 5000
"""GitHub shows 5,000 results of a run."""


def render(results: Results) -> str:
    """The whole report."""
    wrong = [(model, check) for model, _, check in results.checks() if check.verdict is not Verdict.PASS][:_MOST]
    ids = sorted({check.id for _, check in wrong})
    rules: list[JSON] = [{"id": inert(one), "shortDescription": {"text": inert(one)}} for one in ids]
    driver: JSON = {"name": "mlops-gitops test", "version": __version__, "informationUri": sarif.HOME, "rules": rules}
    run: JSON = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(model, check, ids) for model, check in wrong],
    }
    return json.dumps({"$schema": sarif.SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _result(model: str, check: Check, ids: list[str]) -> JSON:
    where = check.location if check.location and check.location.file else Location(f"models/{model}/model.yaml")
    where = where._replace(file=inert(where.file))
    fix = f". What to do: {inert(check.fix)}" if check.fix else ""
    named = digest([inert(one) for one in (model, check.id, check.subject)])
    return {
        "ruleId": inert(check.id),
        "ruleIndex": ids.index(check.id),
        "level": _LEVELS[check.verdict],
        "message": {"text": f"{inert(check.message)}{fix}"},
        "locations": [sarif.place(where)],
        "partialFingerprints": {"check/v1": named},
    }
