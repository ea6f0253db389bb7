"""Which models a change touches, as people read it and as a matrix of jobs.

GitHub runs at most 256 jobs of a matrix and takes outputs of one mebibyte, so a job gets several models where there are
many: evenly, in order, and the same for the same models.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise

from mlops_gitops.canonical import JSON
from mlops_gitops.errors import Refused
from mlops_gitops.manifests.reach import Reach
from mlops_gitops.reporting.inert import inert

MOST_JOBS = 256
"""GitHub's limit on the jobs of one matrix."""
ROOM = 1_000_000
"""Bytes of UTF-16, in which GitHub measures the outputs of a job: a little less than the mebibyte that it takes."""


def text(found: Reach) -> str:
    """A line for each model with its first reason, and for what is gone or cannot be."""
    lines = [f"{len(found.models)} of {found.known} models"]
    for one in found.models if not found.everything else found.models[:1]:
        reason = one.reasons[0]
        more = len(one.reasons) + one.more - 1
        name = "each of them" if found.everything else one.model
        because = f"{inert(reason.path)} ({inert(reason.why)})" if reason.path else inert(reason.why)
        lines.append(f"  {name}: {because}" + (f" and {more} more" if more else ""))
    lines += [f"  {inert(one)}: removed" for one in found.removed]
    lines += [f"  {inert(one)}: left out, because no model can have this name" for one in found.unfit]
    return "\n".join(lines)


def document(found: Reach, *, base: str | None, head: str, jobs: int) -> dict[str, JSON]:
    """The same, as JSON.  Raises ``Refused`` where the matrix would be larger than GitHub takes."""
    names = [one.model for one in found.models]
    groups = shared_out(names, jobs)
    matrix: list[JSON] = [{"name": _title(one), "models": "\n".join(one)} for one in groups]
    size = 2 * (len(json.dumps(matrix)) + len(json.dumps(names)))
    if size > ROOM:
        raise Refused(
            f"a matrix of {len(names)} models takes {size} bytes, and GitHub takes {ROOM}",
            hint="run it in parts: --base on smaller changes, or several folders with models of their own",
            code="matrix",
        )
    return {
        "result": "planned" if names else "nothing-to-do",
        "base": base,
        "head": head,
        "everything": found.everything,
        "known": found.known,
        "models": [
            {
                "model": one.model,
                "reasons": [{"path": inert(reason.path), "why": inert(reason.why)} for reason in one.reasons],
                "more": one.more,
            }
            for one in found.models
        ],
        "names": list(names),
        "removed": list(map(inert, found.removed)),
        "unfit": list(map(inert, found.unfit)),
        "jobs": len(groups),
        "matrix": {"include": matrix},
    }


def shared_out(names: Sequence[str], jobs: int) -> list[Sequence[str]]:
    """``names`` in order, in at most ``jobs`` groups whose sizes differ by one at most; none is empty."""
    count = min(jobs, len(names))
    edges = [len(names) * number // count for number in range(count + 1)] if count else []
    return [names[start:end] for start, end in pairwise(edges)]


def _title(group: Sequence[str]) -> str:
    return group[0] if len(group) == 1 else f"{group[0]} and {len(group) - 1} more"
