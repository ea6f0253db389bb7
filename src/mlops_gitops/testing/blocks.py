"""Which rows of a data set belong together: the one rule, asked by every test that says how sure it is.

Rows of one customer or of one day resemble one another, so that they tell less than as many independent rows would.
The manifest says so by naming a column.  An entity binds rows more closely than a time and goes first; a time makes
blocks of whole days, and since a day resembles the one before, of several neighbouring ones.  **Forecasts** differ: at
one time the errors of all series are alike, so that time goes first, and it is neighbouring times that share a block.

Where no column is named, rows are taken as independent, and every verdict says which of the two it rests on.  What a
block is worth is the matter of ``clusters`` (models) and ``data/shifts`` (drift).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from mlops_gitops.manifests.model import Dataset
from mlops_gitops.records import record
from mlops_gitops.testing.data.designs import FEWEST_BLOCKS, stretches_of
from mlops_gitops.testing.engines import duckdb as engine

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Codes = npt.NDArray[np.int64]


@record
class Grouping:
    """The column that parts rows into blocks, and whether a block is an entity, or a stretch of days or of times."""

    column: str
    kind: Literal["entity", "days", "stretch"]

    @property
    def words(self) -> str:
        """What a verdict says of it."""
        what = {
            "entity": "rows of one",
            "days": "rows of neighbouring days of",
            "stretch": "rows of neighbouring times of",
        }
        return f"{what[self.kind]} {self.column} are one block"


def grouping(dataset: Dataset, *, task: str = "") -> Grouping | None:
    """How the rows of a data set belong together; ``None`` where they are taken as independent."""
    entity, time = dataset.entity_column, dataset.time_column
    if time is not None and task == "forecasting":
        return Grouping(time, "stretch")
    if entity is not None:
        return Grouping(entity, "entity")
    return None if time is None else Grouping(time, "days")


def expression(by: Grouping) -> str:
    """What to ask the engine for beside other columns; ``codes`` reads the answer."""
    if by.kind == "stretch":
        return f"epoch_us(TRY_CAST(CAST({engine.quoted(by.column)} AS VARCHAR) AS TIMESTAMP))"
    return engine.block(by.column, days=by.kind == "days")


def codes(by: Grouping, raw: Any, *, dataset: str) -> Codes:
    """The block of each row, as whole numbers from 0.  Rows without an entity are one block together.

    Raises ``Unmeasurable`` where rows have no time.
    """
    import numpy as np  # late: drift asks for the rule alone, and needs no arrays

    from mlops_gitops.testing.estimates import Unmeasurable

    values, missing = np.ma.getdata(raw), np.ma.getmaskarray(raw)
    if by.kind != "entity" and missing.any():
        raise Unmeasurable(f"{by.column} is no time in {int(missing.sum()):,} rows of {dataset}")
    known, found = np.unique(values[~missing], return_inverse=True)
    blocks: Codes = np.full(len(values), len(known), dtype=np.int64)
    blocks[~missing] = found
    match by.kind:
        case "entity":
            return blocks
        case "days":
            return neighbouring(blocks)
        case "stretch":
            return neighbours(blocks)


def neighbouring(days: Codes) -> Codes:
    """Blocks of neighbouring days, from days that are numbered from 0: as many as drift has them, but at least ten.

    With fewer the tests of a model say nothing, and drift does not say much.
    """
    count = int(days.max()) + 1 if len(days) else 0
    most = max(FEWEST_BLOCKS, stretches_of(count))
    return days * most // count if count > most else days


def neighbours(times: Codes) -> Codes:
    """Blocks of neighbouring times: as long as the cube root of how many different times there are (Künsch 1989).

    Rows of the same time are in the same block, whatever their series.
    """
    import numpy as np

    steps, places = np.unique(times, return_inverse=True)
    length = max(1, math.ceil(len(steps) ** (1 / 3)))
    blocks: Codes = places.astype(np.int64) // length
    return blocks
