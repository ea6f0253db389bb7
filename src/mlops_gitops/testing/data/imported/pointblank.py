"""Results of Pointblank: ``validation.get_json_report()``, a list of steps.

A step passes where no row failed it, or where fewer did than the lowest of its thresholds.  Beyond ``error`` or
``critical`` it fails; beyond ``warning`` alone a person has to look.  A step that was not active is inconclusive.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.testing.data.imported.outcomes import Outcome, Results, Unknown, count, digests, listed, mapping, text

TOOL = "Pointblank"
_NEEDED = {"i", "assertion_type", "column", "active", "all_passed", "n", "n_passed", "n_failed"}
_LEVELS = ("warning", "error", "critical")


def results(value: Any) -> Results:
    """The outcomes.  Raises ``Unknown``."""
    steps = [mapping(one, "a step") for one in listed(value, "the result")]
    outcomes = tuple(map(_outcome, steps))
    rows = {count(one.get("n")) for one in steps if one.get("assertion_type", "").startswith("col_vals")} - {None}
    if len(rows) > 1:
        raise Unknown("its steps read different numbers of rows")
    said = digests([[one.get("label"), one.get("brief")] for one in steps])
    return Results(TOOL, outcomes, next(iter(rows), None), said)


def _outcome(one: Mapping[str, Any]) -> Outcome:
    if missing := sorted(_NEEDED - set(one)):
        raise Unknown(f"a step lacks {', '.join(missing)}, which Pointblank 0.9 and later write")
    name = text(one["assertion_type"], "the assertion of a step")
    column = one["column"]
    if isinstance(column, list):
        column = ", ".join(map(str, column[:5]))
    subject = text(column, "a column") if isinstance(column, str) and column else "table"
    failed, whole = count(one["n_failed"]), count(one["n"])
    if one["all_passed"] is True and failed:
        raise Unknown(f"a step says that all passed and that {failed:,} failed")
    seen = f"{failed:,} of {whole:,} units failed" if failed is not None and whole is not None else "it was not judged"
    values = f"({text(str(one['values']), 'a value')})" if one.get("values") is not None else ""
    return Outcome(subject, _verdict(one), f"{name}{values}: {seen}")


def _verdict(one: Mapping[str, Any]) -> Verdict:
    if one.get("eval_error"):
        return Verdict.FAIL
    if one["active"] is not True or not isinstance(one["all_passed"], bool):
        return Verdict.INCONCLUSIVE
    if one["all_passed"]:
        return Verdict.PASS
    levels = {name: one.get(name) for name in _LEVELS}
    if levels["error"] is True or levels["critical"] is True:
        return Verdict.FAIL
    if levels["warning"] is True:
        return Verdict.INCONCLUSIVE
    return Verdict.FAIL if all(value is None for value in levels.values()) else Verdict.PASS
