"""How features go together, and how much that has changed since another look at them.

Two columns of numbers: Spearman's rank correlation, which no outlier and no unit moves, with Pearson's beside it.  With
a category among them: Cramér's V, corrected for chance (Bergsma 2013, J. Korean Stat. Soc. 42:323), numbers read in
eight bins of equal weight.  All columns of numbers take one pass: three products of matrices.  Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from mlops_gitops.canonical import JSON
from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.findings import Location
from mlops_gitops.testing import wording
from mlops_gitops.testing.estimates import quantile
from mlops_gitops.testing.features.coding import Feature, coded
from mlops_gitops.testing.statistics import Floats

RANKS, TABLE = "spearman", "cramer"
FEWEST_ROWS = 50
BINS, CATEGORIES = 8, 32
_DRAWS = 50
_SPREAD = 1.03
"""How much wider a rank correlation scatters than a plain one (Fieller and others 1957, Biometrika 44:470)."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two features: by which measure, its value, its standard error, and Pearson's where both are numbers."""

    first: str
    second: str
    kind: str
    value: float
    error: float
    pearson: float | None = None


@dataclass(frozen=True, slots=True)
class Correlations:
    """Every pair of features of one data set."""

    dataset: str
    digest: str
    rows: int
    pairs: tuple[Pair, ...]

    def document(self) -> dict[str, JSON]:
        """As JSON; digits that the rows do not carry are left out."""
        return {
            "dataset": self.dataset,
            "digest": self.digest,
            "rows": self.rows,
            "pairs": [
                {
                    "first": one.first,
                    "second": one.second,
                    "kind": one.kind,
                    "value": round(one.value, 6),
                    "error": round(one.error, 6),
                    "pearson": None if one.pearson is None else round(one.pearson, 6),
                }
                for one in self.pairs
            ],
        }


def parse(document: Any) -> Correlations:
    """From ``document``.  Raises ``ValueError`` where it is none."""
    try:
        pairs = tuple(
            Pair(
                str(one["first"]),
                str(one["second"]),
                str(one["kind"]),
                _number(one["value"]),
                _number(one["error"]),
                None if one["pearson"] is None else _number(one["pearson"]),
            )
            for one in document["pairs"]
        )
        return Correlations(str(document["dataset"]), str(document["digest"]), int(document["rows"]), pairs)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it lacks or misuses {error}") from error


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no number")
    return float(value)


def pairs(features: Sequence[Feature]) -> tuple[Pair, ...]:
    """Every pair, in the order of the features."""
    numbers = [one for one in features if not one.categorical]
    ranks = _matrix([_ranked(one.values) for one in numbers])
    plain = _matrix([one.values for one in numbers])
    place = {one.name: at for at, one in enumerate(numbers)}
    tables = {one.name: coded(one, bins=BINS, categories=CATEGORIES) for one in features}
    found = []
    for first, second in combinations(features, 2):
        if first.categorical or second.categorical:
            value, error = _cramer(tables[first.name], tables[second.name])
            found.append(Pair(first.name, second.name, TABLE, value, error))
            continue
        at = (place[first.name], place[second.name])
        value, rows = float(ranks[0][at]), float(ranks[1][at])
        error = _SPREAD * (1 - value * value) / math.sqrt(max(1.0, rows - 3))
        found.append(Pair(first.name, second.name, RANKS, value, error, float(plain[0][at])))
    return tuple(found)


def _ranked(values: Floats) -> Floats:
    """The middle rank of each value among those present; missing stays missing."""
    ranks, present = np.full(len(values), np.nan), np.isfinite(values)
    _, codes, counts = np.unique(values[present], return_inverse=True, return_counts=True)
    ranks[present] = (np.cumsum(counts) - (counts - 1) / 2)[codes]
    return ranks


def _matrix(columns: Sequence[Floats]) -> tuple[Floats, Floats]:
    """Pearson's correlation of each two columns on the rows that both have, and how many those are."""
    if not columns:
        return np.zeros((0, 0)), np.zeros((0, 0))
    raw = np.column_stack(columns)
    present = np.isfinite(raw)
    there = present.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        filled = np.where(present, raw, 0.0)
        filled = np.where(present, filled - filled.sum(0) / np.maximum(there.sum(0), 1), 0.0)
        largest = np.abs(filled).max(0)
        filled /= np.where((largest > 0) & np.isfinite(largest), largest, 1.0)
        rows, sums, squares = there.T @ there, filled.T @ there, (filled**2).T @ there
        mean = sums / rows
        variance = squares / rows - mean**2
        found = (filled.T @ filled / rows - mean * mean.T) / np.sqrt(variance * variance.T)
    # a constant goes with nothing
    return np.clip(np.nan_to_num(found, nan=0.0, posinf=0.0, neginf=0.0), -1, 1), rows


