"""Which families look at which kind of document, and every rule there is.

A family is imported when a document of its kind is met, so that one manifest pays for the rules of models only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from mlops_gitops.manifests.rules.rule import Problem, Rule
from mlops_gitops.manifests.rules.subject import Subject

FAMILIES: dict[str, tuple[str, ...]] = {
    "Model": (
        "identity",
        "owners",
        "data",
        "paths",
        "addresses",
        "metrics",
        "interface",
        "tests",
        "row_tests",
        "behaviour",
        "features",
        "training",
        "lifecycle",
        "images",
        "vulnerabilities",
        "infra",
        "brought",
    ),
    "Environment": ("policy", "holdouts", "rollouts", "periods", "approvals", "expressions", "addresses"),
    "Trust": ("trust",),
    "Control": ("controls",),
    "Release": ("addresses",),
    "Project": ("approvals", "addresses"),
    "PolicyTests": ("policy_tests",),
}
_POLICY = FAMILIES["Environment"][:-1]
_ALL = ("documents", "shape", *FAMILIES["Model"], *_POLICY, "policy_tests", "trust", "controls", "repository")

Family = Callable[[Subject], Iterator[Problem]]


@cache
def families(kind: str) -> tuple[Family, ...]:
    """The check of every family that looks at documents of this kind."""
    return tuple(_module(name).check for name in FAMILIES.get(kind, ()))


@cache
def rules() -> dict[str, Rule]:
    """Every rule by its id, in order."""
    found = [rule for name in _ALL for rule in _module(name).RULES]
    return {rule.id: rule for rule in sorted(found, key=lambda rule: rule.id)}


def _module(name: str) -> Any:
    """A family: a module with ``RULES`` and ``check``."""
    # not importlib.import_module: see cli/main.py
    return __import__(f"mlops_gitops.manifests.rules.{name}", fromlist=["_"])
