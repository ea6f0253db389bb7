"""The ladder: from what was compared to the strictest level at which two trainings agree.

Pure.  Each level is stricter than the next, so what holds above holds below: a level is only asked where the stricter
one is broken or could not be asked.  A level that could not be asked is open, and open is never agreement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlops_gitops.packaging import digests
from mlops_gitops.reproduction.levels import (
    Agreement,
    Answer,
    Equivalence,
    FileComparison,
    Level,
    PredictionComparison,
    Rung,
    TensorComparison,
)

_TOLD = 3


@dataclass(frozen=True, slots=True)
class Statistics:
    """What several trainings with other seeds showed: the share of changed decisions, and the metrics."""

    churn: Answer
    churn_message: str
    shares: tuple[float, ...]
    metrics: tuple[Equivalence, ...]


def bitwise(left: digests.Artifact, right: digests.Artifact) -> Rung:
    """Whether every file is there on both sides with the same bytes."""
    if left == right:
        files = "the one file has" if len(left.files) == 1 else f"all {len(left.files)} files have"
        return Rung(Level.BITWISE, Answer.HOLDS, f"{files} the same bytes")
    names = [one.name for one in left.files if one not in right.files]
    names += [one.name for one in right.files if one.name not in {other.name for other in left.files}]
    shown = ["the file" if one == digests.SINGLE else one for one in names]
    return Rung(Level.BITWISE, Answer.BROKEN, f"{_some(shown)} differ{'s' if len(names) == 1 else ''}")


def canonical(files: Sequence[FileComparison]) -> Rung:
    """Whether the files are the same once the known noise is gone."""
    different = [one for one in files if not one.canonical and not one.same]
    if different:
        first = different[0]
        more = f", and {len(different) - 1} more" if len(different) > 1 else ""
        detail = f": {first.differs}" if first.differs else ""
        return Rung(Level.CANONICAL, Answer.BROKEN, f"{first.name} differs beyond known noise{detail}{more}")
    removed = list(dict.fromkeys(noise for one in files for noise in one.noise))
    return Rung(Level.CANONICAL, Answer.HOLDS, f"the same without {_some(removed)}" if removed else "the same content")


def numeric(
    tensors: Sequence[TensorComparison], predictions: Sequence[PredictionComparison], *, unasked: str = ""
) -> Rung:
    """Whether every tensor is within the tolerance and no decision changed; ``unasked``: why no decision is known."""
    outside = [one for one in tensors if not one.within]
    if outside:
        worst = outside[0] if outside[0].problem else max(outside, key=lambda one: one.absolute)
        ulp = f" ({worst.ulp:,} ULP)" if worst.ulp else ""
        detail = worst.problem or f"differs by {worst.absolute:.3g} at {_index(worst)}{ulp}"
        more = f"; {len(outside)} of {len(tensors)} tensors are outside" if len(outside) > 1 else ""
        return Rung(Level.NUMERIC, Answer.BROKEN, f"{worst.name} {detail}{more}")
    changed = [one for one in predictions if one.changed]
    if changed:
        first = changed[0]
        words = f"{first.changed:,} of {first.rows:,} decisions on {first.dataset} changed"
        return Rung(Level.NUMERIC, Answer.BROKEN, f"every tensor is within the tolerance, and {words}")
    if not tensors:
        return Rung(Level.NUMERIC, Answer.OPEN, "no tensor of the artifact could be read")
    if not predictions:
        words = unasked or "no decision was compared"
        return Rung(Level.NUMERIC, Answer.OPEN, f"every tensor is within the tolerance, but {words}")
    rows = sum(one.rows for one in predictions)
    largest = max((one.absolute for one in tensors), default=0.0)
    words = f"every tensor is within the tolerance (largest difference {largest:.3g})"
    return Rung(Level.NUMERIC, Answer.HOLDS, f"{words}, and none of {rows:,} decisions changed")


def statistical(found: Statistics | None, *, unasked: str = "") -> Rung:
    """Whether few decisions changed and every metric is equivalent; ``unasked``: why it was not tried."""
    if found is None:
        return Rung(Level.STATISTICAL, Answer.OPEN, unasked or "not asked for: no churn and no margins are stated")
    broken = [one for one in found.metrics if one.answer is Answer.BROKEN]
    if found.churn is Answer.BROKEN:
        return Rung(Level.STATISTICAL, Answer.BROKEN, found.churn_message)
    if broken:
        one = broken[0]
        words = f"{one.metric} moved by {one.difference:+.4g}, beyond the margin of {one.margin:g}"
        return Rung(Level.STATISTICAL, Answer.BROKEN, words)
    if found.churn is Answer.OPEN:
        return Rung(Level.STATISTICAL, Answer.OPEN, found.churn_message)
    undecided = [one for one in found.metrics if one.answer is Answer.OPEN]
    if undecided or not found.metrics:
        return Rung(Level.STATISTICAL, Answer.OPEN, _undecided(undecided))
    power = min(one.power for one in found.metrics)
    named = ", ".join(f"{one.metric} within {one.margin:g}" for one in found.metrics)
    words = f"{found.churn_message}; {named} over {len(found.metrics[0].values)} seeds (power {power:.0%})"
    return Rung(Level.STATISTICAL, Answer.HOLDS, words)


def climb(
    left: str,
    right: str,
    rungs: Sequence[Rung],
    *,
    files: Sequence[FileComparison] = (),
    tensors: Sequence[TensorComparison] = (),
    predictions: Sequence[PredictionComparison] = (),
    statistics: Statistics | None = None,
) -> Agreement:
    """The agreement from the rungs that were asked, strictest first; those below one that holds hold with it."""
    known = {one.level: one for one in rungs}
    whole: list[Rung] = []
    above: Level | None = None
    for level in Level:
        if above is not None:
            whole.append(Rung(level, Answer.HOLDS, f"follows from {above.value}"))
            continue
        rung = known.get(level) or Rung(level, Answer.OPEN, "not asked")
        whole.append(rung)
        above = level if rung.answer is Answer.HOLDS else None
    return Agreement(
        left=left,
        right=right,
        rungs=tuple(whole),
        files=tuple(files),
        tensors=tuple(tensors),
        predictions=tuple(predictions),
        churn=statistics.shares if statistics else (),
        metrics=statistics.metrics if statistics else (),
    )


def _undecided(some: Sequence[Equivalence]) -> str:
    if not some:
        return "no metric could be measured"
    one = some[0]
    need = f"{one.needed} seeds would do" if one.needed else "no number of seeds would do: the margin is too narrow"
    low, high = one.interval
    return f"{one.metric} may have moved by {low:+.4g} to {high:+.4g}, margin {one.margin:g}; {need}"


def _index(one: TensorComparison) -> str:
    return f"[{', '.join(map(str, one.where))}]" if one.where is not None else "an unknown place"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _TOLD} more" if len(names) > _TOLD else ""
    return ", ".join(names[:_TOLD]) + more
