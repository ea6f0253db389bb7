"""Tests as in-toto statements that nobody has signed yet, one a report: ``test-result`` about what was read, by digest.

``release`` signs such statements about a release.  These are for tests without one: whoever signs with tools of their
own (cosign, ``actions/attest``) takes them as they are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from mlops_gitops.canonical import JSON
from mlops_gitops.evidence import statements
from mlops_gitops.reporting.results.records import Results


def files(results: Results, *, issued_at: datetime) -> Mapping[str, str]:
    """File name and text of each statement.  A report that read nothing has no subject, and no statement."""
    found: dict[str, str] = {}
    for model, report in results.reports:
        if not report.materials:
            continue
        claim = statements.of_report(report, release=report.materials[0][1], issued_at=issued_at)
        whole = statements.statement(claim, model=model)
        subjects: JSON = [{"name": name, "digest": {"sha256": sha}} for name, sha in report.materials]
        if isinstance(whole, dict):
            found[f"{report.kind}.intoto.json"] = json.dumps({**whole, "subject": subjects}, indent=2)
    return found
