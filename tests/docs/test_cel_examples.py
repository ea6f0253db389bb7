"""Every expression that the page about gates in CEL shows is one that the gates take, and its cases come out."""

from __future__ import annotations

import pytest
import yaml

import estate
from mlops_gitops.evidence import policy_cases
from mlops_gitops.expressions.evaluation import evaluate
from mlops_gitops.expressions.faults import COST_LIMIT, DEEPEST, LONGEST_EXPRESSION
from mlops_gitops.expressions.patterns import MOST_STATES
from mlops_gitops.manifests import expressions
from mlops_gitops.manifests.policy_tests import PolicyTests
from prose import ROOT, fences

PAGE = (ROOT / "docs/how-to/write-a-gate-in-cel.md").read_text(encoding="utf-8")
EXAMPLES = [one for block in fences(PAGE, "cel") for one in block.strip().split("\n\n")]


@pytest.mark.parametrize("text", EXAMPLES)
def test_an_example_can_be_asked_and_has_an_answer(text: str) -> None:
    tree = expressions.priced(text)
    assert expressions.look(text).issues == ()
    assert expressions.look(text).shape.kind == "bool"
    document = policy_cases.example(estate.policy(estate.environment("prod", after=["staging"])))
    assert isinstance(evaluate(tree, expressions.bind(document)).value, bool)


def test_the_cases_of_the_page_come_out_with_its_gate() -> None:
    found = [yaml.safe_load(one) for one in fences(PAGE, "yaml")]
    gates = next(one for one in found if "gates" in one)["gates"]
    tests = PolicyTests.from_value(next(one for one in found if one.get("kind") == "PolicyTests"))
    environment = estate.policy(estate.environment("prod", gates=gates))
    assert len(tests.cases) == 3
    for case in tests.cases:
        assert policy_cases.run(case, environment, policy_cases.example(environment)) == ()


def test_the_bounds_of_the_page_are_those_of_the_program() -> None:
    for number in (LONGEST_EXPRESSION, DEEPEST, MOST_STATES, COST_LIMIT):
        assert f" {number:,} |" in PAGE
    assert len(EXAMPLES) >= 7
