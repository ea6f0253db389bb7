"""For a job summary or a comment: one table.

Words from files stand in ``<code>`` with every character but letters, digits and spaces as an entity: there Markdown
has no marks to find, HTML no tags, and GitHub makes no mentions and no links.
"""

from __future__ import annotations

import re

from mlops_gitops.findings import Finding
from mlops_gitops.reporting.result import Result, worst_first
from mlops_gitops.reporting.text import inert as control_free

_SHOWN = 200
"""A job summary holds one MiB; this many rows always fit."""

_LONGEST = 500


def render(result: Result) -> str:
    """The whole report."""
    title = f"### mlops-gitops validate\n\n{result.summary}"
    if not result.findings:
        return title
    ordered = worst_first(result.findings)
    rows = [_row(one) for one in ordered[:_SHOWN]]
    table = ["| | Place | Rule | Problem | Fix |", "|---|---|---|---|---|", *rows]
    more = f"\n\nand {len(ordered) - _SHOWN} more" if len(ordered) > _SHOWN else ""
    return f"{title}\n\n" + "\n".join(table) + more


def inert(text: str) -> str:
    """Text that renders as itself and as nothing else."""
    short = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    encoded = re.sub(r"[^A-Za-z0-9 ]", lambda found: f"&#{ord(found.group())};", control_free(" ".join(short.split())))
    return f"<code>{encoded}</code>"


def _row(finding: Finding) -> str:
    cells = (
        finding.severity.value,
        inert(str(finding.location)),
        f"[{finding.rule}]({finding.documentation})",
        inert(finding.message),
        inert(finding.fix),
    )
    return f"| {' | '.join(cells)} |"
