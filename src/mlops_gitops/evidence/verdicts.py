"""What a check found: pass, fail or inconclusive, never a bare boolean.

Everything that judges (data tests, model tests, a scan, a comparison) answers with a ``Report`` of ``Check`` records.
A report passes only when every check passed; one failure fails it; otherwise one inconclusive check leaves it
inconclusive, and a person has to look.  A report without checks is inconclusive: nothing was looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from enum import Enum
from typing import TYPE_CHECKING

from mlops_gitops.canonical import JSON
from mlops_gitops.findings import Location
from mlops_gitops.records import record

if TYPE_CHECKING:
    from mlops_gitops.evidence.figures import Figure


class Verdict(Enum):
    """The three answers a check can give."""

    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


def combined(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict of several: the worst counts, and none at all is inconclusive."""
    seen = set(verdicts)
    if Verdict.FAIL in seen:
        return Verdict.FAIL
    return Verdict.PASS if seen == {Verdict.PASS} else Verdict.INCONCLUSIVE


@record
class Check:
    """One thing that was looked at.

    ``id`` is stable and dotted (``data.range``); ``subject`` is the column, metric or slice; ``message`` is a sentence
    with the number in it; ``location`` is the line of the manifest that demanded it;
    ``figures`` are what it saw, for people, and no part of evidence.
    """

    id: str
    subject: str
    verdict: Verdict
    message: str
    observed: float | str | None = None
    limit: float | str | None = None
    interval: tuple[float, float] | None = None
    rows: int | None = None
    location: Location | None = None
    fix: str = ""
    figures: tuple[Figure, ...] = ()

    def document(self) -> dict[str, JSON]:
        """The check as evidence keeps it; what is absent is left out."""
        fields: dict[str, JSON] = {
            "id": self.id,
            "subject": self.subject,
            "verdict": self.verdict.value,
            "message": self.message,
            "observed": self.observed,
            "limit": self.limit,
            "interval": list(self.interval) if self.interval else None,
            "rows": self.rows,
            "location": str(self.location) if self.location else None,
            "fix": self.fix or None,
        }
        return {name: value for name, value in fields.items() if value is not None}


@record
class Report:
    """All checks of one kind on one subject.

    ``kind`` is the evidence kind (``data-tests``); ``materials`` maps the name of each input to its SHA-256;
    ``champion`` is the release id that a comparison was made against.  ``details`` goes into evidence as it is, for
    people to read; ``figures`` are those that belong to no single check, and stay out of it.
    """

    kind: str
    checks: tuple[Check, ...]
    summary: str
    materials: tuple[tuple[str, str], ...] = ()
    champion: str | None = None
    details: Mapping[str, JSON] = field(default_factory=dict)
    figures: tuple[Figure, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The worst of the checks."""
        return combined(check.verdict for check in self.checks)
