"""A model folder on the way to a release: everything that can be known of it before anybody signs.

The order is the safety: digest, then scan, and only what passed the scan is ever loaded, in a process of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from mlops_gitops.adapters import artifacts
from mlops_gitops.canonical import JSON
from mlops_gitops.cli import session
from mlops_gitops.cli.world import World
from mlops_gitops.errors import EXIT_DONE, Failure, Misused, NotYet, Refused
from mlops_gitops.evidence.verdicts import Check, Report, Verdict
from mlops_gitops.manifests import reading
from mlops_gitops.manifests.documents import Document
from mlops_gitops.manifests.model import Model
from mlops_gitops.manifests.release import Image, Material, Registered, Release, Source
from mlops_gitops.packaging import digests, provenance, release
from mlops_gitops.packaging.image import origin
from mlops_gitops.packaging.registry import Registry, Version, identity
from mlops_gitops.packaging.scan import scan
from mlops_gitops.promotion import layout
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.records import record

MANIFEST = "model.yaml"


@record
class Candidate:
    """A model with its commit, artifact, data and lock, all by digest; ``scanned`` is the verdict on its files."""

    model: Model
    document: Document
    manifest: bytes
    folder: Path
    root: Path
    source: Source
    artifact: digests.Artifact
    scanned: Report
    registered: Registered | None
    data: tuple[Material, ...]
    dependencies: str
    image: Image | None = None

    def release(self, *, supersedes: str | None) -> Release:
        """The release that this candidate makes."""
        return release.assemble(
            self.model,
            manifest=self.manifest,
            artifact=self.artifact,
            source=self.source,
            data=self.data,
            dependencies=self.dependencies,
            registered=self.registered,
            image=self.image,
            supersedes=supersedes,
        )

    @property
    def made_of(self) -> origin.Inputs:
        """What its release and its image are both made of."""
        return origin.inputs(
            manifest=self.manifest,
            artifact=self.artifact,
            dependencies=self.dependencies,
            data=self.data,
            source=self.source,
        )

    def provenance(self, made: Release, *, world: World) -> dict[str, JSON]:
        """The SLSA part of its provenance."""
        builder = world.environ.get("GITHUB_WORKFLOW_REF") or "https://github.com/mlops-gitops/mlops-gitops/local"
        moment = world.now()
        invocation = world.environ.get("GITHUB_RUN_ID") or made.id
        return provenance.predicate(
            self.model, made, builder=builder, invocation=invocation, started=moment, finished=moment
        )


def exit_code(verdict: Verdict) -> int:
    """How a command ends that judged: done, no, or not yet."""
    return {Verdict.PASS: EXIT_DONE, Verdict.FAIL: Refused.exit_code, Verdict.INCONCLUSIVE: NotYet.exit_code}[verdict]


def model_names(world: World) -> list[str]:
    """Every model of the working folder.  Raises ``Misused`` where there is none."""
    found = sorted(path.parent.name for path in session.models_folder(world).glob(f"*/{MANIFEST}"))
    if not found:
        raise Misused(
            "there is no model here: no models/*/model.yaml",
            hint="run this in a model repository; `mlops-gitops init model NAME` starts a model",
            code="no-model",
        )
    return found


def read_manifest(name: str, world: World) -> tuple[Path, bytes, Document, Model]:
    """The folder of ``models/<name>`` and its manifest: bytes, document and record.

    Raises ``Misused`` where there is no such model, ``Refused`` where the manifest does not fit its schema.
    """
    folder = session.models_folder(world) / layout.name(name, "a model")
    path = folder / MANIFEST
    if not path.is_file():
        raise Misused(
            f"there is no models/{name}/{MANIFEST} here",
            hint="run this in a model repository; `mlops-gitops init model NAME` starts a model",
            code="no-model",
        )
    manifest = path.read_bytes()
    document = reading.opened("model", manifest, path=f"models/{name}/{MANIFEST}")
    return folder, manifest, document, reading.record("model", document)


def open_candidate(name: str, world: World, *, allow_dirty: bool) -> Candidate:
    """Read, measure and scan ``models/<name>``.  Nothing is loaded.

    Raises ``Misused`` where there is no such model, ``Refused`` where something is not as the manifest says, where the
    work tree holds more than the commit, or where the scan does not pass.
    """
    folder, manifest, document, model = read_manifest(name, world)
    produced = [model.artifact.path, *(one.uri for one in model.data if "://" not in one.uri)]
    at = provenance.checkout(folder, environ=world.environ, repository=model.repository, produced=produced)
    if at.source.dirty and not allow_dirty:
        raise Refused(
            f"the work tree holds changes that are in no commit ({', '.join(at.changed[:3])}"
            f"{', …' if len(at.changed) > 3 else ''}), so nobody could build this release again",  # noqa: PLR2004
            hint="commit them, or give --allow-dirty, which is kept in the release",
            code="dirty",
        )
    made = artifact_path(model, folder)
    artifact = digests.of_artifact(made)
    scanned = scan(made, format=model.artifact.format, artifact=artifact)
    if scanned.verdict is not Verdict.PASS:
        problems = "; ".join(check.message for check in scanned.checks if check.verdict is not Verdict.PASS)
        raise Refused(
            f"the artifact of {name} did not pass the scan, and was not loaded: {problems}",
            hint="save the model in a format that holds no code (skops, ONNX, safetensors), or without the named parts",
            code="scan",
        )
    version = _registered(model, made, session.registry(world))
    return Candidate(
        model=model,
        document=document,
        manifest=manifest,
        folder=folder,
        root=at.root,
        source=replace(at.source, trainers=release.trainers(model, version.trainer if version else None)),
        artifact=artifact,
        scanned=scanned,
        registered=Registered(version.name, version.version, version.run) if version else None,
        data=provenance.materials(model, folder=folder, root=at.root),
        dependencies=provenance.dependencies(model, folder=folder, root=at.root),
    )


def refuse_unless_registered(candidate: Candidate, world: World) -> None:
    """Where the model is registered, what the registry holds is this artifact, byte for byte.

    Everybody who fetches the release later gets what the registry holds.  Raises ``Refused`` where that is another.
    """
    if candidate.registered is None:
        return
    would = candidate.release(supersedes=None)
    try:
        artifacts.fetch(would, cache=session.cache(world) / "artifacts", registry=session.registry(world))
    except Refused as other:
        raise Refused(
            f"{would.artifact.uri} in MLflow is not the artifact that lies here: {other.message}",
            hint="take what MLflow holds, without the registered_model_meta that a download adds; or register this one",
            code="registry-differs",
        ) from other


def champions(snapshot: Snapshot, model: str) -> tuple[Release, ...]:
    """The releases that run in environments which demand a comparison, each once."""
    wanting = [one for one in snapshot.environments() if any(gate.name == "comparison" for gate in one.gates)]
    ids = dict.fromkeys(snapshot.slot(one.name, model).current for one in wanting)
    return tuple(snapshot.release(model, one) for one in ids if one is not None)


def judge(candidate: Candidate, against: Iterable[Release], world: World) -> tuple[Report, ...]:
    """All tests of a candidate, and its comparison with each champion."""
    with session.needing("data"):
        from mlops_gitops.adapters import predictions
        from mlops_gitops.testing import suite
        from mlops_gitops.testing.models.predictions import Artifact

    model, folder, root = candidate.model, candidate.folder, candidate.root
    predict = predictions.predictor(environ=world.environ, cache=session.cache(world) / "predictions")
    mine = Artifact(artifact_path(model, folder), model.artifact.format, candidate.artifact.digest)
    locate = candidate.document.location
    world.progress("testing the data")
    tested = suite.run_data_tests(model, folder=folder, locate=locate, now=world.now(), root=root)
    reports = [candidate.scanned, tested]
    world.progress("testing the model")
    reports.append(
        suite.run_model_tests(model, folder=folder, locate=locate, artifact=mine, predict=predict, root=root)
    )
    for champion in against:
        world.progress(f"comparing with {champion.version}, which runs now")
        try:
            path = fetched(champion, world, folder=folder)
        except (Refused, Misused) as gone:
            reports.append(_unanswered(champion, gone, candidate))
            continue
        theirs = Artifact(path, champion.artifact.format, champion.artifact.digest)
        inputs = tuple(one.name for one in champion.interface.inputs)
        reports.append(
            suite.compare(
                model,
                folder=folder,
                locate=locate,
                artifact=mine,
                champion=suite.Champion(champion.id, theirs, inputs, champion.metrics),
                predict=predict,
                root=root,
            )
        )
    return tuple(reports)


def fetched(about: Release, world: World, *, folder: Path) -> Path:
    """The artifact of a release, compared with its digest and scanned before anybody loads it.

    Raises ``Refused`` where it is no longer what was released or does not pass the scan, ``Misused`` where it cannot be
    had, ``WorldFailed`` where trying again can help.
    """
    cache, registry = session.cache(world) / "artifacts", session.registry(world)
    path = artifacts.fetch(about, cache=cache, registry=registry, folder=folder)
    scanned = scan(path, format=about.artifact.format)
    if scanned.verdict is not Verdict.PASS:
        raise Refused(
            f"the artifact of {about.version} does not pass the scan: {scanned.summary}",
            hint="promote a release whose files hold no code",
            code="scan",
        )
    return path


def _unanswered(champion: Release, why: Failure, candidate: Candidate) -> Report:
    """The comparison with a champion that is gone: nobody is shown to be better, and a person has to look."""
    check = Check(
        "comparison.champion",
        champion.version,
        Verdict.INCONCLUSIVE,
        f"{champion.version}, which runs now, cannot be compared with: {why.message}",
        location=candidate.document.location(("spec", "artifact")),
        fix=why.hint,
    )
    summary = f"{candidate.model.name} {candidate.model.version}: not compared"
    return Report("comparison", (check,), summary, champion=champion.id)


def artifact_path(model: Model, folder: Path) -> Path:
    """Where training left the artifact.  Raises ``Refused`` where it is not below the model's folder."""
    path = (folder / model.artifact.path).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise Refused(
            f"the artifact {model.artifact.path!r} lies outside the model's folder",
            hint="let training write it below models/<name>/",
            code="path-outside",
        )
    if not path.exists():
        raise Refused(
            f"the artifact {model.artifact.path!r} is not there",
            hint=f"train it first: {' '.join(model.training.entrypoint)}",
            code="artifact-missing",
        )
    return path


def _registered(model: Model, artifact: Path, registry: Registry | None) -> Version | None:
    if model.artifact.registered is None:
        return None
    if registry is None:
        raise Misused(
            f"the manifest says that the model is registered as {model.artifact.registered!r}, and no registry is set",
            hint="set MLFLOW_TRACKING_URI, or spec.mlflow.trackingUri in mlops-gitops.yaml",
            code="registry-unset",
        )
    mlmodel = artifact / "MLmodel"
    if not mlmodel.is_file():
        raise Refused(
            "the artifact has no MLmodel file, so its registered version cannot be found",
            hint="save the model with MLflow, or remove artifact.registry from model.yaml",
            code="artifact-mlmodel",
        )
    return registry.find(model.artifact.registered, identity(mlmodel.read_bytes()))
