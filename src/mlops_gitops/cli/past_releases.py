"""Past releases of a model out of the environment repository: asked again, and what became of them."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_gitops.canonical import JSON
from mlops_gitops.cli import session
from mlops_gitops.cli.candidate import Candidate, artifact_path, fetched
from mlops_gitops.cli.world import World
from mlops_gitops.errors import Misused, Refused, WorldFailed
from mlops_gitops.evidence import ages, statements
from mlops_gitops.evidence.figures import Curve
from mlops_gitops.evidence.verdicts import Check, Report
from mlops_gitops.manifests.release import Release
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.reporting.inert import inert

if TYPE_CHECKING:
    from mlops_gitops.manifests.model import Model
    from mlops_gitops.testing.data.columns import Locate
    from mlops_gitops.testing.models.business import Pair
    from mlops_gitops.testing.models.metrics import Sample
    from mlops_gitops.testing.models.predictions import Artifact, Job, Predict
    from mlops_gitops.testing.models.staleness import Former

BUSINESS_CHECK = "business.metric"
"""The id of the checks in evidence of monitoring that say what the business saw."""
NO_REPOSITORY = "no environment repository is named that can be read from here, so nothing is known of past releases"


def declared(model: Model) -> bool:
    """Whether the manifest asks for these tests."""
    return model.tests.model.staleness is not None or model.tests.model.business is not None


def known(arguments: argparse.Namespace, world: World) -> Snapshot | None:
    """The environment repository, where one is named.

    One that only the project file names may be read by other people than those who test: without it less is known, and
    nothing fails.
    """
    here = session.project(world)
    wanted = arguments.environments or world.environ.get("MG_ENVIRONMENTS") or arguments.to
    if not wanted and (here is None or not here.environments):
        return None
    try:
        return Snapshot(session.repository(arguments, world).fetch())
    except WorldFailed as failure:
        if wanted:
            raise
        world.note(f"{inert(failure.message)}; tested without it")
        return None


def of_release(candidate: Candidate, snapshot: Snapshot, world: World) -> tuple[Report, ...]:
    """The report that becomes evidence of a release whose manifest declares these tests."""
    if not declared(candidate.model):
        return ()
    with session.needing("models"):
        from mlops_gitops.adapters import predictions
        from mlops_gitops.testing.models.predictions import Artifact

    model, folder = candidate.model, candidate.folder
    artifact = Artifact(artifact_path(model, folder), model.artifact.format, candidate.artifact.digest)
    predict = predictions.predictor(environ=world.environ, cache=session.cache(world) / "predictions")
    return (report(model, artifact, predict, snapshot, world, folder=folder, locate=candidate.document.location),)


def report(
    model: Model,
    artifact: Artifact,
    predict: Predict,
    snapshot: Snapshot | None,
    world: World,
    *,
    folder: Path,
    locate: Locate,
) -> Report:
    """Staleness and the business metric, as far as the manifest declares them.

    It is evidence of a kind of its own, since a young model has no past: whoever demands the model tests does not
    have to wait for one.
    """
    from mlops_gitops.testing import reports
    from mlops_gitops.testing.models import business, staleness

    tests, found = model.tests.model, list[Check]()
    problem = NO_REPOSITORY if snapshot is None else ""
    materials: list[tuple[str, str]] = [("artifact", artifact.digest)]
    details: dict[str, JSON] = {}
    if tests.staleness is not None:
        asked = _asked(model, artifact, predict, snapshot, world, folder=folder)
        found += staleness.checks(model, asked.now, asked.formers, locate=locate, problem=problem)
        materials += asked.materials
        curves = [figure for check in found for figure in check.figures if isinstance(figure, Curve)]
        points = [one for curve in curves for one in curve.points]
        details |= ages.told(points, allowed=model.monitoring.max_age)
    if tests.business is not None:
        known = [] if snapshot is None else list(pairs(snapshot, model))
        found += business.checks(model, known, locate=locate, problem=problem)
        details["pairs"] = [{"version": one.version, "offline": one.offline, "business": one.business} for one in known]
    made = reports.made(ages.KIND, model, found, tuple(materials))
    return replace(made, details=details)


@dataclass(frozen=True, slots=True)
class _Answers:
    """What the model says of the newest rows, what past releases say, the newest first; and what was read for it."""

    now: Sample | None
    formers: Sequence[Former] = ()
    materials: Sequence[tuple[str, str]] = ()


def _asked(
    model: Model, artifact: Artifact, predict: Predict, snapshot: Snapshot | None, world: World, *, folder: Path
) -> _Answers:
    from mlops_gitops.testing import suite
    from mlops_gitops.testing.models.staleness import Former

    demanded, root = model.tests.model.staleness, folder.parent.parent
    job = suite.job_on(model, demanded.dataset if demanded else "", artifact, folder=folder, root=root)
    if isinstance(job, str) or demanded is None or snapshot is None:
        return _Answers(None)
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
    materials = [(f"data/{demanded.dataset}", job.data_digest)]
    materials += [(f"past/{one.version}", what.artifact.digest) for one, _, what in asked if not isinstance(what, str)]
    return _Answers(now, formers, materials)


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
