"""MG84x: can what a policy asks in CEL be answered, and at what price."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlops_gitops.expressions.faults import Faulty, TooCostly, place
from mlops_gitops.manifests import schema
from mlops_gitops.manifests.rules.rule import ERROR, Pointer, Problem, Rule
from mlops_gitops.manifests.rules.subject import Subject, entries, mapping, text

TAKEN = frozenset(
    {"after", "approvals", "freeze", "gates", "hold", "overall", "pointer", "receipt", "rollback", "rollout", "seal"}
    | {"soak", "veto", "waiver", "window"}
)
"""What plans and receipts already call something else; kinds of evidence are taken besides."""


def _gate(*lines: str) -> str:
    return "spec:\n  gates:\n    - " + "\n      ".join(lines) + "\n"


SYNTAX = Rule(
    "MG840",
    "expression-syntax",
    ERROR,
    "An expression is not CEL.",
    "correct the expression at this place",
    "A gate whose expression cannot be read fails for every release.",
    _gate("name: small-enough", "expression: release.artifact.size <"),
    _gate("name: small-enough", "expression: release.artifact.size < 200000000"),
    "Environment",
)
UNKNOWN = Rule(
    "MG841",
    "expression-unknown-name",
    ERROR,
    "An expression names a variable, a field or a function that does not exist.",
    "use a name that `mlops-gitops policy input` shows, or a function of the reference",
    "The gate would fail for every release, or a slip would hide behind the other side of an `||`.",
    _gate("name: small-enough", "expression: release.artefact.size < 200000000"),
    _gate("name: small-enough", "expression: release.artifact.size < 200000000"),
    "Environment",
)
TYPES = Rule(
    "MG842",
    "expression-types",
    ERROR,
    "An expression puts values together that do not go together, or gives something else than is asked for.",
    "compare values of one type, convert with int(…), double(…) or string(…), and let a gate give true or false",
    "CEL converts nothing by itself; the gate would fail whenever this part is reached.",
    _gate("name: small-enough", "expression: release.artifact.size < '200 MB'"),
    _gate("name: small-enough", "expression: release.artifact.size < 200000000"),
    "Environment",
)
COST = Rule(
    "MG843",
    "expression-too-costly",
    ERROR,
    "An expression is too long, is nested too deep, or may cost too many steps.",
    "ask shorter lists: filter by kind first, and do not nest macros over long lists",
    "A gate over the limit fails for every release: a decision must not depend on how fast a machine is.",
    _gate(
        "name: all-alike",
        "expression: >-",
        "  evidence.all(a, evidence.all(b, a.checks.all(c, b.checks.all(d, c.verdict == d.verdict))))",
    ),
    _gate("name: all-alike", "expression: evidence.all(a, a.checks.all(c, c.verdict == 'pass'))"),
    "Environment",
)
NAME_TAKEN = Rule(
    "MG844",
    "gate-name-taken",
    ERROR,
    "A gate is called like something else that speaks in plans and receipts.",
    "choose a name that says what the gate asks",
    "Who reads the name in a receipt or a waiver would believe that another gate is meant.",
    _gate("name: approvals", "expression: approvals.size() > 1"),
    _gate("name: two-people", "expression: approvals.size() > 1"),
    "Environment",
)

RULES = (SYNTAX, UNKNOWN, TYPES, COST, NAME_TAKEN)
_WANTED = {"expression": ("bool", "true or false"), "messageExpression": ("string", "text")}


def check(subject: Subject) -> Iterator[Problem]:
    """The family's problems in one environment's policy."""
    for index, gate in entries(mapping(subject.value, "spec"), "gates"):
        if "expression" not in gate:
            continue
        at: Pointer = ("spec", "gates", index)
        name = text(gate, "name")
        if name in TAKEN or name in _kinds():
            yield NAME_TAKEN.on((*at, "name"), f"{name} is the name of something else")
        for field in _WANTED:
            yield from _expression(gate, field, (*at, field))


def _kinds() -> list[str]:
    found: list[str] = schema.document("environment")["$defs"]["gate"]["properties"]["evidence"]["enum"]
    return found


def _expression(gate: dict[str, Any], field: str, at: Pointer) -> Iterator[Problem]:
    written = text(gate, field)
    if written is None:
        return
    from mlops_gitops.manifests.expressions import look, priced  # late: few policies have expressions

    try:
        found = look(written)
        for issue in found.issues:
            rule = UNKNOWN if issue.kind == "name" else TYPES
            yield rule.inside(at, issue.at, _placed(issue.message, written, issue.at))
        kind, wanted = _WANTED[field]
        if found.shape.kind not in {kind, "dyn"}:
            yield TYPES.on(at, f"the expression gives a {found.shape.kind}, and must give {wanted}")
        priced(written)
    except TooCostly as fault:
        yield COST.inside(at, max(fault.at, 0), fault.message)
    except Faulty as fault:
        yield SYNTAX.inside(at, max(fault.at, 0), _placed(fault.message, written, fault.at))


def _placed(message: str, written: str, at: int) -> str:
    return f"{message} ({place(written, at)} of the expression)"
