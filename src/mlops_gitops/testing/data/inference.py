"""A section ``tests.data`` from training data, such that a fresh sample of the same source passes it.

The smallest and largest value of a sample are no bounds: the next sample has about an even chance to exceed either.
So every bound comes with a budget, and both are chosen together.  A range runs from the r-th smallest value to the r-th
largest, and its budget is the number of fresh values out of m that exceed such a bound no more often than the error
allows.  For rows that can change places with one another that number has one distribution whatever the values are
distributed like: the beta-binomial with r and n + 1 - r (Wilks 1941, Ann. Math. Stat. 12:91; Krishnamoorthy and Mathew
2009, *Statistical Tolerance Regions*, ch. 8).  Ties make it safer.  Missing values are bounded the same way, with the
number of missing ones plus one for r (Clopper and Pearson 1934), and so are categories that were not seen, with the
number of those that were seen once plus one: this last has no proof, and is measured.  The error is shared evenly by
all bounds.  Where rows of one day or entity resemble one another, n, m and r are divided by the design effect.

A key is taken for one where its name or its density says so: that no value came twice says little about the next
sample.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_gitops.errors import Refused
from mlops_gitops.manifests.model import Model
from mlops_gitops.testing.data.discretion import personal
from mlops_gitops.testing.data.files import TESTED, DataFile, data_files
from mlops_gitops.testing.data.profile import NUMERIC, Column
from mlops_gitops.testing.data.references import resemblance
from mlops_gitops.testing.data.relations import Rows
from mlops_gitops.testing.data.scans import Scan, Wanted
from mlops_gitops.testing.engines import duckdb as engine
from mlops_gitops.testing.engines import joins

ERROR = 0.01
"""How often a fresh sample may fail any bound of all columns."""
TAIL = 0.001
"""The share of the values that a range leaves out on either side."""
MOST_CATEGORIES = 64
"""A column of more categories has no domain that is closed."""
ONCE = 0.001
"""Nor has one of which a larger share of rows holds a category that no other row holds."""
MOST_ROWS = 100_000
"""Fresh samples of more rows are bounded like those: the larger a sample, the less its shares scatter."""
_DIGITS = 2
_KEY = ("id", "key", "uuid", "guid")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one column: its profile, rows, the design effect, and its low and high order statistic.

    ``rank`` is how many values lie at or below ``low``, and at or above ``high``.
    """

    column: Column
    rows: int
    design: float = 1.0
    low: float | None = None
    high: float | None = None
    rank: int = 1

    @property
    def present(self) -> int:
        """Rows with a finite value."""
        return self.rows - self.column.nulls - self.column.nans - self.column.infinities


def section(model: Model, *, folder: Path, root: Path) -> dict[str, Any]:
    """The section that the training data suggest.

    It holds for samples of as many rows as the smallest data set that the manifest tests.  Raises ``Refused``.
    """
    files = [one for one in data_files(model, folder=folder, root=root) if one.dataset.role in TESTED]
    training = next((one for one in files if one.dataset.role == "training"), None)
    if training is None or training.source is None:
        problem = "the manifest names no data set of the role training" if training is None else training.problem
        raise Refused(f"nothing can be inferred: {problem}", hint="provide the training data", code="no-data")
    readable = [one.source for one in files if one.source is not None]
    fresh = min((rows for one in readable if (rows := joins.rows(one))), default=0)
    if not fresh or not joins.rows(training.source):
        raise Refused("nothing can be inferred: there are no rows", hint="provide the training data", code="no-data")
    found = of_data(training, fresh=fresh)
    everywhere = set.intersection(*(set(engine.columns(one)) for one in readable))
    for entry in found["columns"]:
        if entry["name"] not in everywhere:
            entry["required"] = False
    return found


def of_data(file: DataFile, *, fresh: int) -> dict[str, Any]:
    """The section for the data set of ``file``; it holds for samples of ``fresh`` rows or more.  Raises ``Refused``."""
    source = file.opened
    scan = engine.scan(source, Wanted())
    candidates = tuple((name,) for name in scan.stored if _may_be_key(name, scan))
    if candidates:
        scan = engine.scan(source, Wanted(keys=candidates))
    alike, _ = resemblance(file, scan.profile, Rows())
    designs = {name: one.effect for name, one in alike.items()}
    unique = [list(key) for key in candidates if scan.distinct.get(key) == scan.profile.rows > 0]
    found: dict[str, Any] = {"columns": columns(_evidence(file, scan, designs, unique), fresh=fresh)}
    if unique:
        found["unique"] = unique
    return found


def columns(evidence: Sequence[Evidence], *, fresh: int) -> list[dict[str, Any]]:
    """The entries of ``columns``: pure, from what is known of each."""
    bounds = sum(_bounds(one) for one in evidence)
    error = ERROR / max(1, bounds)
    named = [one for one in evidence if one.column.name.isprintable()]  # no manifest can hold another name
    return [_column(one, fresh=min(fresh, MOST_ROWS), error=error) for one in named]


def _bounds(one: Evidence) -> int:
    """How many bounds a column gets: that of missing ones, and two of its range or one of its domain."""
    return 1 + (2 if one.low is not None else 0) + (1 if _closed(one) else 0)


