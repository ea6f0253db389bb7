"""Tests for a job summary or a comment: the answer, a table of what did not pass, and how many passed."""

from __future__ import annotations

from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.reporting.markdown import inert
from mlops_gitops.reporting.reports import MARKS
from mlops_gitops.reporting.results.records import NAMES, WORDS, Results, sentence, worst_first

_SHOWN = 100
"""A job summary holds one MiB; this many rows of a report always fit."""


def render(results: Results) -> str:
    """The whole report."""
    blocks = [f"### {MARKS[results.verdict]} mlops-gitops test\n\n{sentence(results)}"]
    for model, report in results.reports:
        wrong = [check for check in worst_first(report.checks) if check.verdict is not Verdict.PASS]
        title = f"#### {MARKS[report.verdict]} {inert(model)}: {NAMES.get(report.kind, inert(report.kind))}"
        lines = [title, "", inert(report.summary)]
        if wrong:
            lines += ["", "| | Check | About | What was found | What to do |", "|---|---|---|---|---|"]
            lines += [_row(one) for one in wrong[:_SHOWN]]
        if len(wrong) > _SHOWN:
            lines += ["", f"and {len(wrong) - _SHOWN:,} more"]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _row(check: Check) -> str:
    place = f"<br>{inert(str(check.location))}" if check.location else ""
    cells = (
        WORDS[check.verdict],
        inert(check.id),
        inert(check.subject),
        f"{inert(check.message)}{place}",
        inert(check.fix),
    )
    return f"| {' | '.join(cells)} |"
