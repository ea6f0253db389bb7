"""One training, as it is ordered and as it came out: the border between deciding what to run and running it.

Nothing here starts a process.  A ``Trainer`` (``adapters/trainings.py`` has the real one) takes orders and gives back
what became of them; how it keeps a training from the network, the inputs and the rest of the machine is its business,
and what it could not keep it from stands in ``Run.isolation``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Conditions:
    """What may differ between two runs of one training, beside the training itself.

    ``environment`` is added to the declared variables and wins over them.  ``threads`` limits BLAS and OpenMP;
    ``cpus`` is how many processors the run may use.  ``clock`` is an ISO 8601 time at which the run's clock starts, and
    ``frozen`` stops it there.  ``folder`` is the name of the working folder, ``user`` the name of the user and its
    home.  ``seed`` seeds every generator that the training leaves unseeded, ``entropy`` also replaces what it takes
    from the operating system.  ``reverse_listing`` makes folders list their entries in reverse order.
    ``deterministic`` applies the documented settings of each library.  ``shuffle`` permutes the rows of tabular inputs.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    threads: int | None = None
    cpus: int | None = None
    clock: str | None = None
    frozen: bool = False
    folder: str = "work"
    user: str = "trainer"
    seed: int | None = None
    entropy: bool = False
    reverse_listing: bool = False
    deterministic: bool = False
    shuffle: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """One training to run.

    ``name`` names the run and its folder (``first``, ``second``, ``threads-1``).  ``traced`` asks for the digests of
    its stages and for the calls that a difference may come from; it costs time.  ``arguments`` are added to the
    manifest's command.
    """

    name: str
    conditions: Conditions = Conditions()
    traced: bool = False
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """A line of the training's code; ``file`` is relative to the repository."""

    file: str
    line: int
    text: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Stage:
    """A digest taken on the way through a training, in the order in which it was taken.

    ``name`` is one of the kinds of ``STAGES`` with a running number (``features#1``); ``ordered`` is the digest of the
    values as they come and ``unordered`` of the rows as a set (equal where the two are the same thing).
    """

    name: str
    ordered: str
    unordered: str
    description: str = ""
    place: Place | None = None


STAGES = {
    "raw-data": "the raw data",
    "features": "the features",
    "split": "the split",
    "initial-weights": "the initial weights",
    "progress": "the course of training",
    "fitted": "the fitted model",
    "artifact": "the artifact",
}
"""The kinds of stages, in the order of a training, and what to call them."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the training's own code that two runs may answer differently: an unseeded generator, a clock.

    ``kind`` is one of ``generator``, ``entropy``, ``clock``, ``listing``, ``hash``, ``environment``, ``network``,
    ``threads``; ``what`` is the call as people write it (``numpy.random.default_rng()``).
    """

    kind: str
    what: str
    place: Place


class Trouble(Enum):
    """What can be wrong with a run, as the last part of a stable check id (``reproduction.crashed``)."""

    CRASHED = "crashed"
    TIMEOUT = "timeout"
    NO_ARTIFACT = "no-artifact"
    UNREADABLE = "unreadable"
    UNSAFE = "unsafe"
    NOT_A_NUMBER = "not-a-number"
    NETWORK = "network"
    WROTE_OUTSIDE = "wrote-outside"
    CHANGED_INPUT = "changed-input"
    OFF_THE_LOCK = "off-the-lock"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with one run.  ``fatal`` where there is therefore nothing to compare."""

    trouble: Trouble
    message: str
    fix: str
    fatal: bool = False
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """What became of an order.

    ``artifact`` is what training wrote at the manifest's ``artifact.path`` (``None`` where it wrote nothing that can be
    shipped), ``digest`` its OpenSSF digest, ``outputs`` the other declared outputs by their declared path.  ``facts``
    describe the environment (``python``, ``cpu``, ``threads``, ``package:numpy`` …), ``isolation`` how it was kept
    apart, in words.  ``seconds`` is the training alone, ``overhead`` what we added.  ``log`` is a file that is kept.
    """

    name: str
    folder: Path
    log: Path
    exit_code: int | None
    seconds: float
    overhead: float
    started: str
    finished: str
    artifact: Path | None
    digest: str | None
    outputs: Mapping[str, Path] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    isolation: str = ""
    stages: tuple[Stage, ...] = ()
    calls: tuple[Call, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether there is something to compare."""
        return self.artifact is not None and not any(one.fatal for one in self.problems)


class Trainer(Protocol):
    """Train a model as ordered."""

    def train(self, order: Order, /) -> Run:
        """Run it to its end or its time limit.  Whatever the training does becomes a ``Problem`` of the run.

        Raises ``WorldFailed`` where the machine, and not the training, is at fault.
        """
