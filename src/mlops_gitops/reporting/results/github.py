"""Tests as annotations: what did not pass stands on the line of the manifest that demanded it, the worst first."""

from __future__ import annotations

from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.reporting.results.records import Results, sentence
from mlops_gitops.reporting.scorecard import inline
from mlops_gitops.reporting.scorecard.records import Remark


def render(results: Results) -> str:
    """Workflow commands, one a line, and the answer in a sentence."""
    wrong = [check for _, _, check in results.checks() if check.verdict is not Verdict.PASS]
    remarks = sorted(map(_remark, wrong), key=lambda one: one.order)
    return f"{inline.render(remarks)}{sentence(results)}"


def _remark(check: Check) -> Remark:
    where, error = check.location, check.verdict is Verdict.FAIL
    if where is None:
        return Remark(check.id, error, check.subject, check.message, check.fix)
    place = (where.file, where.line, where.column, where.end_line, where.end_column)
    return Remark(check.id, error, check.subject, check.message, check.fix, *place)
