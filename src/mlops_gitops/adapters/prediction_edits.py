"""Changes of a table before a model sees it: what metamorphic tests, numeric tests and explanations ask about.

Read by ``prediction_program`` beside it, in the process of the model; needs pandas and numpy, and nothing of this
package.  Each change is a small JSON object with the name of an operation; an unknown one is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def edited(frame: Any, edits: list[dict[str, Any]]) -> Any:
    """The table with all changes made, in order.  Raises ``ValueError`` for one that it does not know."""
    for edit in edits:
        made = _OPERATIONS.get(edit["op"])
        if made is None:
            raise ValueError(f"there is no change {edit['op']!r}")
        frame = made(frame, edit)
    return frame


def changed(before: Any, after: Any) -> int:
    """How many rows differ, a missing value being like another."""
    if len(before) != len(after):
        return len(after)
    different = None
    for name in before.columns:
        old, new = before[name], after[name]
        same = (old.to_numpy() == new.to_numpy()) | (old.isna().to_numpy() & new.isna().to_numpy())
        different = ~same if different is None else different | ~same
    return 0 if different is None else int(different.sum())


def _head(frame: Any, edit: dict[str, Any]) -> Any:
    return frame.head(edit["rows"])


def _set(frame: Any, edit: dict[str, Any]) -> Any:
    return frame.assign(**{name: _filled(frame[name], edit["value"]) for name in edit["columns"]})


def _filled(column: Any, value: Any) -> Any:
    import pandas as pd

    made = pd.Series([value] * len(column), index=column.index)
    return made if isinstance(column.dtype, pd.CategoricalDtype) else _as(made, column.dtype)


def _as(column: Any, dtype: Any) -> Any:
    """In the type that it had, where that loses nothing."""
    try:
        cast = column.astype(dtype)
    except (TypeError, ValueError):
        return column
    return cast if bool((cast == column).all()) else column


def _replace(frame: Any, edit: dict[str, Any]) -> Any:
    pairs = dict(edit["values"])

    def other(value: Any) -> Any:
        return pairs.get(str(value), value)

    return frame.assign(**{name: _as(frame[name].map(other), frame[name].dtype) for name in edit["columns"]})


def _add(frame: Any, edit: dict[str, Any]) -> Any:
    return frame.assign(**{name: _as(frame[name] + edit["by"], frame[name].dtype) for name in edit["columns"]})


def _noise(frame: Any, edit: dict[str, Any]) -> Any:
    """Normal noise in shares of the column's own standard deviation; the same for the same seed."""
    import numpy as np

    rng = np.random.default_rng(edit["seed"])
    made = {}
    for name in edit["columns"]:
        column = frame[name].astype(np.float64)
        finite = column[np.isfinite(column)]
        spread = float(finite.std(ddof=0)) if len(finite) else 0.0
        made[name] = column + rng.normal(size=len(frame)) * edit["scale"] * spread
    return frame.assign(**made)


def _missing(frame: Any, edit: dict[str, Any]) -> Any:
    import numpy as np

    numbers = {name for name in edit["columns"] if frame[name].dtype.kind in "iuf"}
    return frame.assign(**{name: np.nan if name in numbers else None for name in edit["columns"]})


def _single(frame: Any, _edit: dict[str, Any]) -> Any:
    """Numbers of 64 bits in 32."""
    return frame.astype({name: "float32" for name in frame.columns if frame[name].dtype == "float64"})


def _reversed(frame: Any, _edit: dict[str, Any]) -> Any:
    return frame.iloc[::-1].reset_index(drop=True)


def _mosaic(frame: Any, edit: dict[str, Any]) -> Any:
    """Rows put together from two: each column from the first where the mask says so, and from the second elsewhere.

    ``rows`` are pairs of the second row and a mask, whose n-th bit is the n-th column; the first row is ``row``.
    """
    import numpy as np

    backgrounds = np.array([pair[0] for pair in edit["rows"]])
    masks = [int(pair[1], 16) for pair in edit["rows"]]
    made = {}
    for place, name in enumerate(frame.columns):
        mine = np.array([mask >> place & 1 for mask in masks], dtype=bool)
        made[name] = frame[name].iloc[np.where(mine, edit["row"], backgrounds)].reset_index(drop=True)
    return type(frame)(made)


_OPERATIONS: dict[str, Callable[[Any, dict[str, Any]], Any]] = {
    "head": _head,
    "set": _set,
    "replace": _replace,
    "add": _add,
    "noise": _noise,
    "missing": _missing,
    "single": _single,
    "reversed": _reversed,
    "mosaic": _mosaic,
}
