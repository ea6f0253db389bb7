"""How closely two trainings agree: four levels, from strict to loose, and what was found on the way down.

Everything here is a frozen record.  A level *holds*, is *broken*, or is *open*: it could not be asked, and what could
not be asked never counts as agreement.  The level of an agreement is the strictest that holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Level(Enum):
    """The levels, strictest first."""

    BITWISE = "bitwise"
    CANONICAL = "canonical"
    NUMERIC = "numeric"
    STATISTICAL = "statistical"

    @property
    def rank(self) -> int:
        """0 for the strictest."""
        return list(Level).index(self)

    def meets(self, demanded: Level) -> bool:
        """Whether agreement at this level is as good as was demanded."""
        return self.rank <= demanded.rank


class Answer(Enum):
    """What is known about one level."""

    HOLDS = "holds"
    BROKEN = "broken"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Rung:
    """One level of the ladder; ``message`` is a sentence without a full stop, with the number in it."""

    level: Level
    answer: Answer
    message: str


@dataclass(frozen=True, slots=True)
class FileComparison:
    """One file of the artifact on both sides; ``None`` for a digest means that it is not there.

    ``kind`` is what the file was recognised as (``pickle``, ``safetensors``, ``mlmodel``, ``zip`` …).  ``canonical``
    says whether the two are the same once the known noise is gone, ``noise`` what was removed (``modification times of
    zip members``, ``n_jobs``), and ``differs`` where the first difference that is left lies, in words.
    """

    name: str
    left: str | None
    right: str | None
    kind: str = ""
    canonical: bool = False
    noise: tuple[str, ...] = ()
    differs: str = ""

    @property
    def same(self) -> bool:
        """Whether both sides are there with the same bytes."""
        return self.left is not None and self.left == self.right


@dataclass(frozen=True, slots=True)
class TensorComparison:
    """One tensor, or one array of the trees of a model, on both sides.

    ``differing`` of ``count`` elements are not equal; ``absolute`` and ``relative`` are the largest differences and
    ``ulp`` the largest distance in units in the last place of the tensor's own type, which is told and never decides.
    ``where`` is the index of the largest absolute difference.  ``within`` says whether every element is within the
    tolerance.  ``problem`` says why the two cannot be compared (missing on a side, another shape or type, NaN on one
    side only); then ``within`` is false.
    """

    name: str
    file: str
    dtype: str
    shape: tuple[int, ...]
    count: int
    differing: int
    absolute: float = 0.0
    relative: float = 0.0
    ulp: int = 0
    where: tuple[int, ...] | None = None
    within: bool = True
    problem: str = ""


@dataclass(frozen=True, slots=True)
class PredictionComparison:
    """What both models say about the same rows.

    ``changed`` is how many of ``rows`` decisions differ (another class, or, for numbers, further apart than the
    tolerance); ``churn`` is their share.  ``edges`` and ``counts`` are a histogram of the differences of the predicted
    numbers, ``len(edges) == len(counts) + 1``.  ``examples`` are row numbers whose decision changed, at most ten.
    """

    dataset: str
    rows: int
    changed: int
    largest: float
    edges: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()
    examples: tuple[int, ...] = ()

    @property
    def churn(self) -> float:
        """The share of rows whose decision changed."""
        return self.changed / self.rows if self.rows else 0.0


@dataclass(frozen=True, slots=True)
class Equivalence:
    """Whether a metric of trainings with other seeds is equivalent to that of the record: two one-sided tests (TOST).

    ``difference`` is their mean minus the record's value, ``interval`` its 90 % interval (which must lie inside plus or
    minus ``margin``), ``power`` the chance to pass if in truth there is no difference, ``needed`` how many seeds would
    give a power of 80 % (``None``: no number of them).
    """

    metric: str
    record: float
    values: tuple[float, ...]
    difference: float
    interval: tuple[float, float]
    margin: float
    power: float
    needed: int | None
    answer: Answer


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two artifacts agree.  ``rungs`` are in the order of ``Level``; ``left`` and ``right`` are digests."""

    left: str
    right: str
    rungs: tuple[Rung, ...]
    files: tuple[FileComparison, ...] = ()
    tensors: tuple[TensorComparison, ...] = ()
    predictions: tuple[PredictionComparison, ...] = ()
    churn: tuple[float, ...] = ()
    metrics: tuple[Equivalence, ...] = ()
    settings: Mapping[str, float] = field(default_factory=dict)

    @property
    def level(self) -> Level | None:
        """The strictest level that holds; ``None`` where none does."""
        return next((one.level for one in self.rungs if one.answer is Answer.HOLDS), None)

    def rung(self, level: Level) -> Rung:
        """What is known about a level."""
        return next(one for one in self.rungs if one.level is level)
