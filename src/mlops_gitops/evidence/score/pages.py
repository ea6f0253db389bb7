"""The table of the 28 tests in the documentation, made from the rubric.

``python -m mlops_gitops.evidence.score.pages docs/explanation/ml-test-score.md`` writes it between the marks of that
page; a test holds that what is committed is current.
"""

from __future__ import annotations

import sys
from pathlib import Path

from mlops_gitops.evidence.score.rubric import CANARY, REVIEWED, SECTIONS, TESTS, YOUNG, Criterion

BEGIN, END = "<!-- rubric: begin -->", "<!-- rubric: end -->"
_CONDITIONS = {
    REVIEWED: "a clean commit, and an approval of somebody who did not write it",
    CANARY: "`serving.rollout.strategy: canary`",
    YOUNG: "no older than `monitoring.maxAge`, nor than those it was held against, on the day of the score",
}


def table() -> str:
    """The tests by section, each with what shows it."""
    rows = []
    for name, title in SECTIONS.items():
        rows += ["", f"### {title}", "", "| test | what it asks | shown by | by hand |", "|---|---|---|---|"]
        rows += [
            f"| `{one.id}` | {one.title} | {_shown(one)} | {one.by_hand} |" for one in TESTS if one.section == name
        ]
    return "\n".join(rows[1:])


def _shown(test: Criterion) -> str:
    groups = [" or ".join(f"`{name}`" for name in dict.fromkeys(name for _, name in group)) for group in test.shown_by]
    if test.condition:
        groups.append(_CONDITIONS[test.condition])
    return "; and ".join(groups) or "only by hand"


def current(page: str) -> str:
    """``page`` with the table made again.  Raises ``ValueError`` where it has no marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page needs the lines {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.write_text(current(target.read_text(encoding="utf-8")), encoding="utf-8")
