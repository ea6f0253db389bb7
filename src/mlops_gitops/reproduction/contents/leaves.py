"""A file of a model as a stream of named leaves, whatever its format.

A reader yields one ``Leaf`` for each number, text, list of numbers or array of a file, in the file's own order, under a
path that names its place (``steps[1].estimator.coef_``, ``tree[3].split_conditions``, ``encoder.weight``).  Reading
executes nothing and imports no machine-learning library.  Arrays stay in their file until they are asked for, piece by
piece, so that memory does not grow with the model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Scalar = None | bool | int | float | complex | str | bytes


class Array(Protocol):
    """Numbers in a file.  ``dtype`` is numpy's name, or ``bfloat16`` and the like, which numpy has not."""

    @property
    def dtype(self) -> str:
        """The type of an element."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The length along each axis."""

    def chunks(self, size: int, /) -> Iterator[npt.NDArray[np.generic]]:
        """All elements in C order, flat, in pieces of ``size`` elements (the last may be shorter), never a copy of all.

        Types that numpy has not come widened to float32.
        """


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value and its path.

    ``noise`` names the reason why a difference here means nothing (``serialised n_jobs``, ``MLmodel uuid``), where it
    does not; canonical comparison leaves such leaves out.
    """

    path: str
    value: Scalar | Array
    noise: str = ""


class Unreadable(ValueError):
    """The file is not what it says it is, or holds what cannot be read without running it; the text says why."""
