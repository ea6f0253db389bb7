"""What ``reproduce`` found about one model: the runs, how far they agree, and where a difference comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlops_gitops.reproduction.levels import Agreement, Level
from mlops_gitops.reproduction.trainings import Place, Problem, Run


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two that are compared: the record, or a run.  ``run`` is ``None`` for a record."""

    name: str
    digest: str | None
    facts: Mapping[str, str] = field(default_factory=dict)
    run: Run | None = None


@dataclass(frozen=True, slots=True)
class Experiment:
    """Two runs that differ in one factor.

    ``factor`` is one of those in ``reproduction/factors.py``; ``left`` and ``right`` are its two values in words.
    ``level`` is the strictest at which the two agree.  ``first_stage`` is the first stage whose digests differ
    (``None``: none does).  ``problem`` says why it could not be made; then there is no level.
    """

    factor: str
    left: str
    right: str
    level: Level | None
    first_stage: str | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Cause:
    """A factor that changes the result, the first stage that it changes, and what to do about it.

    ``message`` is a sentence in the words of a reader of the training; ``fix`` is the exact setting; ``place`` is the
    line, where it is known; ``certain`` where the line was seen at work and not only read.
    """

    factor: str
    stage: str | None
    message: str
    fix: str
    place: Place | None = None
    certain: bool = False


@dataclass(frozen=True, slots=True)
class Explanation:
    """What was tried and what it showed.  ``causes`` is empty where nothing that was tried changes the result."""

    experiments: tuple[Experiment, ...]
    causes: tuple[Cause, ...]
    summary: str


@dataclass(frozen=True, slots=True)
class Reproduction:
    """The whole answer about one model.  ``mode`` is ``record`` or ``twice``."""

    model: str
    version: str
    revision: str
    mode: str
    demanded: Level
    left: Side
    right: Side
    agreement: Agreement | None
    problems: tuple[Problem, ...] = ()
    explanation: Explanation | None = None
    release: str | None = None

    @property
    def reached(self) -> Level | None:
        """The strictest level that holds."""
        return self.agreement.level if self.agreement else None
