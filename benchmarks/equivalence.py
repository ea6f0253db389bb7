"""How often the statistics of ``reproduce`` err: simulated trainings, whose truth is known, judged as real ones are.

The metric of each training is the truth plus normal noise of spread 1, the record's as well.  For churn each row's
decision changes with the true probability.  Everything is judged by ``reproduction/equivalence.py`` itself.

    .venv/bin/python benchmarks/equivalence.py [--draws 2000] [--write]

``--write`` puts the tables into ``docs/reference/reproducibility-statistics.md``.  Two minutes.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from grounds.simulation import simulated
from mlops_gitops.reproduction import equivalence
from mlops_gitops.reproduction.levels import Answer, PredictionComparison

PAGE = Path(__file__).parents[1] / "docs/reference/reproducibility-statistics.md"
SEEDS, MARGINS = (3, 5, 10, 20), (3.0, 4.0, 6.0)
ROWS, BUDGET, SHARES = (200, 1000, 5000), 0.02, (0.005, 0.01, 0.02, 0.03, 0.05)


def metrics(seeds: int, margin: float, shift: float, draws: int, chance: np.random.Generator) -> Counter[Answer]:
    """What is answered where the trainings' true mean lies ``shift`` from that of the record."""
    found: Counter[Answer] = Counter()
    for _ in range(draws):
        record, *values = chance.standard_normal(seeds + 1).tolist()
        values = [one + shift for one in values]
        found[equivalence.tost("metric", record=record, values=values, margin=margin).answer] += 1
    return found


def decisions(rows: int, share: float, draws: int, chance: np.random.Generator) -> Counter[Answer]:
    """What is answered where each decision changes with the probability ``share``."""
    found: Counter[Answer] = Counter()
    for _ in range(draws):
        one = PredictionComparison("test", rows, int(chance.binomial(rows, share)), 0.0)
        found[equivalence.churn([one], budget=BUDGET)[0]] += 1
    return found


def tables(draws: int) -> str:
    """Both tables in Markdown."""
    chance = np.random.default_rng(20)
    lines = [
        "| Seeds | Margin | passes, no difference | promised | passes, difference = margin | broken, no difference |"
    ]
    lines.append("|--:|--:|--:|--:|--:|--:|")
    for seeds in SEEDS:
        for margin in MARGINS:
            none, at = (metrics(seeds, margin, shift, draws, chance) for shift in (0.0, margin))
            promised = equivalence.power(1.0, seeds, margin=margin)
            shares = (none[Answer.HOLDS] / draws, promised, at[Answer.HOLDS] / draws, none[Answer.BROKEN] / draws)
            lines.append(f"| {seeds} | {margin:g} | " + " | ".join(f"{one:.1%}" for one in shares) + " |")
    lines += ["", "| Rows | True share | holds | open | broken |", "|--:|--:|--:|--:|--:|"]
    for rows in ROWS:
        for share in SHARES:
            found = decisions(rows, share, draws, chance)
            said = (found[one] / draws for one in (Answer.HOLDS, Answer.OPEN, Answer.BROKEN))
            lines.append(f"| {rows:,} | {share:.1%} | " + " | ".join(f"{one:.1%}" for one in said) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    simulated(__doc__ or "", tables, draws=2000, page=PAGE, name="equivalence")
