"""``environments/<env>/policy_tests.yaml`` as frozen records: cases that a policy's expressions are held against."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from mlops_gitops.manifests.rules.policy_tests import OVERALL
from mlops_gitops.records import record
from mlops_gitops.times import parse_instant

__all__ = ["FILE", "OVERALL", "Expected", "PolicyTests", "TestCase"]

FILE = "policy_tests.yaml"
_NOW = "2026-01-01T00:00:00Z"


@record
class Expected:
    """What one gate should answer; ``reason`` is text that its reason must hold."""

    gate: str
    answer: str
    reason: str | None


@record
class TestCase:
    """One case: the input that it begins with, what is put into it, and what should come out.

    ``release`` is a model and an id in the repository, or ``None`` for the example of the input.
    """

    __test__ = False  # pytest takes every class of this name for one of its own

    name: str
    release: tuple[str, str] | None
    now: datetime
    values: Mapping[str, Any]
    expected: tuple[Expected, ...]


@record
class PolicyTests:
    """The cases of one environment, in the order of the file."""

    cases: tuple[TestCase, ...]

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> PolicyTests:
        """From a document that fits the schema.  Raises ``ValueError`` for a date that does not exist."""
        spec = value["spec"]
        return cls(tuple(_case(one, spec) for one in spec["cases"]))


def _case(value: Mapping[str, Any], spec: Mapping[str, Any]) -> TestCase:
    model, _, release = value.get("release", "").partition("/")
    return TestCase(
        name=value["name"],
        release=(model, release) if release else None,
        now=parse_instant(value.get("now", spec.get("now", _NOW))),
        values={**spec.get("base", {}), **value.get("set", {})},
        expected=tuple(_expected(gate, one) for gate, one in value["expect"].items()),
    )


def _expected(gate: str, value: Any) -> Expected:
    if isinstance(value, str):
        return Expected(gate, value, None)
    return Expected(gate, value["answer"], value.get("reason"))
