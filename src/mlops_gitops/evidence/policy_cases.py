"""The tests of a policy: an input put together from its parts, and what the gates answer held against the cases.

Pure: the input of a release of the repository is made by whoever reads the repository, and handed in.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, cast

from mlops_gitops import times
from mlops_gitops.canonical import JSON
from mlops_gitops.evidence import expressions, policy_input
from mlops_gitops.evidence.gates import Answer, Judgement
from mlops_gitops.evidence.policy_input import TooLarge
from mlops_gitops.manifests.environment import Environment, ExpressionGate
from mlops_gitops.manifests.expressions import root
from mlops_gitops.manifests.policy_tests import OVERALL, Expected, TestCase
from mlops_gitops.records import record


@record
class Difference:
    """What one gate should have answered, and what it did."""

    gate: str
    expected: str
    got: str


def example(environment: Environment) -> dict[str, JSON]:
    """The input that a case begins with where it names no release: the example of the schema, in this environment."""
    document = copy.deepcopy(cast("dict[str, Any]", root()["examples"][0]))
    named = {"name": environment.name, "policy": environment.policy_digest, "after": list(environment.after)}
    document["environment"] |= named
    return document


def document(case: TestCase, start: Mapping[str, JSON]) -> dict[str, JSON]:
    """The input of a case.  Raises ``TooLarge`` with the path of what no input can hold."""
    made: dict[str, Any] = copy.deepcopy(dict(start))
    made["now"] = times.format_instant(case.now)
    for path, value in case.values.items():
        _put(made, path, value)
    return cast("dict[str, JSON]", policy_input.shaped(made, root(), path="input", strict=True))


def _put(made: Any, path: str, value: Any) -> None:
    *way, last = path.split(".")
    place = made
    for step in way:
        place = _followed(place, step, path)
    if isinstance(place, dict) and last in place:
        place[last] = value
    elif isinstance(place, list) and last.isdecimal() and int(last) <= len(place):
        place[int(last) :] = [value, *place[int(last) + 1 :]]
    else:
        raise TooLarge(f"there is nothing at {path!r} in the input")


def _followed(place: Any, step: str, path: str) -> Any:
    if isinstance(place, dict) and step in place:
        return place[step]
    if isinstance(place, list) and step.isdecimal() and int(step) < len(place):
        return place[int(step)]
    raise TooLarge(f"there is nothing at {path!r} in the input")


def run(case: TestCase, environment: Environment, start: Mapping[str, JSON]) -> tuple[Difference, ...]:
    """Every expectation of a case that does not come true."""
    try:
        made = document(case, start)
    except TooLarge as error:
        return tuple(Difference(one.gate, _wanted(one), f"no input: {error}") for one in case.expected)
    gates = [one for one in environment.gates if isinstance(one, ExpressionGate)]
    judged = {one.name: expressions.judge_document(one, made) for one in gates}
    judged[OVERALL] = _overall(list(judged.values()))
    found = [_difference(one, judged.get(one.gate), list(judged)) for one in case.expected]
    return tuple(one for one in found if one is not None)


def _overall(judged: Sequence[Judgement]) -> Judgement:
    """All gates together: a failure refuses, otherwise one that is pending waits."""
    for answer in (Answer.FAIL, Answer.PENDING):
        stands = [f"{one.gate}: {one.reason}" for one in judged if one.answer is answer]
        if stands:
            return Judgement(OVERALL, answer, "; ".join(stands))
    return Judgement(OVERALL, Answer.PASS, "every expression is true")


def _difference(expected: Expected, got: Judgement | None, known: Sequence[str]) -> Difference | None:
    if got is None:
        return Difference(expected.gate, _wanted(expected), f"there is no such gate; there are: {', '.join(known)}")
    if got.answer.value == expected.answer and (expected.reason is None or expected.reason in got.reason):
        return None
    return Difference(expected.gate, _wanted(expected), f"{got.answer.value}: {got.reason}")


def _wanted(expected: Expected) -> str:
    return expected.answer if expected.reason is None else f"{expected.answer}: …{expected.reason}…"
