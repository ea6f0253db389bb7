"""How much of the error one look at a reference may spend.

A reference is looked at again and again, and each look is one more chance of a false alarm.  Where the manifest says
how many looks there will be, each gets an equal part.  Where nobody knows, the k-th gets ``1 / (k (k + 1))``: all parts
together are 1, however many looks there come to be, and after K of them ``1 / (K + 1)`` is left.  Both hold however the
looks depend on one another (the union bound), as those at one reference do: its own error is in all of them.

One look judges all data sets that the section names, so each of those gets an equal part of what the look may spend.
Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from mlops_gitops.evidence.windows import Window
from mlops_gitops.manifests.data_tests import DriftTests

Count: TypeAlias = "Callable[[Window], int | None]"
"""The number of a look, from one; ``None`` where nobody counts it."""


def nobody(_: Window) -> None:
    """Nobody counts."""


@dataclass(frozen=True, slots=True)
class Spending:
    """The ``share`` of the error that one data set of one look may spend, and the ``words`` for it.

    ``later`` is the share of the next look, which is what more rows would be judged with.
    """

    share: float
    later: float
    words: str = ""


def spending(tests: DriftTests, number: int | None) -> Spending | None:
    """What a look may spend; ``None`` where looks are to be counted, and this one has no ``number``."""
    files = len(tests.datasets)
    if tests.looks is not None:
        share = 1 / (tests.looks * files)
        return Spending(share, share, "" if tests.looks == 1 else f"one of {tests.looks:,} looks that are planned")
    if number is None:
        return None
    words = f"look {number:,} at {tests.of}, which may spend 1/{number * (number + 1):,} of the errors"
    return Spending(1 / (number * (number + 1) * files), 1 / ((number + 1) * (number + 2) * files), words)