def _column(one: Evidence, *, fresh: int, error: float) -> dict[str, Any]:
    column, found = one.column, {"name": one.column.name}
    entry: dict[str, Any] = dict(found)
    if column.type != "other":
        entry["type"] = column.type
    absent = column.nulls + column.nans
    if absent < one.rows:
        entry["maxNullRate"] = budget(absent + 1, one.rows, fresh, error=error, design=one.design)
    if one.low is not None and one.high is not None:
        low, high = _outward(one.low, one.high, whole=column.type in {"integer", "long"})
        entry["range"] = {"min": low, "max": high}
        entry["maxViolationRate"] = budget(one.rank, one.present, fresh, error=error, design=one.design)
    elif _closed(one):
        once = sum(category.count == 1 for category in column.categories)
        entry["domain"] = sorted(category.value for category in column.categories)
        entry["maxViolationRate"] = budget(once + 1, one.present, fresh, error=error, design=one.design)
    return entry


def _closed(one: Evidence) -> bool:
    categories = one.column.categories
    once = sum(category.count == 1 for category in categories)
    few = 0 < len(categories) <= MOST_CATEGORIES and not one.column.others
    if any(personal(one.column.name, kept.value) or not kept.value.isprintable() for kept in categories):
        return False  # a manifest is committed, and holds nothing that nobody sees
    return few and once <= ONCE * one.present and len(categories) * 10 <= one.present


def budget(rank: int, known: int, fresh: int, *, error: float, design: float = 1.0) -> float:
    """The share of ``fresh`` values beyond the ``rank``-th of ``known`` that is exceeded with probability ``error``.

    Rounded up to two digits, so that it can be read; at most 1.
    """
    rows = max(1, int(fresh / design))
    a, b = rank / design, (known + 1 - rank) / design
    if b <= 0:
        return 1.0
    chance = _log_beta(a, b + rows) - _log_beta(a, b)  # the logarithm, of no value beyond
    within, most = math.exp(chance), 0
    while 1 - within > error and most < rows:
        chance += math.log((rows - most) / (most + 1)) + math.log((a + most) / (b + rows - most - 1))
        within, most = within + math.exp(chance), most + 1
    return _upward(most / rows)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _upward(share: float) -> float:
    if share <= 0:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(share)) - _DIGITS + 1)
    return min(1.0, float(f"{math.ceil(share / unit - 1e-9) * unit:.12g}"))


_EXACT = 2**53 - 1


def _outward(low: float, high: float, *, whole: bool) -> tuple[float, float]:
    """Bounds that are short to read and lie no more than a hundredth of the range further out."""
    span = high - low
    if not math.isfinite(span) or span <= 0:
        return _whole(low, high) if whole and math.isfinite(span) else (low, high)
    unit = 10.0 ** math.floor(math.log10(span / 100))
    if whole and unit <= 1:
        return _whole(low, high)
    found = float(f"{math.floor(low / unit) * unit:.12g}"), float(f"{math.ceil(high / unit) * unit:.12g}")
    lower, upper = min(found[0], low), max(found[1], high)
    return _whole(lower, upper) if whole else (lower, upper)


def _whole(low: float, high: float) -> tuple[float, float]:
    """Whole numbers, but for those that JSON cannot hold exactly: a manifest has the next real ones further out."""
    return (
        int(low) if abs(low) <= _EXACT else math.nextafter(float(low), -math.inf),
        int(high) if abs(high) <= _EXACT else math.nextafter(float(high), math.inf),
    )


def _may_be_key(name: str, scan: Scan) -> bool:
    """Whether a column is named like a key, or numbers its rows without a gap."""
    column, rows = scan.profile.column(name), scan.profile.rows
    if (
        column is None
        or column.nulls
        or column.type not in {"integer", "long", "string"}
        or not rows
        or not name.isprintable()
    ):
        return False
    if name.lower() in _KEY or name.lower().endswith(tuple(f"_{one}" for one in _KEY)):
        return True
    dense = column.type != "string" and column.minimum is not None and column.maximum is not None
    return dense and int(column.maximum or 0) - int(column.minimum or 0) == rows - 1


def _evidence(
    file: DataFile, scan: Scan, designs: Mapping[str, float], unique: Sequence[Sequence[str]]
) -> list[Evidence]:
    """What is known of each column; a key, whose next values are others, has no range."""
    keys = {name for key in unique for name in key}
    rows = scan.profile.rows
    plain = [Evidence(one, rows, designs.get(one.name, 1.0)) for one in scan.profile.columns]
    ranked = {
        one.column.name: max(1, int(TAIL * one.present))
        for one in plain
        if one.column.type in NUMERIC and one.present and one.column.name not in keys
    }
    shares = {
        one.column.name: [_share(rank, one.present), _share(one.present + 1 - rank, one.present)]
        for one in plain
        if (rank := ranked.get(one.column.name))
    }
    values = joins.quantiles_of(file.opened, shares)
    found = []
    for one in plain:
        ends = values.get(one.column.name, ())
        found.append(
            Evidence(one.column, rows, one.design, ends[0], ends[1], ranked[one.column.name]) if len(ends) > 1 else one
        )
    return found


def _share(rank: int, values: int) -> float:
    """The share at which a discrete quantile is the value of that rank."""
    return (rank - 0.5) / values
