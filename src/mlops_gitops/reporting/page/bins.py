"""Bins across a picture: each as wide as it is, or all equally wide where a few of them hold almost everything."""

from __future__ import annotations

import bisect

from mlops_gitops.records import record
from mlops_gitops.reporting.page.axes import Axis, told_apart, under, written


@record
class Bins:
    """Where edges lie.  With ``even``, the axis counts bins and not what the edges are measured in."""

    edges: tuple[float, ...]
    axis: Axis
    even: bool

    def at(self, value: float) -> float:
        """The place of a value."""
        if not self.even:
            return self.axis.at(value)
        found = min(max(bisect.bisect_right(self.edges, value) - 1, 0), len(self.edges) - 2)
        low, high = self.edges[found], self.edges[found + 1]
        share = (min(max(value, low), high) - low) / ((high - low) or 1.0)
        return self.axis.at(found + share)

    def under(self, y: float) -> str:
        """The axis at ``y``: round numbers, or five of the edges."""
        if not self.even:
            return under(self.axis, y)
        last = len(self.edges) - 1
        indices = list(dict.fromkeys(round(last * part / 4) for part in range(5)))
        words = told_apart([self.edges[index] for index in indices])
        places = [(self.axis.at(index), word) for index, word in zip(indices, words, strict=True)]
        return written(places, y + 15, self.axis.start, self.axis.end)


def even(edges: tuple[float, ...], *, start: float, end: float) -> Bins:
    """All bins equally wide."""
    return Bins(edges, Axis(0, len(edges) - 1, start, end), even=True)
