"""MG847 and MG848: do the tests of a policy test what is there."""

from __future__ import annotations

import os.path
from collections.abc import Iterator

from mlops_gitops.manifests.rules.rule import ERROR, Problem, Rule
from mlops_gitops.manifests.rules.subject import Subject, entries, items, mapping, repeated, text

OVERALL = "overall"
"""What the gates in CEL together are called in a case."""

_POLICY = (
    "# file: environments/prod/environment.yaml\napiVersion: mlops-gitops/v1\nkind: Environment\n"
    "metadata: {name: prod}\nspec:\n  promotion: manual\n  gates:\n"
    "    - {name: small-enough, expression: release.artifact.size < 200000000}\n"
    "# file: environments/prod/policy_tests.yaml\napiVersion: mlops-gitops/v1\nkind: PolicyTests\n"
)
UNKNOWN_GATE = Rule(
    "MG847",
    "test-of-unknown-gate",
    ERROR,
    "A test of a policy expects something of a gate that the policy does not have.",
    "use the name of a gate with an expression, or `overall`",
    "The gate was renamed or removed, and what the test held is no longer tested.",
    _POLICY + "spec:\n  cases:\n    - {name: small, expect: {small: pass}}\n",
    _POLICY + "spec:\n  cases:\n    - {name: small, expect: {small-enough: pass}}\n",
    "PolicyTests",
)
REPEATED_CASE = Rule(
    "MG848",
    "repeated-case",
    ERROR,
    "Two tests of a policy have the same name.",
    "say in each name what the case shows",
    "Who reads that a case fails has to guess which.",
    _POLICY + "spec:\n  cases:\n    - {name: small, expect: {overall: pass}}\n"
    "    - {name: small, expect: {small-enough: pass}}\n",
    _POLICY + "spec:\n  cases:\n    - {name: small, expect: {overall: pass}}\n"
    "    - {name: smaller, expect: {small-enough: pass}}\n",
    "PolicyTests",
)

RULES = (UNKNOWN_GATE, REPEATED_CASE)


def check(subject: Subject) -> Iterator[Problem]:
    """The family's problems in the tests of one policy."""
    cases = list(entries(mapping(subject.value, "spec"), "cases"))
    for index, name in repeated([(index, text(one, "name")) for index, one in cases]):
        yield REPEATED_CASE.on(("spec", "cases", index, "name"), f"there is already a case {name!r}")
    known = _gates(subject)
    if known is None:
        return
    for index, one in cases:
        for name in mapping(one, "expect"):
            if name not in known and name != OVERALL:
                there = ", ".join(known) or "none"
                yield UNKNOWN_GATE.on_key(
                    ("spec", "cases", index, "expect", name),
                    f"the policy has no gate {name!r} with an expression; there are: {there}",
                )


def _gates(subject: Subject) -> list[str] | None:
    """The gates with an expression in the policy beside the tests; ``None`` where it cannot be read."""
    from mlops_gitops.manifests import places
    from mlops_gitops.manifests.documents import load

    path = os.path.join(subject.folder, "environment.yaml")  # noqa: PTH118 - as everywhere where files are many
    try:
        value = load(path, places.read(path, root=subject.root)).value
    except (OSError, ValueError):
        return None
    spec = mapping(value, "spec")
    if not spec:  # its own findings say what is wrong with it
        return None
    gates = items(spec, "gates")
    return [one["name"] for one in gates if isinstance(one, dict) and "expression" in one and text(one, "name")]
