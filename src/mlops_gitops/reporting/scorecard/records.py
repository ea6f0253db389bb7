"""The records of a scorecard: what is known about each model, whatever report said it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mlops_gitops.evidence.gates import Answer
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.manifests.metric_names import known

Better = Literal["higher", "lower"]
Interval = tuple[float, float]


def better(metric: str) -> Better | None:
    """Which way a metric is better; ``None`` where it is not known."""
    found = known(metric)
    return None if found is None else "higher" if found.higher else "lower"


@dataclass(frozen=True, slots=True)
class Remark:
    """A check that did not pass, or what ``validate`` found: what is wrong, where, and what to do.

    ``line`` is 0 where no place is known; columns count from one, ``end_column`` is exclusive.
    """

    id: str
    error: bool
    about: str
    message: str
    fix: str = ""
    file: str = ""
    line: int = 0
    column: int = 0
    end_line: int = 0
    end_column: int = 0

    @property
    def order(self) -> tuple[bool, bool, str, int, int, str]:
        """Sort key: errors first, then what has a place, by place."""
        return (not self.error, self.line == 0, self.file, self.line, self.column, self.id)


@dataclass(frozen=True, slots=True)
class Part:
    """One report in one line."""

    kind: str
    verdict: Verdict
    summary: str
    checks: int = 0
    failed: int = 0
    open: int = 0


@dataclass(frozen=True, slots=True)
class Score:
    """A metric, of the whole model or of one slice, of the candidate and against the champion.

    ``interval`` is the 90 % interval of the candidate's value, ``change_interval`` the 95 % interval of the paired
    difference from the champion.  ``limit`` is the largest loss that is allowed, with the sign of a loss.
    """

    metric: str
    slice: str | None
    verdict: Verdict
    candidate: float | None = None
    interval: Interval | None = None
    change: float | None = None
    change_interval: Interval | None = None
    limit: float | None = None
    rows: int | None = None
    against: str | None = None
    """The champion's release."""

    @property
    def better(self) -> Better | None:
        """Which way is better; ``None`` for a metric that this program does not know."""
        return better(self.metric)

    @property
    def champion(self) -> float | None:
        """What the champion reaches on the same rows."""
        found = math.nan if self.candidate is None or self.change is None else self.candidate - self.change
        return found if math.isfinite(found) else None

    @property
    def outcome(self) -> Literal["better", "worse", "unclear", "unknown"]:
        """What the interval of the difference shows: beyond noise to one side, or not."""
        if self.change_interval is None or self.better is None:
            return "unknown"
        lower, upper = self.change_interval
        if lower <= 0 <= upper:
            return "unclear"
        return "better" if (lower > 0) == (self.better == "higher") else "worse"


@dataclass(frozen=True, slots=True)
class Reading:
    """Something that was measured against a limit: drift of a column, a latency."""

    id: str
    subject: str
    verdict: Verdict
    observed: float
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Level:
    """How far a second training agreed."""

    promised: str
    reached: str | None
    verdict: Verdict
    summary: str


@dataclass(frozen=True, slots=True)
class Image:
    """A serving image; ``size`` in bytes."""

    digest: str
    size: int
    pattern: str
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """What a promotion plan says of one environment."""

    environment: str
    outcome: str
    version: str | None
    reasons: tuple[tuple[str, str, str], ...] = ()
    """Gate, answer and reason of every reason that does not pass."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Approvals that are missing, and who can give them."""

    count: int
    group: str | None
    ask: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What the approvals gate says of one thing that the pull request does."""

    about: str
    answer: Answer
    reason: str
    approved: tuple[str, ...] = ()
    missing: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True)
class Card:
    """One model.  ``champions`` are the releases that it was compared with, one for each environment that has one."""

    model: str
    answer: Answer
    version: str | None = None
    champions: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    remarks: tuple[Remark, ...] = ()
    scores: tuple[Score, ...] = ()
    drift: tuple[Reading, ...] = ()
    serving: tuple[Reading, ...] = ()
    level: Level | None = None
    images: tuple[Image, ...] = ()
    moves: tuple[Move, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """A file that was read: its place in the folder, what printed it, and its SHA-256."""

    file: str
    kind: str
    sha256: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file that was not read, and why."""

    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """A verb that came to no answer."""

    code: str
    message: str
    hint: str
    retry: bool


@dataclass(frozen=True, slots=True)
class Run:
    """Which run this is about.  ``link`` leads to its page; ``id`` and ``attempt`` are 0 where nobody runs it."""

    name: str = ""
    repository: str | None = None
    pull_request: int | None = None
    head: str | None = None
    id: int = 0
    attempt: int = 0
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Scorecard:
    """Everything that one run found."""

    run: Run
    answer: Answer
    cards: tuple[Card, ...] = ()
    files: int = 0
    """How many files ``validate`` checked."""
    remarks: tuple[Remark, ...] = ()
    """What is wrong with files of no model that is known."""
    asked: tuple[Asked, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    sources: tuple[Source, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    missing: tuple[str, ...] = ()
    """Kinds of reports that were expected and are not there."""

    @property
    def all_remarks(self) -> tuple[Remark, ...]:
        """Every remark, worst first, each once."""
        found = dict.fromkeys([*self.remarks, *(one for card in self.cards for one in card.remarks)])
        return tuple(sorted(found, key=lambda one: one.order))


@dataclass(frozen=True, slots=True)
class Told:
    """One file of the folder that could be read, and the kind of document that it is."""

    source: Source
    document: Mapping[str, object] = field(hash=False)
