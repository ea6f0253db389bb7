"""Past releases of a model out of the environment repository: asked again, and what became of them."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_gitops.cli.candidate import fetched
from mlops_gitops.cli.infra import open_snapshot
from mlops_gitops.cli.world import World
from mlops_gitops.errors import Misused, Refused
from mlops_gitops.evidence import statements
from mlops_gitops.evidence.verdicts import Check
from mlops_gitops.manifests.release import Release
from mlops_gitops.promotion.snapshot import Snapshot

if TYPE_CHECKING:
    from mlops_gitops.manifests.model import Model
    from mlops_gitops.testing.data.columns import Locate
    from mlops_gitops.testing.models.business import Pair
    from mlops_gitops.testing.models.metrics import Sample
    from mlops_gitops.testing.models.predictions import Artifact, Job, Predict
    from mlops_gitops.testing.models.staleness import Former

BUSINESS_CHECK = "business.metric"
"""The id of the checks in evidence of monitoring that say what the business saw."""
NO_REPOSITORY = "no environment repository is named, so nothing is known of past releases"


def checks(
    model: Model,
    artifact: Artifact,
    predict: Predict,
    arguments: argparse.Namespace,
    world: World,
    *,
    folder: Path,
    locate: Locate,
) -> Iterator[Check]:
    """The checks of staleness and of the business metric, where the manifest declares them."""
    from mlops_gitops.testing.models import business, staleness

    tests = model.tests.model
    if tests.staleness is None and tests.business is None:
        return
    snapshot = open_snapshot(arguments, world)
    if tests.staleness is not None:
        now, formers = _asked(model, artifact, predict, snapshot, world, folder=folder)
        problem = NO_REPOSITORY if snapshot is None else ""
        yield from staleness.checks(model, now, formers, locate=locate, problem=problem)
    if tests.business is not None:
        found = [] if snapshot is None else list(pairs(snapshot, model))
        problem = NO_REPOSITORY if snapshot is None else ""
        yield from business.checks(model, found, locate=locate, problem=problem)


def _asked(
    model: Model, artifact: Artifact, predict: Predict, snapshot: Snapshot | None, world: World, *, folder: Path
) -> tuple[Sample | None, list[Former]]:
    """What the model says of the newest rows, and what its past releases say, the newest first."""
    from mlops_gitops.testing import suite
    from mlops_gitops.testing.models.staleness import Former

    demanded, root = model.tests.model.staleness, folder.parent.parent
    job = suite.job_on(model, demanded.dataset if demanded else "", artifact, folder=folder, root=root)
    if isinstance(job, str) or demanded is None or snapshot is None:
        return None, []
    past = [one for one in snapshot.line(model.name) if one.artifact.digest != artifact.digest]
    asked: list[tuple[Release, timedelta, Job | str]] = []
    for one in past[: -demanded.releases - 1 : -1]:
        made = released(snapshot, one)
        if made is not None:
            world.progress(f"{model.name}: asking {one.version} about the newest rows")
            asked.append((one, world.now() - made, _job(one, job, world, folder=folder)))
    jobs = [job, *(one for _, _, one in asked if not isinstance(one, str))]
    now, *samples = suite.samples(model, demanded.dataset, predict(jobs), folder=folder, root=root)
    found = iter(samples)
    why = "its predictions cannot be judged"
    formers = [
        Former(one.version, age, None, what) if isinstance(what, str) else Former(one.version, age, next(found), why)
        for one, age, what in asked
    ]
    return now, formers


def _job(release: Release, job: Job, world: World, *, folder: Path) -> Job | str:
    """The same question to the artifact of a past release, or why it cannot be asked."""
    from mlops_gitops.testing.models.predictions import Artifact

    try:
        path = fetched(release, world, folder=folder)
    except (Refused, Misused) as gone:
        return gone.message
    artifact = Artifact(path, release.artifact.format, release.artifact.digest)
    return replace(job, artifact=artifact, columns=tuple(one.name for one in release.interface.inputs))


def released(snapshot: Snapshot, release: Release) -> datetime | None:
    """When a release was made: the date of its oldest evidence that counts; ``None`` without any."""
    dates = [one.claim.issued_at for one in snapshot.dossier(release.name, release.id).evidence]
    return min(dates, default=None)


def pairs(snapshot: Snapshot, model: Model) -> Iterator[Pair]:
    """For each past release that has both, the primary metric of its tests and the newest of the business metric."""
    from mlops_gitops.testing.models.business import Pair

    demanded = model.tests.model.business
    for release in snapshot.line(model.name) if demanded is not None else ():
        evidence = sorted(snapshot.dossier(release.name, release.id).evidence, key=lambda one: one.claim.issued_at)
        offline = [
            value
            for one in evidence
            if one.claim.kind == "model-tests"
            for value in statements.measured(one.claim, model.primary.name)
        ]
        seen = [
            value
            for one in evidence
            if one.claim.kind == "monitoring" and demanded is not None
            for value in statements.measured(one.claim, demanded.metric, check=BUSINESS_CHECK)
        ]
        if offline and seen and math.isfinite(offline[-1]) and math.isfinite(seen[-1]):
            yield Pair(release.version, offline[-1], seen[-1])
