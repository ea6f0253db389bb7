"""Results of Great Expectations 1.x: ``validation_result.to_json_dict()``, or ``checkpoint_result.describe()``.

An expectation that raised is a failure.  ``run_name`` and ``meta`` may hold ``sha256:…`` of the data.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.testing.data.imported.outcomes import Outcome, Results, Unknown, count, digests, listed, mapping, text

TOOL = "Great Expectations"
_KNOWN = re.compile(r"1\.\d+\.\d+")
_LEFT_OUT = {"batch_id", "column", "mostly"}


def results(value: Any) -> Results:
    """The outcomes.  Raises ``Unknown``."""
    whole = mapping(value, "the result")
    if "validation_results" in whole:
        parts = [mapping(one, "a validation") for one in listed(whole["validation_results"], "`validation_results`")]
        found = [entry for one in parts for entry in listed(one.get("expectations"), "`expectations`")]
        return _results(found, digests(whole.get("name"), whole.get("meta")))
    meta = mapping(whole.get("meta"), "`meta`")
    version = text(meta.get("great_expectations_version"), "`meta.great_expectations_version`")
    if _KNOWN.fullmatch(version) is None:
        raise Unknown(f"it is of Great Expectations {version}, and 1.x is known")
    return _results(listed(whole.get("results"), "`results`"), digests(meta, whole.get("suite_name")))


def _results(entries: list[Any], said: tuple[str, ...]) -> Results:
    outcomes, rows = [], set()
    for entry in entries:
        one = mapping(entry, "an expectation")
        found = mapping(one.get("result", {}), "`result`")
        outcomes.append(_outcome(one, found))
        rows.add(count(found.get("element_count")))
    known = rows - {None}
    if len(known) > 1:
        raise Unknown("its expectations read different numbers of rows")
    return Results(TOOL, tuple(outcomes), next(iter(known), None), said)


def _outcome(one: Mapping[str, Any], found: Mapping[str, Any]) -> Outcome:
    config = mapping(one.get("expectation_config", one), "`expectation_config`")
    name = text(config.get("type", config.get("expectation_type")), "the type of an expectation")
    given = mapping(config.get("kwargs", {}), "`kwargs`")
    if not isinstance(one.get("success"), bool):
        raise Unknown(f"{name} says neither that it holds nor that it does not")
    options = ", ".join(f"{key}={value}" for key, value in given.items() if key not in _LEFT_OUT)
    column = given.get("column")
    subject = text(column, "a column") if isinstance(column, str) else "table"
    what = f"{name}({text(options, 'an option')})" if options else name
    holds = one["success"] and not _raised(one)
    return Outcome(subject, Verdict.PASS if holds else Verdict.FAIL, f"{what}: {_seen(one, found)}")


def _raised(one: Mapping[str, Any]) -> bool:
    """Whether the expectation raised: on the whole, or on one of the metrics that it needed."""
    said = one.get("exception_info")
    parts = [said, *said.values()] if isinstance(said, Mapping) else []
    return any(isinstance(part, Mapping) and part.get("raised_exception") is True for part in parts)


def _seen(one: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    if _raised(one):
        return "it raised an exception"
    unexpected, whole = count(found.get("unexpected_count")), count(found.get("element_count"))
    if unexpected is not None and whole is not None:
        return f"{unexpected:,} of {whole:,} rows are unexpected"
    seen = found.get("observed_value")
    return (
        f"observed {text(str(seen), 'a value')}" if seen is not None else "it holds" if one["success"] else "it fails"
    )
