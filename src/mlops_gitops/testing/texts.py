"""Values of a column as text, within bounds: one long value does not make every other as long.

An array of numpy's own texts gives each row the room of the longest, so that a single value of a megabyte among a
hundred thousand rows would ask for 400 GB.  Where one is long the rows are Python's texts, which take what they need.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

LONGEST = 128
"""Characters up to which numpy's texts are used; they are faster."""


def as_texts(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Each value as ``str`` gives it: an array that compares, sorts and counts as texts do."""
    if values.dtype.kind != "O":
        return values.astype(str)
    found = [str(one) for one in values.tolist()]
    return np.array(found, dtype=object if max(map(len, found), default=0) > LONGEST else str)
