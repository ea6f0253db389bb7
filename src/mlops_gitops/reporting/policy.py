"""What ``policy test`` found, as people and programs read it."""

from __future__ import annotations

from collections.abc import Sequence

from mlops_gitops.canonical import JSON
from mlops_gitops.evidence.policy_cases import Difference
from mlops_gitops.findings import Location
from mlops_gitops.records import record
from mlops_gitops.reporting.inert import inert


@record
class CaseResult:
    """One case: where it stands, and what came out otherwise, each with the place of its expectation."""

    environment: str
    name: str
    location: Location
    failures: tuple[tuple[Location, Difference], ...]


def tests_text(results: Sequence[CaseResult]) -> str:
    """Every difference with its place, expected and got; and how many cases came out as expected."""
    lines = []
    for one in results:
        for location, found in one.failures:
            lines += [
                f"✗ {inert(str(location))}: {inert(one.name)}: {inert(found.gate)}",
                f"    expected {inert(found.expected)}",
                f"    got      {inert(found.got)}",
            ]
    failed = sum(bool(one.failures) for one in results)
    environments = len({one.environment for one in results})
    where = f"{environments} environment{'' if environments == 1 else 's'}"
    if failed:
        return "\n".join([*lines, f"{failed} of {len(results)} cases did not come out as expected, in {where}"])
    return f"✓ {len(results)} case{'' if len(results) == 1 else 's'} came out as expected, in {where}"


def tests_document(results: Sequence[CaseResult]) -> dict[str, JSON]:
    """The same, as JSON."""
    return {
        "result": "fail" if any(one.failures for one in results) else "pass",
        "cases": [
            {
                "environment": one.environment,
                "case": one.name,
                "result": "fail" if one.failures else "pass",
                "file": one.location.file,
                "line": one.location.line,
                "column": one.location.column,
                "failures": [
                    {
                        "gate": found.gate,
                        "expected": found.expected,
                        "got": found.got,
                        "line": location.line,
                        "column": location.column,
                    }
                    for location, found in one.failures
                ],
            }
            for one in results
        ],
    }
