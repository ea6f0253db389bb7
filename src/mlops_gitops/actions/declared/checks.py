"""What ``test`` and ``release`` have in common: reports of checks, as counts and as findings on lines of a manifest."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mlops_gitops.actions import outputs
from mlops_gitops.actions.declaration import Call, Document
from mlops_gitops.actions.declared import moves
from mlops_gitops.findings import DOCUMENTATION, Finding, Location, Severity

WORDS = {"pass": "passed", "fail": "failed"}
"""The ``result`` for a verdict."""
_SEVERITIES = {"fail": Severity.ERROR, "inconclusive": Severity.WARNING}


_DOCS = DOCUMENTATION.rpartition("/reference/")[0]


class Checked(Finding):
    """A check that did not pass, where a finding can be shown.  Checks have no pages of their own: the verb has one."""

    @property
    def documentation(self) -> str:
        """The page of the verb."""
        return f"{_DOCS}/reference/cli/{'reproduce' if self.rule.startswith('reproduction.') else 'test'}.md"


class Broken(Finding):
    """What does not hold in an environment repository."""

    @property
    def documentation(self) -> str:
        """The guide to it."""
        return f"{_DOCS}/how-to/when-verify-finds-something.md"


def each(document: Document) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Every check with the report that it stands in."""
    for report in moves.entries(document.get("reports")):
        for check in moves.entries(report.get("checks")):
            yield report, check


def findings(document: Document) -> tuple[Finding, ...]:
    """Every check that did not pass and has a line in a file."""
    found = []
    for report, check in each(document):
        place, severity = location(check.get("location")), _SEVERITIES.get(str(check.get("verdict")))
        if place is not None and severity is not None:
            words = f"{report.get('model')}: {check.get('message')}"
            found.append(Checked(str(check["id"]), severity, place, words, str(check.get("fix") or "see the report")))
    return tuple(found)


def remark(one: Mapping[str, Any], place: Any, *, error: bool) -> Checked | None:
    """What a verb tells with a file and a line, where ``place`` has both; ``None`` where it has not."""
    line = place.get("line") if isinstance(place, dict) else None
    if not isinstance(line, int) or not isinstance(place.get("file"), str) or line < 1:
        return None
    where = Location(place["file"], line, place.get("column") or 1)
    severity, fix = Severity.ERROR if error else Severity.WARNING, str(one.get("fix") or "see the report")
    return Checked(str(one.get("id")), severity, where, str(one.get("message")), fix)


def location(text: Any) -> Location | None:
    """``FILE:LINE:COLUMN`` as a place; ``None`` for what is none."""
    parts = re.fullmatch(r"(.+):([1-9][0-9]{0,8}):([1-9][0-9]{0,8})", text) if isinstance(text, str) else None
    return Location(parts[1], int(parts[2]), int(parts[3])) if parts else None


def reasons(document: Document) -> list[str]:
    """Every check that did not pass, as a line; a report without checks is one itself."""
    found = [
        f"{report.get('model')}: {check.get('id')}: {check.get('message')}"
        for report, check in each(document)
        if check.get("verdict") != "pass"
    ]
    bare = [one for one in moves.entries(document.get("reports")) if not one.get("checks")]
    return [*found, *(f"{one.get('model')}: {one.get('kind')}: {one.get('summary')}" for one in bare)]


def counts(document: Document, _call: Call) -> dict[str, str]:
    """How many checks there were, and how many of them did not pass; nothing where there is no answer."""
    if not document:
        return {}
    verdicts = [str(check.get("verdict")) for _, check in each(document)]
    return {
        "checks": str(len(verdicts)),
        "failed": str(verdicts.count("fail")),
        "inconclusive": str(verdicts.count("inconclusive")),
    }


def summary(document: Document, _result: str) -> str:
    """A line for each report."""
    fields = ("model", "kind", "verdict", "summary")
    rows = ((str(one.get(name)) for name in fields) for one in moves.entries(document.get("reports")))
    return outputs.table(("model", "what", "verdict", "summary"), rows)
