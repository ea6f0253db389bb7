"""Experiments on a training: order a run, hold two runs against each other, and keep a list of what was tried.

A ``Bench`` gives every run a name of its own and remembers every experiment.  It never decides what to try next; that
is ``explanation``'s business.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from mlops_gitops.reproduction.levels import Agreement, Level
from mlops_gitops.reproduction.reproductions import Experiment
from mlops_gitops.reproduction.trainings import Conditions, Order, Run, Stage, Trainer


@dataclass(frozen=True, slots=True)
class Difference:
    """Where two runs part: the first stage that differs, and whether it holds the same rows in another order.

    ``before`` is the last stage at which both were still the same.
    """

    stage: Stage | None = None
    reordered: bool = False
    before: Stage | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """Two runs held against each other.  ``same`` is ``None`` where one of them gave nothing to compare."""

    left: Run
    right: Run
    level: Level | None
    same: bool | None
    problem: str = ""
    difference: Difference = Difference()

    @property
    def differs(self) -> bool:
        """Whether both are there and do not agree as closely as is demanded."""
        return self.same is False


@dataclass(slots=True)
class Bench:
    """Where experiments are made, and the list of those that were."""

    trainer: Trainer
    compare: Callable[[Run, Run], Agreement]
    demanded: Level
    progress: Callable[[str], None]
    made: list[Experiment] = field(default_factory=list)
    runs: dict[str, int] = field(default_factory=dict)

    @property
    def yardstick(self) -> Level:
        """The level by which two runs count as the same; a pair of runs cannot answer the statistical one."""
        return Level.NUMERIC if self.demanded is Level.STATISTICAL else self.demanded

    def train(self, name: str, conditions: Conditions) -> Run:
        """Run the training under these conditions, traced."""
        number = self.runs[name] = self.runs.get(name, 0) + 1
        self.progress(f"explaining: {name}, run {number}")
        return self.trainer.train(Order(f"{name}-{number}", conditions, traced=True))

    def hold(self, left: Run, right: Run) -> Result:
        """How far two runs agree.  Agreement that could not be asked is none."""
        broken = next((one for one in (left, right) if not one.usable), None)
        if broken is not None:
            return Result(left, right, None, None, problem=_problem(broken))
        level = self.compare(left, right).level
        same = level is not None and level.meets(self.yardstick)
        return Result(left, right, level, same, difference=Difference() if same else difference(left, right))

    def note(self, factors: Sequence[str], values: Callable[[str], tuple[str, str]], result: Result) -> None:
        """Remember an experiment; factors that were varied together each get a line that says so."""
        stage = result.difference.stage
        for factor in factors:
            left, right = values(factor)
            others = [one for one in factors if one != factor]
            together = f" (with {len(others)} other factors)" if others else ""
            self.made.append(
                Experiment(
                    factor,
                    left,
                    right + together,
                    result.level,
                    first_stage=stage.name if stage else None,
                    problem=result.problem,
                )
            )


def difference(left: Run, right: Run) -> Difference:
    """Where two runs part, by the digests of their stages; empty where they were not traced or never part."""
    before: Stage | None = None
    for one, other in zip_longest(left.stages, right.stages):
        if one is None or other is None or one.name != other.name:
            return Difference(one or other, before=before)
        if one.ordered != other.ordered:
            return Difference(other, reordered=one.unordered == other.unordered, before=before)
        before = other
    return Difference(before=before)


def _problem(run: Run) -> str:
    fatal = [one for one in run.problems if one.fatal] or list(run.problems)
    return fatal[0].message if fatal else f"the run {run.name} made nothing to compare"
