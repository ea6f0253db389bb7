"""How often rules for drift err: simulated data, whose truth is known, judged by our code and by rules in common use.

Thirty columns, a reference of 20,000 rows.  A *false alarm* is any alarm on any of 30 columns where nothing moved; the
*power* is how often the one column that did move raises one.  Where the same reference is looked at on many days, an
alarm on any day counts, for both, and a tenth of the draws is made.  Beside ours stand rules as their documentation
gives them:

* Kolmogorov-Smirnov at p < .05 on each column;
* the population stability index above 0.1, on ten bins at the reference's deciles;
* the default that Evidently documents for numbers: Wasserstein distance in standard deviations of at least 0.1 above
  1,000 rows, Kolmogorov-Smirnov at p < .05 below.

    .venv/bin/python benchmarks/drift.py [--draws 100] [--write]

``--write`` puts the table into ``docs/explanation/drift.md``.  Some minutes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from grounds.simulation import simulated
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.testing.data.profile import Column, Histogram
from mlops_gitops.testing.data.shifts import Incomparable, Sample, design_effect, of_values, shares

PAGE = Path(__file__).parents[1] / "docs/explanation/drift.md"
COLUMNS, REFERENCE, LIMIT, BLOCK = 30, 20_000, 0.1, 50
NAMES = tuple(f"x{number}" for number in range(COLUMNS))

Floats = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Floats]


class Truth(NamedTuple):
    """How values come about, and how those of the column that moves do."""

    words: str
    still: Draw
    moved: Draw
    blocks: bool = False
    looks: int = 1


def in_blocks(chance: np.random.Generator, rows: int) -> Floats:
    """Normal values, a twentieth of whose variance is shared by the rows of a block."""
    shared = chance.standard_normal(math.ceil(rows / BLOCK)).repeat(BLOCK)[:rows]
    return shared * math.sqrt(0.05) + chance.standard_normal(rows) * math.sqrt(0.95)


TRUTHS = (
    Truth("normal, +0.4 spreads", lambda c, n: c.standard_normal(n), lambda c, n: c.standard_normal(n) + 0.4),
    Truth(
        "normal, +0.02 spreads (nothing that matters)",
        lambda c, n: c.standard_normal(n),
        lambda c, n: c.standard_normal(n) + 0.02,
    ),
    Truth(
        "heavy tail (lognormal 2), values doubled",
        lambda c, n: c.lognormal(0, 2, n),
        lambda c, n: 2 * c.lognormal(0, 2, n),
    ),
    Truth("normal in blocks of 50, +0.4 spreads", in_blocks, lambda c, n: in_blocks(c, n) + 0.4, blocks=True),
    Truth(
        "normal, looked at on 90 days, +0.4 spreads on each",
        lambda c, n: c.standard_normal(n),
        lambda c, n: c.standard_normal(n) + 0.4,
        looks=90,
    ),
)
ROWS = (200, 1_001, 10_000)


class Rule(NamedTuple):
    """A rule: whether a column of ``current`` raises an alarm against that of ``reference``."""

    words: str
    alarms: Callable[[Floats, Floats, Truth], bool]


def ours(reference: Floats, current: Floats, truth: Truth) -> bool:
    """The verdict FAIL at a limit of 0.1, as one of thirty columns, on one of so many days."""
    edges = tuple(sorted({float(one) for one in np.quantile(reference, np.arange(1, 64) / 64, method="lower")}))
    errors = shares(NAMES, {}, error=0.05 / truth.looks, of_pass=0.05)[NAMES[0]]
    try:
        shift = of_values(_sample(reference, edges, truth.blocks), _sample(current, edges, truth.blocks), errors=errors)
    except Incomparable:
        return False
    return shift.judged(LIMIT) is Verdict.FAIL


def _sample(values: Floats, edges: tuple[float, ...], blocks: bool) -> Sample:  # noqa: FBT001 - what the truth says
    column = Column("x", "double", nulls=0, histogram=Histogram(edges, _counts(values, edges)))
    parts = [values[at : at + BLOCK] for at in range(0, len(values), BLOCK)] if blocks else []
    if blocks and len(parts) < 10:
        return Sample(column, len(values), float(len(values)))
    return Sample(column, len(values), design_effect([_counts(part, edges) for part in parts]) if blocks else 1.0)


def _counts(values: Floats, edges: tuple[float, ...]) -> tuple[int, ...]:
    return tuple(np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1).tolist())


def smirnov(reference: Floats, current: Floats, truth: Truth) -> bool:  # noqa: ARG001 - one signature for all
    """Kolmogorov-Smirnov at p < .05."""
    return bool(stats.ks_2samp(reference, current, method="asymp").pvalue < 0.05)


def stability(reference: Floats, current: Floats, truth: Truth) -> bool:  # noqa: ARG001 - one signature for all
    """The population stability index above 0.1."""
    edges = np.quantile(reference, np.arange(1, 10) / 10)
    before, after = (
        np.maximum(np.bincount(np.searchsorted(edges, one), minlength=10) / len(one), 1e-4)
        for one in (reference, current)
    )
    return bool(((after - before) * np.log(after / before)).sum() > 0.1)


def wasserstein(reference: Floats, current: Floats, truth: Truth) -> bool:
    """The default that Evidently documents."""
    if len(current) <= 1000:
        return smirnov(reference, current, truth)
    return bool(stats.wasserstein_distance(reference, current) / max(reference.std(), 1e-3) >= 0.1)


RULES = (
    Rule("ours: bound of D > 0.1", ours),
    Rule("KS, p < .05", smirnov),
    Rule("PSI > 0.1", stability),
    Rule("Evidently's default", wasserstein),
)


def rates(truth: Truth, rows: int, draws: int, chance: np.random.Generator) -> Mapping[str, tuple[float, float]]:
    """For each rule, the share of draws with a false alarm among thirty columns, and that with a true one."""
    false = dict.fromkeys((rule.words for rule in RULES), 0)
    true = dict(false)
    for _ in range(draws):
        references = [truth.still(chance, REFERENCE) for _ in range(COLUMNS)]
        false_now, true_now = set[str](), set[str]()
        for _ in range(truth.looks):
            current = [truth.still(chance, rows) for _ in range(COLUMNS)]
            moved = truth.moved(chance, rows)
            for rule in RULES:
                pairs = zip(references, current, strict=True)
                if rule.words not in false_now and any(rule.alarms(*one, truth) for one in pairs):
                    false_now.add(rule.words)
                if rule.words not in true_now and rule.alarms(references[0], moved, truth):
                    true_now.add(rule.words)
        for rule in RULES:
            false[rule.words] += rule.words in false_now
            true[rule.words] += rule.words in true_now
    return {name: (false[name] / draws, true[name] / draws) for name in false}


def table(draws: int) -> str:
    """The table in Markdown."""
    chance = np.random.default_rng(26)
    lines = [
        "| What is true | rows | " + " | ".join(f"{rule.words}: false / power" for rule in RULES) + " |",
        "|:--|--:|" + "--:|" * len(RULES),
    ]
    for truth in TRUTHS:
        for rows in ROWS if truth.looks == 1 else ROWS[1:2]:
            found = rates(truth, rows, draws if truth.looks == 1 else max(1, draws // 10), chance)
            cells = " | ".join(f"{false:.1%} / {true:.1%}" for false, true in found.values())
            lines.append(f"| {truth.words} | {rows:,} | {cells} |")
    return "\n".join(lines)


if __name__ == "__main__":
    simulated(__doc__ or "", table, draws=100, page=PAGE, name="drift")
