"""Results of Evidently 0.7 and later: ``Report(…, include_tests=True).run(…).json()``; only its tests count.

A metric without a test judges nothing.  A warning, a test that was skipped, and one that Evidently calls not critical
and that failed, are inconclusive.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.testing.data.imported.outcomes import Outcome, Results, Unknown, count, digests, listed, mapping, text

TOOL = "Evidently"
_STATUSES = {
    "SUCCESS": Verdict.PASS,
    "FAIL": Verdict.FAIL,
    "ERROR": Verdict.FAIL,
    "WARNING": Verdict.INCONCLUSIVE,
    "SKIPPED": Verdict.INCONCLUSIVE,
}
_METRIC = re.compile(r"evidently:metric_v2:\w+")


def results(value: Any) -> Results:
    """The outcomes.  Raises ``Unknown``."""
    whole = mapping(value, "the result")
    metrics = [mapping(one, "a metric") for one in listed(whole.get("metrics"), "`metrics`")]
    tests = [mapping(one, "a test") for one in listed(whole.get("tests"), "`tests`")]
    for one in metrics:
        kind = mapping(one.get("config"), "the configuration of a metric").get("type")
        if not isinstance(kind, str) or _METRIC.match(kind) is None:
            raise Unknown("its metrics are not those of Evidently 0.7 and later (`evidently:metric_v2:…`)")
    rows = [count(one.get("value")) for one in metrics if str(one["config"]["type"]).endswith(":RowCount")]
    said = digests(whole.get("metadata"), whole.get("tags"), whole.get("name"))
    return Results(TOOL, tuple(map(_outcome, tests)), next(iter(rows), None), said)


def _outcome(one: Mapping[str, Any]) -> Outcome:
    name, status = text(one.get("name"), "the name of a test"), text(one.get("status"), "the status of a test")
    if status not in _STATUSES:
        raise Unknown(f"{name} has a status that is not known")
    config = one.get("metric_config")
    given = config.get("params") if isinstance(config, Mapping) else None
    column = given.get("column") if isinstance(given, Mapping) else None
    told = one.get("description")
    words = f"{name}: {text(told, 'a description')}" if isinstance(told, str) and told else name
    subject = text(column, "a column") if isinstance(column, str) else "table"
    return Outcome(subject, _STATUSES[status], words)
