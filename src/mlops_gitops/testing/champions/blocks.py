"""Which rows of a data set belong together: those of one entity, or else of one day, where the manifest names a column.

Rows of one customer or one day resemble one another, so that they tell less than as many independent rows would.
"""

from __future__ import annotations

import numpy as np

from mlops_gitops.manifests.model import Dataset
from mlops_gitops.testing.champions.paired import Codes
from mlops_gitops.testing.data.files import DataFile
from mlops_gitops.testing.engines import duckdb as engine
from mlops_gitops.testing.statistics import Bools, Unmeasurable


def column(dataset: Dataset) -> str | None:
    """The column that tells blocks apart: the entity's before the time's, for it binds rows more closely."""
    return dataset.entity_column or dataset.time_column


def of_file(file: DataFile, present: Bools) -> Codes | None:
    """The block of each row that is present, in the order of the file; ``None`` where no column is named.

    Raises ``Refused`` for a file that cannot be read, ``Unmeasurable`` for a column that is not there or no time.
    """
    by = column(file.dataset)
    if by is None:
        return None
    if by not in engine.columns(file.opened):
        raise Unmeasurable(f"{file.dataset.name} has no column {by}, by which its rows belong together")
    days = file.dataset.entity_column is None
    raw = engine.arrays(file.opened, {"block": engine.block(by, days=days)})["block"]
    missing = int(np.ma.getmaskarray(raw)[present].sum())
    if days and missing:
        raise Unmeasurable(f"{by} is no time in {missing:,} rows of {file.dataset.name}")
    values = np.ma.getdata(raw)[present]
    codes: Codes = np.unique(values, return_inverse=True)[1].astype(np.int64)
    return codes
