"""How often a bound on a model's share errs where days resemble the one before: simulated data, judged by our code.

A share of 200 rows a day, a twentieth of whose variance is the day's, and days that are AR(1).  The bound promises to
miss the truth in 5 % of draws.  Beside neighbouring days stands each day by itself.

    .venv/bin/python benchmarks/days.py [--draws 4000] [--write]

``--write`` puts the table into ``docs/explanation/model-tests.md``.  Half a minute.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from scipy import signal, stats

from grounds.days import ALIKE
from grounds.simulation import simulated
from mlops_gitops.testing import clusters
from mlops_gitops.testing.blocks import neighbouring

PAGE = Path(__file__).parents[1] / "docs/explanation/model-tests.md"
DAYS = (30, 92, 365)
A_DAY, OF_THE_DAY, TRUTH = 200, 0.05, 0.7


def missed(draws: int, days: int, *, alike: float, chance: np.random.Generator) -> tuple[float, float]:
    """In what share of draws the lower bound is above the truth: of neighbouring days, and of each day by itself."""
    single = np.arange(days)
    parted = neighbouring(single)
    found = np.zeros(2)
    for _ in range(draws):
        noise = chance.standard_normal(days) * math.sqrt(1 - alike**2)
        noise[0] = chance.standard_normal()
        day = signal.lfilter([1.0], [1.0, -alike], noise)
        right = stats.norm.cdf((stats.norm.ppf(TRUTH) - math.sqrt(OF_THE_DAY) * day) / math.sqrt(1 - OF_THE_DAY))
        shares = chance.binomial(A_DAY, right) / A_DAY
        found += [clusters.mean(shares, codes, confidence=0.9).lower > TRUTH for codes in (parted, single)]
    neighbours, alone = (found / draws).tolist()
    return neighbours, alone


def table(draws: int) -> str:
    """A row for each correlation of a day and the next."""
    chance = np.random.default_rng(28)
    lines = [
        f"Shares of {draws:,} draws, neighbouring days / each day by itself:",
        "",
        "| a day and the next | " + " | ".join(f"{days} days" for days in DAYS) + " |",
        "|:--|" + "--:|" * len(DAYS),
    ]
    for alike in ALIKE:
        cells = [missed(draws, days, alike=alike, chance=chance) for days in DAYS]
        lines.append(f"| {alike:g} | " + " | ".join(f"{ours:.1%} / {alone:.1%}" for ours, alone in cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    simulated(__doc__ or "", table, draws=4000, page=PAGE, name="days")
