"""The expressions of a policy, over what ``schemas/policy-input.schema.json`` says that they see.

The same schema gives the names that ``validate`` knows, the sizes that bound what an expression may cost, and the types
that the values of a document have when a gate asks about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from mlops_gitops.expressions import checking, parsing, shapes
from mlops_gitops.expressions.checking import Looked
from mlops_gitops.expressions.faults import COST_LIMIT, TooCostly
from mlops_gitops.expressions.shapes import Shape
from mlops_gitops.expressions.syntax import Node
from mlops_gitops.expressions.values import Value
from mlops_gitops.manifests import schema

INPUT = "policy-input"
_TOLD = 10**15


def root() -> Mapping[str, Any]:
    """The schema of the document that expressions see."""
    return schema.document(INPUT)


@lru_cache(maxsize=1)
def variables() -> Mapping[str, Shape]:
    """The shape of each variable that an expression can name."""
    return {name: shapes.of_schema(node, root()) for name, node in root()["properties"].items()}


@lru_cache(maxsize=512)
def look(text: str) -> Looked:
    """What can be said of an expression that can be read.  Raises ``Faulty``."""
    return checking.look(parsing.parse(text), variables())


def priced(text: str) -> Node:
    """An expression that may run.  Raises ``Faulty``; ``TooCostly`` where it may not."""
    tree, cost = parsing.parse(text), look(text).cost
    if cost > COST_LIMIT:
        told = f"{cost:,}" if cost < _TOLD else "more than 10^15"
        why = "each macro multiplies by the longest list that there can be"
        raise TooCostly(f"it may cost {told} steps, and one may cost {COST_LIMIT:,}; {why}", tree.at)
    return tree


def bind(document: Mapping[str, Any]) -> dict[str, Value]:
    """The variables of a document that fits the schema.  Raises ``Faulty``."""
    return {
        name: shapes.bind(document[name], node, root(), path=f".{name}") for name, node in root()["properties"].items()
    }
