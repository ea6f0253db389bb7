"""How long a runner waits that loses to others: as long as the crowd that it sees is large."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from estate import NOW
from mlops_gitops.errors import WorldFailed
from mlops_gitops.promotion import transaction
from mlops_gitops.promotion.store import Tree
from mlops_gitops.promotion.transaction import ATTEMPTS, LONGEST, Proposal, settle
from stores import MemoryStore

SECONDS = 3.0
"""How long each attempt takes."""


@pytest.fixture(autouse=True)
def _longest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every wait is the longest that it may be."""
    monkeypatch.setattr(transaction.random, "uniform", lambda _, most: most)


def waits(*others: int, known: bool = True) -> tuple[list[float], int]:
    """The waits of a runner that meets so many others in each attempt, and how many commits there are then."""
    store = MemoryStore.of({"a": b"0"}, NOW)
    store.seen = store.tip if known else None
    left, slept = list(others), list[float]()

    def step(where: str) -> None:
        if where == "before push" and left:
            for number in range(left.pop(0)):
                files = {"a": b"%d %d" % (len(left), number)}
                store.tip = store.commit(store.tip, files, message="other", when=NOW)

    def propose(_: Tree) -> Proposal[None]:
        return Proposal(None, {"ours": b"1"}, "ours")

    def seconds() -> Iterator[float]:
        at = 0.0
        while True:
            yield at
            at += SECONDS

    store.step = step
    settled = settle(store, propose, now=lambda: NOW, sleep=slept.append, clock=seconds().__next__)
    assert settled.commit == store.tip
    return slept, len(store.line())


def test_who_loses_once_does_not_wait_however_old_the_base_was() -> None:
    assert waits() == ([], 2)
    assert waits(1) == ([], 3)
    assert waits(30) == ([], 32)


def test_who_is_refused_waits_for_twice_as_long_as_it_took() -> None:
    assert waits(5, 1)[0] == [2 * SECONDS]
    assert waits(1, known=False)[0] == [2 * SECONDS]


def test_who_is_refused_again_waits_for_as_many_as_got_in() -> None:
    assert waits(5, 3, 1)[0] == [2 * SECONDS, 3 * SECONDS]
    assert waits(5, 3, 1, 1)[0] == [2 * SECONDS, 3 * SECONDS, 2 * SECONDS]
    assert waits(3, 1, known=False)[0] == [2 * SECONDS, 3 * SECONDS]


def test_those_who_got_in_before_the_run_are_no_crowd() -> None:
    assert waits(500, 1, 1)[0] == [2 * SECONDS, 2 * SECONDS]


def test_no_wait_is_longer_than_the_longest() -> None:
    assert waits(1, 500, 1)[0] == [2 * SECONDS, LONGEST]


def test_in_the_end_it_says_that_there_is_a_crowd() -> None:
    with pytest.raises(WorldFailed, match=f"moved {ATTEMPTS} times"):
        waits(*[1] * ATTEMPTS)