def _cramer(first: tuple[np.ndarray[Any, Any], int], second: tuple[np.ndarray[Any, Any], int]) -> tuple[float, float]:
    """V, and its standard error from samples of the table."""
    (a, high), (b, wide) = first, second
    table = np.bincount(a * wide + b, minlength=high * wide).reshape(high, wide).astype(np.float64)
    rows = int(table.sum())
    if rows == 0:
        return 0.0, 1.0
    draws = np.random.default_rng(rows).multinomial(rows, (table / rows).ravel(), size=_DRAWS)
    spread = float(np.std([_v(one.reshape(high, wide).astype(np.float64)) for one in draws], ddof=1))
    return _v(table), max(spread, 1 / math.sqrt(rows) / 2)


def _v(table: Floats) -> float:
    table = table[table.sum(1) > 0][:, table.sum(0) > 0]
    high, wide = table.shape
    rows = table.sum()
    if min(high, wide) < 2 or rows < 2:  # noqa: PLR2004 - a constant goes with nothing
        return 0.0
    expected = np.outer(table.sum(1), table.sum(0)) / rows
    phi = ((table - expected) ** 2 / expected).sum() / rows
    phi = max(0.0, phi - (high - 1) * (wide - 1) / (rows - 1))
    least = min(high - (high - 1) ** 2 / (rows - 1), wide - (wide - 1) ** 2 / (rows - 1)) - 1
    return float(math.sqrt(min(1.0, phi / least))) if least > 0 else 0.0


def too_close(found: Correlations, limit: float, place: Location) -> Iterator[Check]:
    """The pairs that go together more closely than ``limit``: each tells what the other does."""
    held = [one for one in found.pairs if abs(one.value) > limit]
    for one in held:
        message = f"{one.first} and {one.second} go together with {_said(one)}; at most {limit:g} is allowed"
        fix = "leave one of them out, or say with a larger limit that both are needed"
        subject = f"{one.first}, {one.second}"
        yield Check("feature.correlation", subject, Verdict.FAIL, message, one.value, limit, location=place, fix=fix)
    if not held:
        message = f"no two of {_count(found)} on {found.dataset} go together more closely than {limit:g}"
        yield Check("feature.correlation", found.dataset, Verdict.PASS, message, location=place)


def changed(before: Correlations, after: Correlations, limit: float, place: Location) -> Iterator[Check]:
    """The pairs whose correlation moved by more than ``limit``, by a bound that holds for all pairs at once (5 %)."""
    if min(before.rows, after.rows) < FEWEST_ROWS:
        message = (
            f"{min(before.rows, after.rows)} rows are too few to compare correlations; {FEWEST_ROWS} are the least"
        )
        fix = "provide more rows"
        yield Check("feature.change", after.dataset, Verdict.INCONCLUSIVE, message, location=place, fix=fix)
        return
    known: Mapping[tuple[str, str, str], Pair] = {(one.first, one.second, one.kind): one for one in before.pairs}
    both = [
        (old, one)
        for one in after.pairs
        if (old := known.get((one.first, one.second, one.kind)) or known.get((one.second, one.first, one.kind)))
    ]
    width = quantile(1 - 0.05 / max(1, len(both)))
    moved = 0
    for old, one in both:
        change, half = one.value - old.value, width * math.hypot(old.error, one.error)
        if abs(change) - half > limit:
            moved += 1
            message = (
                f"{one.first} and {one.second} went together with {_said(old)} and do with {_said(one)} now "
                f"(a change of {wording.signed(change)}, interval {wording.signed(change - half)} to "
                f"{wording.signed(change + half)}); {limit:g} is allowed"
            )
            fix = "find out what changed in how these columns are made; then write the reference again"
            yield Check(
                "feature.change",
                f"{one.first}, {one.second}",
                Verdict.FAIL,
                message,
                observed=change,
                limit=limit,
                interval=(change - half, change + half),
                rows=after.rows,
                location=place,
                fix=fix,
            )
    if not moved:
        message = (
            f"of {len(both):,} pairs on {after.dataset} none is shown to go together otherwise by more than {limit:g}"
        )
        yield Check("feature.change", after.dataset, Verdict.PASS, message, rows=after.rows, location=place)


def _said(one: Pair) -> str:
    name = "rank correlation" if one.kind == RANKS else "Cramér's V"
    return f"{name} {wording.score(one.value)}"


def _count(found: Correlations) -> str:
    return f"{len({name for one in found.pairs for name in (one.first, one.second)})} features"
