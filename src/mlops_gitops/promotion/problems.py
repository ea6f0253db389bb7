"""What ``verify`` finds: one thing that does not hold."""

from __future__ import annotations

from collections.abc import Callable

from mlops_gitops.errors import Failure
from mlops_gitops.records import record


@record
class Problem:
    """One thing that does not hold: a stable id, the path, the commit where the past shows it, and words."""

    id: str
    path: str
    message: str
    commit: str | None = None


def problem(kind: str, path: str, read: Callable[[], object]) -> Problem | None:
    """The problem that reading something runs into, if any."""
    try:
        read()
    except Failure as failure:
        return Problem(kind, path, failure.message)
    return None
