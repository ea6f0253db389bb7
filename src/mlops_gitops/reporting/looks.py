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


def text(entries: Sequence[Entry], rules: Mapping[str, Holdout], taken: Mapping[str, int]) -> str:
    """Each file with the looks of a model, and what the environments of ``rules`` still let it judge.

    ``taken`` is how often each file was looked at, by whatever model.
    """
    compared = max((one.total or 0 for one in entries), default=0)
    lines = [line for holdout, some in _by_file(entries) for line in _looks(holdout, some, taken)]
    for name, rule in rules.items():
        files = rule.data or tuple(dict.fromkeys(one.holdout for one in entries))
        lines += [_left(name, rule, holdout, taken.get(holdout, 0), compared) for holdout in files]
    return "\n".join(lines)


def _by_file(entries: Sequence[Entry]) -> Iterator[tuple[str, list[Entry]]]:
    for holdout, some in groupby(entries, key=lambda one: one.holdout):
        yield holdout, list(some)


def _looks(holdout: str, entries: Sequence[Entry], taken: Mapping[str, int]) -> Iterator[str]:
    yield f"data {short(holdout)}"
    for one in entries:
        number = "not counted" if one.number is None else f"look {one.number}"
        against = f"{one.version} ({short(one.release)}) against {short(one.champion)}"
        yield f"  {number}: {against}: {one.verdict.value}, chance {one.chance:.2g}"
    others = taken.get(holdout, 0) - len({one.number for one in entries if one.number is not None})
    if others > 0:
        yield f"  {others} more by other models, or made again with other answers"


def _left(name: str, rule: Holdout, holdout: str, taken: int, compared: int) -> str:
    counted = taken if rule.data else max(taken, compared)
    left = rule.looks - counted
    due = "fresh data are due" if left <= 0 else f"{left} left"
    what = f"{name}, data {short(holdout)}: {counted} of {rule.looks} looks are taken, {due}"
    return f"{what}; each may pass by luck with {rule.each:.2g}"


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
            "comparison": one.total,
        }
        for one in entries
    ]
