"""What is tested, with what, and against what: the records that every order of events here is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mlops_gitops.evidence.verdicts import Check
from mlops_gitops.manifests.infra_tests import InfraTests
from mlops_gitops.manifests.model import Interface, Model
from mlops_gitops.testing.data.columns import Locate
from mlops_gitops.testing.data.scans import Source
from mlops_gitops.testing.infra.probes import Probe
from mlops_gitops.testing.infra.protocols import Row
from mlops_gitops.testing.infra.server import Facts, Host
from mlops_gitops.testing.models.predictions import Artifact, Failed, Predict, Predictions


@dataclass(frozen=True, slots=True)
class Former:
    """A release that runs now: its image, interface and pattern, and where; ``image`` is ``None`` where it has none."""

    version: str
    where: str
    image: str | None
    interface: Interface
    pattern: str = "rest"


@dataclass(frozen=True, slots=True)
class Subject:
    """A model, its **scanned** artifact, and the image by digest that should serve it."""

    model: Model
    folder: Path
    root: Path
    locate: Locate
    artifact: Artifact
    image: str

    @property
    def infra(self) -> InfraTests:
        """What is demanded; the defaults where nothing is."""
        return self.model.tests.infra or InfraTests()


@dataclass(frozen=True, slots=True)
class Means:
    """How models are asked offline and images run; ``scratch`` is an empty folder, ``now`` a clock in seconds.

    ``back`` has, by pattern, how a former release that is no server of requests is tried.
    """

    predict: Predict
    host: Host
    scratch: Path
    now: Callable[[], float]
    progress: Callable[[str], None]
    records: Records | None = None
    back: Mapping[str, Back] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Offline:
    """The held-out rows and what the model says of them offline, and the same of each probe."""

    rows: Sequence[Row]
    predictions: Predictions
    probed: Sequence[tuple[Probe, Sequence[Row], Predictions | Failed]]
    sample: Sequence[int]


Records = Callable[[Subject, Facts, Source, Offline], Iterator[Check]]
"""How an image that reads records or a file is tested: its own order of events (``streams``, ``batches``)."""

Back = Callable[[Former, Source], tuple[str, float | None]]
"""Tries the image of a former release on some rows that fit it: what is wrong with it, and its time in seconds."""
