"""Many tests at once: how many of the findings may be chance.  Pure functions of p-values."""

from __future__ import annotations

import numpy as np

from mlops_gitops.testing.statistics import Bools, Floats


def discoveries(values: Floats, *, rate: float, tests: int | None = None) -> Bools:
    """Which p-values are findings, of which at most the share ``rate`` is chance on average.

    The step-up rule of Benjamini and Yekutieli (2001, Annals of Statistics 29:1165), which holds however the tests hang
    together, as overlapping segments do.  ``tests`` is how many were made, where some have no p-value here.
    """
    count = len(values) if tests is None else tests
    found = np.zeros(len(values), dtype=bool)
    if len(values) == 0 or count == 0:
        return found
    harmonic = float((1 / np.arange(1, count + 1)).sum())
    order = np.argsort(values, kind="stable")
    limits = np.arange(1, len(values) + 1) * rate / (count * harmonic)
    below = np.flatnonzero(values[order] <= limits)
    if len(below):
        found[order[: below[-1] + 1]] = True
    return found
