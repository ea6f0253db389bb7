"""A training in memory, with known sensitivities: the trainer of the tests that need many thousand runs."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mlops_gitops.reproduction import ladder
from mlops_gitops.reproduction.levels import Agreement, Answer, Level, Rung
from mlops_gitops.reproduction.trainings import Call, Conditions, Order, Place, Problem, Run, Stage, Trouble

STAGES = ("raw-data#1", "features#1", "split#1", "progress#1", "fitted#1", "artifact#1")
CHANCE = frozenset({"generators", "entropy", "clock", "race"})
VARIED = frozenset(
    {"hash-seed", "file-order", "time-zone", "locale", "user", "folder", "threads", "cpus", "cpu-features"}
)
EVERYTHING = VARIED | CHANCE | {"environment"}
VARIABLES = {
    "hash-seed": "PYTHONHASHSEED",
    "time-zone": "TZ",
    "locale": "LC_ALL",
    "cpu-features": "OPENBLAS_CORETYPE",
    "environment": "DEPTH",
}
FIELDS = {
    "file-order": "reverse_listing",
    "user": "user",
    "folder": "folder",
    "threads": "threads",
    "cpus": "cpus",
}


@dataclass
class Simulated:
    """A training that depends on ``causes``, each at one of ``STAGES``; ``hidden`` at which of the two variations."""

    causes: dict[str, str] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    crashes: frozenset[str] = frozenset()
    calls: Sequence[Call] = ()
    waits: bool = False
    orders: list[Order] = field(default_factory=list)
    ticks: itertools.count[int] = field(default_factory=itertools.count)

    def train(self, order: Order, /) -> Run:
        self.orders.append(order)
        conditions = order.conditions
        if any(self._value(one, conditions) != self._value(one, Conditions()) for one in self.crashes) or (
            self.waits and conditions.frozen
        ):
            return _run(order, None, (), self.calls)
        state, stages = "", []
        for name in STAGES:
            state += "".join(
                f"{one}={self._value(one, conditions)};" for one, where in sorted(self.causes.items()) if where == name
            )
            digest = hashlib.sha256(f"{name}{state}".encode()).hexdigest()
            stages.append(Stage(name, digest, digest, place=Place("train.py", 10 * STAGES.index(name) + 10)))
        return _run(order, stages[-1].ordered, stages, self.calls)

    def _value(self, factor: str, conditions: Conditions) -> object:
        if factor == "race":
            return 0 if (conditions.threads, conditions.cpus) == (1, 1) else next(self.ticks)
        if factor == "generators":
            return next(self.ticks) if conditions.seed is None else conditions.seed
        if factor == "entropy":
            return 0 if conditions.entropy else next(self.ticks)
        if factor == "clock":
            return conditions.clock if conditions.frozen else next(self.ticks)
        if factor in VARIABLES:
            value: object = conditions.environment.get(VARIABLES[factor])
            if factor == "hash-seed" and factor in self.hidden:
                return value == "2"
            return value
        return getattr(conditions, FIELDS[factor])


def _run(order: Order, digest: str | None, stages: Sequence[Stage], calls: Sequence[Call]) -> Run:
    folder = Path(order.name)
    problem = Problem(Trouble.CRASHED, "training ended with exit code 1", "read the log", fatal=True)
    return Run(
        name=order.name,
        folder=folder,
        log=folder / "log",
        exit_code=0 if digest else 1,
        seconds=0,
        overhead=0,
        started="",
        finished="",
        artifact=folder / "model" if digest else None,
        digest=digest,
        problems=() if digest else (problem,),
        stages=tuple(stages),
        calls=tuple(calls),
    )


def by_digest(left: Run, right: Run) -> Agreement:
    """Bitwise or nothing."""
    answer = Answer.HOLDS if left.digest == right.digest else Answer.BROKEN
    return ladder.climb(left.digest or "", right.digest or "", [Rung(Level.BITWISE, answer, "the bytes")])
