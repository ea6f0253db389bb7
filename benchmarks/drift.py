"""How often rules for drift err: simulated data, whose truth is known, judged by our code and by rules in common use.

Thirty columns, a reference of 20,000 rows.  A *false alarm* is any alarm on any of 30 columns where there is none to
raise; the *power* is how often the one column that did move raises one.  There is none to raise where nothing moved,
and none either, for a rule that asks by how much, where every column moved by exactly as much as may be: that is the
worst that can happen to a bound.  Beside ours stand rules as their documentation gives them:

* Kolmogorov-Smirnov at p < .05 on each column;
* the population stability index above 0.1, on ten bins at the reference's deciles;
* the default that Evidently documents for numbers: Wasserstein distance in standard deviations of at least 0.1 above
  1,000 rows, Kolmogorov-Smirnov at p < .05 below.

The second table looks at the same reference on 90 days, 1,001 new rows each; an alarm on any day counts, for both.

The third has days that resemble the one before (AR(1); a tenth of the variance is the day's), in a reference of a year
and in the data: our rule, and what it would be if each day stood by itself.

    .venv/bin/python benchmarks/drift.py [--draws 100] [--write]

``--write`` puts the tables into ``docs/explanation/drift.md``.  Half an hour.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from grounds.days import AT_THE_LIMIT, BEYOND, LIMIT, neighbouring
from grounds.simulation import simulated
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.manifests.data_tests import DriftTests
from mlops_gitops.testing.data.designs import design_effect
from mlops_gitops.testing.data.profile import Column, Histogram
from mlops_gitops.testing.data.shifts import Errors, Incomparable, Sample, of_values, shares
from mlops_gitops.testing.data.spending import spending

PAGE = Path(__file__).parents[1] / "docs/explanation/drift.md"
COLUMNS, REFERENCE, BLOCK = 30, 20_000, 50
LOOKS, NEW = 90, 1_001
NAMES = tuple(f"x{number}" for number in range(COLUMNS))

Floats = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Floats]


class Truth(NamedTuple):
    """How values came about, how those come about where there is no alarm to raise, and how where there is one."""

    words: str
    before: Draw
    quiet: Draw
    moved: Draw
    blocks: bool = False


def normal(moved: float = 0.0) -> Draw:
    """Independent normal values."""
    return lambda chance, rows: chance.standard_normal(rows) + moved


def in_blocks(moved: float = 0.0) -> Draw:
    """Normal values, a twentieth of whose variance is shared by the rows of a block."""

    def draw(chance: np.random.Generator, rows: int) -> Floats:
        shared = chance.standard_normal(math.ceil(rows / BLOCK)).repeat(BLOCK)[:rows]
        return shared * math.sqrt(0.05) + chance.standard_normal(rows) * math.sqrt(0.95) + moved

    return draw


def lognormal(times: float = 1.0) -> Draw:
    """Values with a heavy tail."""
    return lambda chance, rows: times * chance.lognormal(0, 2, rows)


TRUTHS = (
    Truth("normal, +0.4 spreads", normal(), normal(), normal(0.4)),
    Truth("normal, +0.02 spreads (nothing that matters)", normal(), normal(), normal(0.02)),
    Truth("heavy tail (lognormal 2), values doubled", lognormal(), lognormal(), lognormal(2)),
    Truth("normal in blocks of 50, +0.4 spreads", in_blocks(), in_blocks(), in_blocks(0.4), blocks=True),
    Truth("normal, all moved to the limit, one to D 0.25", normal(), normal(AT_THE_LIMIT), normal(BEYOND)),
    Truth(
        "in blocks of 50, all moved to the limit, one to D 0.25",
        *(in_blocks(), in_blocks(AT_THE_LIMIT), in_blocks(BEYOND)),
        blocks=True,
    ),
)
ROWS = (200, 1_001, 10_000)


class Prepared(NamedTuple):
    """A column of the reference, and all that rules want to know of it."""

    values: Floats
    edges: tuple[float, ...]
    sample: Sample
    spread: float
    deciles: Floats
    parts: Floats

    @classmethod
    def of(cls, values: Floats, truth: Truth) -> Prepared:
        """From the values."""
        values = values if truth.blocks else np.sort(values)
        edges = tuple(sorted({float(one) for one in np.quantile(values, np.arange(1, 64) / 64, method="lower")}))
        deciles = np.quantile(values, np.arange(1, 10) / 10)
        sample = _sample(values, edges, blocks=truth.blocks)
        return cls(np.sort(values), edges, sample, float(values.std()), deciles, _parts(values, deciles))


class Today:
    """The same column on one look, counted once for all rules that count it."""

    def __init__(self, values: Floats, reference: Prepared, truth: Truth) -> None:
        self.values = values
        self._reference, self._truth = reference, truth

    @cached_property
    def sample(self) -> Sample:
        """On the edges of the reference."""
        return _sample(self.values, self._reference.edges, blocks=self._truth.blocks)


Alarms = Callable[[Prepared, Today, int], bool]


class Rule(NamedTuple):
    """A rule: whether a column of today raises an alarm on the look of that number."""

    words: str
    alarms: Alarms


def ours(looks: int | None) -> Alarms:
    """The verdict FAIL at a limit of 0.1, as one of thirty columns; ``looks`` are planned, or counted."""
    tests = DriftTests("train", ("now",), LIMIT, looks=looks)

    @cache
    def errors(look: int) -> Errors:
        spent = spending(tests, look)
        error = 0.05 * (spent.share if spent is not None else 0.0)
        return shares(NAMES, {}, error=error, of_pass=0.05)[NAMES[0]]

    def alarms(reference: Prepared, current: Today, look: int) -> bool:
        try:
            shift = of_values(reference.sample, current.sample, errors=errors(look))
        except Incomparable:
            return False
        return shift.judged(LIMIT) is Verdict.FAIL

    return alarms


def _sample(values: Floats, edges: tuple[float, ...], *, blocks: bool) -> Sample:
    column = Column("x", "double", nulls=0, histogram=Histogram(edges, _counts(values, edges)))
    parts = [values[at : at + BLOCK] for at in range(0, len(values), BLOCK)] if blocks else []
    if blocks and len(parts) < 10:
        return Sample(column, len(values), float(len(values)))
    if not blocks:
        return Sample(column, len(values))
    return Sample(column, len(values), design_effect([_counts(part, edges) for part in parts]), len(parts) - 1)


def _counts(values: Floats, edges: tuple[float, ...]) -> tuple[int, ...]:
    return tuple(np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1).tolist())


def smirnov(reference: Prepared, current: Today, _look: int) -> bool:
    """Kolmogorov-Smirnov at p < .05."""
    found: Any = stats.ks_2samp(reference.values, current.values, method="asymp")
    return bool(found.pvalue < 0.05)


def _parts(values: Floats, deciles: Floats) -> Floats:
    return np.maximum(np.bincount(np.searchsorted(deciles, values), minlength=10) / len(values), 1e-4)


def stability(reference: Prepared, current: Today, _look: int) -> bool:
    """The population stability index above 0.1."""
    before, after = reference.parts, _parts(current.values, reference.deciles)
    return bool(((after - before) * np.log(after / before)).sum() > 0.1)


def wasserstein(reference: Prepared, current: Today, look: int) -> bool:
    """The default that Evidently documents."""
    if len(current.values) <= 1000:
        return smirnov(reference, current, look)
    return bool(stats.wasserstein_distance(reference.values, current.values) / max(reference.spread, 1e-3) >= 0.1)


COMMON = (
    Rule("KS, p < .05", smirnov),
    Rule("PSI > 0.1", stability),
    Rule("Evidently's default", wasserstein),
)
ONCE = (Rule("ours: bound of D > 0.1", ours(1)), *COMMON)
DAILY = (
    Rule("ours, `looks: counted`", ours(None)),
    Rule("ours, `looks: 90`", ours(LOOKS)),
    Rule("ours, each look as if it were the only one", ours(1)),
    *COMMON,
)


class Found(NamedTuple):
    """One draw: the first look at which a rule raised an alarm that it should not have, and one that it should."""

    false: int | None
    true: int | None


def prepared(truth: Truth, chance: np.random.Generator) -> list[Prepared]:
    """Thirty columns of a reference."""
    return [Prepared.of(truth.before(chance, REFERENCE), truth) for _ in range(COLUMNS)]


def drawn(
    truth: Truth,
    references: Sequence[Prepared],
    rows: int,
    chance: np.random.Generator,
    *,
    rules: Sequence[Rule],
    looks: int = 1,
) -> dict[str, Found]:
    """What each rule said in one draw, over so many looks at one reference."""
    false: dict[str, int] = {}
    true: dict[str, int] = {}
    for look in range(1, looks + 1):
        pairs = [(one, Today(truth.quiet(chance, rows), one, truth)) for one in references]
        moved = Today(truth.moved(chance, rows), references[0], truth)
        for rule in rules:
            if rule.words not in false and any(rule.alarms(*one, look) for one in pairs):
                false[rule.words] = look
            if rule.words not in true and rule.alarms(references[0], moved, look):
                true[rule.words] = look
    return {rule.words: Found(false.get(rule.words), true.get(rule.words)) for rule in rules}


def share(found: Sequence[int | None]) -> str:
    """In how many draws there was one."""
    return f"{sum(one is not None for one in found) / len(found):.1%}"


def once(draws: int, chance: np.random.Generator) -> list[str]:
    """The table of one look: a row for each truth and size."""
    lines = [
        "| What is true | rows | " + " | ".join(f"{rule.words}: false / power" for rule in ONCE) + " |",
        "|:--|--:|" + "--:|" * len(ONCE),
    ]
    for truth in TRUTHS:
        several = [
            [drawn(truth, references, rows, chance, rules=ONCE) for rows in ROWS]
            for _ in range(draws)
            for references in (prepared(truth, chance),)
        ]
        for rows, found in zip(ROWS, zip(*several, strict=True), strict=True):
            cells = [
                f"{share([one[rule.words].false for one in found])} / {share([one[rule.words].true for one in found])}"
                for rule in ONCE
            ]
            lines.append(f"| {truth.words} | {rows:,} | {' | '.join(cells)} |")
    return lines


def daily(draws: int, chance: np.random.Generator) -> list[str]:
    """The table of ninety looks: a row for each rule."""
    still = Truth("", normal(), normal(), normal(0.4))
    moved = Truth("", normal(), normal(AT_THE_LIMIT), normal(0.5))
    columns = [
        [drawn(truth, prepared(truth, chance), NEW, chance, rules=DAILY, looks=LOOKS) for _ in range(draws)]
        for truth in (still, moved)
    ]
    lines = [
        (
            f"| {LOOKS} looks, {NEW:,} rows each | nothing moved: false alarm | all moved to the limit: false alarm "
            "| +0.4 spreads: found, median day | +0.5 spreads: found, median day |"
        ),
        "|:--|--:|--:|--:|--:|",
    ]
    for rule in DAILY:
        false = [share([one[rule.words].false for one in found]) for found in columns]
        true = []
        for found in columns:
            days = [day for one in found if (day := one[rule.words].true) is not None]
            told = f", {np.median(days):.0f}" if days else ""
            true.append(f"{share([one[rule.words].true for one in found])}{told}")
        lines.append(f"| {rule.words} | {' | '.join([*false, *true])} |")
    return lines


def table(draws: int) -> str:
    """All three tables in Markdown."""
    chance = np.random.default_rng(26)
    days = neighbouring(draws, np.random.default_rng(27), names=NAMES)
    first = [*once(draws, chance), "", *daily(draws, chance)]
    return "\n".join([f"Shares of {draws} draws:", "", *first, "", *days])


if __name__ == "__main__":
    simulated(__doc__ or "", table, draws=100, page=PAGE, name="drift")
