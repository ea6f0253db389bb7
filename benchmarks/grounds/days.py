"""Days that resemble the one before, simulated: how often our rule for drift errs, and if each day stood by itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import signal, stats

from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.testing.data.designs import design_effect, stretches
from mlops_gitops.testing.data.profile import Column, Histogram
from mlops_gitops.testing.data.shifts import Errors, Incomparable, Sample, of_values, shares

LIMIT = 0.1
AT_THE_LIMIT, BEYOND = 0.25132, 0.63728
"""Spreads by which a normal column moves where D becomes 0.1, and 0.25."""
YEAR, DAYS = 365, (30, 90, 365)
"""Days of the reference, and of the data."""
A_DAY, OF_THE_DAY = 100, 0.1
"""Rows of a day, and the day's share of their variance."""
ALIKE = (0.0, 0.3, 0.6, 0.9)
"""How a day correlates with the one before."""


class Days(NamedTuple):
    """A column of days, as our rule takes them and as if each stood by itself."""

    neighbours: Sample
    single: Sample

    @classmethod
    def drawn(cls, chance: np.random.Generator, days: int, *, alike: float, moved: float) -> Days:
        """Normal values, counted on the quantiles of what has not moved."""
        noise = chance.standard_normal(days) * math.sqrt(1 - alike**2)
        noise[0] = chance.standard_normal()
        shared = signal.lfilter([1.0], [1.0, -alike], noise)
        own = chance.standard_normal((days, A_DAY))
        values = shared[:, np.newaxis] * math.sqrt(OF_THE_DAY) + own * math.sqrt(1 - OF_THE_DAY) + moved
        edges = tuple(stats.norm.ppf(np.arange(1, 64) / 64).tolist())
        counted = [_counts(day, edges) for day in values]
        column = Column("x", "double", nulls=0, histogram=Histogram(edges, tuple(map(sum, zip(*counted, strict=True)))))
        parts = stretches(counted)
        return cls(
            Sample(column, values.size, design_effect(parts, least=2), len(parts) - 1),
            Sample(column, values.size, design_effect(counted)),
        )


def neighbouring(draws: int, chance: np.random.Generator, *, names: Sequence[str]) -> list[str]:
    """The table of days that resemble the one before: a row for each correlation and number of days."""
    rules = {"ours": "neighbours", "if each day stood by itself": "single"}
    head = "any of 30 false / one found / at the limit and called small / still and called small"
    lines = [
        f"| a day and the next | days | {' | '.join(f'{words}: {head}' for words in rules)} |",
        "|:--|--:|" + "--:|" * len(rules),
    ]
    errors = shares(names, {}, error=0.05, of_pass=0.05)[names[0]]
    for alike in ALIKE:
        found: dict[tuple[int, str], list[tuple[float, ...]]] = {}
        for _ in range(draws):
            references = [Days.drawn(chance, YEAR, alike=alike, moved=0) for _ in names]
            for days in DAYS:
                edge, beyond, still = (
                    [Days.drawn(chance, days, alike=alike, moved=moved) for _ in names]
                    for moved in (AT_THE_LIMIT, BEYOND, 0)
                )
                for words, rule in rules.items():
                    verdicts = [_verdicts(references, some, rule, errors) for some in (edge, beyond, still)]
                    fails = [one.count(Verdict.FAIL) for one in verdicts]
                    passes = [one.count(Verdict.PASS) / len(names) for one in verdicts]
                    each = (float(fails[0] > 0), fails[1] / len(names), passes[0], passes[2])
                    found.setdefault((days, words), []).append(each)
        for days in DAYS:
            cells = [" / ".join(f"{one:.1%}" for one in np.mean(found[days, words], axis=0)) for words in rules]
            lines.append(f"| {alike:g} | {days} | {' | '.join(cells)} |")
    return lines


def _verdicts(references: Sequence[Days], current: Sequence[Days], rule: str, errors: Errors) -> list[Verdict]:
    found = []
    for before, after in zip(references, current, strict=True):
        try:
            shift = of_values(getattr(before, rule), getattr(after, rule), errors=errors)
        except Incomparable:
            continue
        found.append(shift.judged(LIMIT))
    return found


def _counts(values: npt.NDArray[np.float64], edges: tuple[float, ...]) -> tuple[int, ...]:
    return tuple(np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1).tolist())
