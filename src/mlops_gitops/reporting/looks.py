"""The ledger of looks at data, as people and programs read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from mlops_gitops.canonical import JSON
from mlops_gitops.reporting.promotion import short

if TYPE_CHECKING:
    from mlops_gitops.manifests.environment import Holdout
    from mlops_gitops.promotion.ledger import Entry


def text(entries: Sequence[Entry], rules: Mapping[str, Holdout]) -> str:
    """Each file with its looks, and what the environments of ``rules`` still let it judge."""
    return "\n".join(line for holdout, some in _by_file(entries) for line in _file(holdout, some, rules))


def _by_file(entries: Sequence[Entry]) -> Iterator[tuple[str, list[Entry]]]:
    for holdout, some in groupby(entries, key=lambda one: one.holdout):
        yield holdout, list(some)


def _file(holdout: str, entries: Sequence[Entry], rules: Mapping[str, Holdout]) -> Iterator[str]:
    yield f"data {short(holdout)}"
    for one in entries:
        number = "not counted" if one.number is None else f"look {one.number}"
        against = f"{one.version} ({short(one.release)}) against {short(one.champion)}"
        yield f"  {number}: {against}: {one.verdict.value}, chance {one.chance:.2g}"
    taken = len({one.number for one in entries if one.number is not None})
    for name, rule in rules.items():
        left = rule.looks - taken
        due = "fresh data are due" if left <= 0 else f"{left} left"
        if rule.data and holdout not in rule.data:
            due = "not among the data of the policy"
        yield f"  {name}: {taken} of {rule.looks} looks are taken, {due}; each may pass by luck with {rule.each:.2g}"


def document(entries: Sequence[Entry]) -> list[JSON]:
    """Every look, as JSON."""
    return [
        {
            "data": one.holdout,
            "number": one.number,
            "release": one.release,
            "version": one.version,
            "champion": one.champion,
            "verdict": one.verdict.value,
            "chance": one.chance,
        }
        for one in entries
    ]
