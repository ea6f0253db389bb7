"""A model folder on the way to a release: everything that can be known of it before anybody signs.

The order is the safety: digest, then scan, and only what passed the scan is ever loaded, in a process of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from mlops_gitops.adapters import artifacts
from mlops_gitops.canonical import JSON
from mlops_gitops.cli import session
from mlops_gitops.cli.counted_looks import Counted
from mlops_gitops.cli.world import World
from mlops_gitops.errors import EXIT_DONE, Failure, Misused, NotYet, Refused
from mlops_gitops.evidence.holdouts import looked
from mlops_gitops.evidence.verdicts import Check, Report, Verdict
from mlops_gitops.manifests import reading
from mlops_gitops.manifests.documents import Document
from mlops_gitops.manifests.environment import Holdout
from mlops_gitops.manifests.model import Model
from mlops_gitops.manifests.release import Image, Material, Registered, Release, Source
from mlops_gitops.packaging import digests, provenance, release
from mlops_gitops.packaging.image import origin
from mlops_gitops.packaging.registry import Registry, Version, identity
from mlops_gitops.packaging.scan import scan
from mlops_gitops.promotion import layout, plan
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
    manifest = session.document(path, within=world.cwd)
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


@record
class Opponent:
    """A release that a candidate is compared with where it runs, and one of long ago besides."""

    champion: Release
    anchor: Release | None = None


def opponents(snapshot: Snapshot, model: str) -> tuple[Opponent, ...]:
    """The releases that run in environments which demand a comparison, with the anchors there, each pair once."""
    wanting = [snapshot.slot(one.name, model) for one in snapshot.environments() if one.comparison is not None]
    ids = dict.fromkeys((slot.current, plan.anchor(slot, "")) for slot in wanting)
    return tuple(
        Opponent(snapshot.release(model, one), snapshot.release(model, anchor) if anchor else None)
        for one, anchor in ids
        if one is not None
    )


def holdouts(snapshot: Snapshot) -> tuple[Holdout, ...]:
    """How the environments spend the data of comparisons; empty where none counts looks."""
    gates = [one.comparison for one in snapshot.environments()]
    return tuple(gate.holdout for gate in gates if gate is not None and gate.holdout is not None)


def judge(
    candidate: Candidate,
    against: Iterable[Opponent],
    world: World,
    *,
    spent: Sequence[Holdout],
    dry: bool,
    snapshot: Snapshot,
) -> tuple[Report, ...]:
    """All tests of a candidate, and its comparison with each champion.

    Where data are ``spent`` by looks, or looks at references are counted in ``snapshot``, a ``dry`` run takes none.
    """
    with session.needing("models"):
        from mlops_gitops.adapters import predictions
        from mlops_gitops.testing import suite
        from mlops_gitops.testing.data.suite import run_data_tests
        from mlops_gitops.testing.models.predictions import Artifact

    model, folder, root = candidate.model, candidate.folder, candidate.root
    predict = predictions.predictor(environ=world.environ, cache=session.cache(world) / "predictions")
    mine = Artifact(artifact_path(model, folder), model.artifact.format, candidate.artifact.digest)
    locate = candidate.document.location
    world.progress("testing the data")
    counted = Counted(snapshot, model, dry=dry)
    tested = run_data_tests(model, folder=folder, locate=locate, now=world.now(), root=root, count=counted.count)
    reports = [candidate.scanned, counted.told(tested)]
    world.progress("testing the model")
    reports.append(
        suite.run_model_tests(model, folder=folder, locate=locate, artifact=mine, predict=predict, root=root)
    )

    opponents_ = tuple(against)
    if model.tests.features is not None:
        reports.append(_features(candidate, opponents_[0].champion if opponents_ else None, world))

    def opened(about: Release) -> suite.Champion:
        theirs = Artifact(fetched(about, world, folder=folder), about.artifact.format, about.artifact.digest)
        inputs = tuple(one.name for one in about.interface.inputs)
        return suite.Champion(about.id, theirs, inputs, about.metrics, about.version)

    for one in opponents_:
        if spent and dry:
            reports.append(_unlooked(one, candidate))
            continue
        world.progress(f"comparing with {one.champion.version}, which runs now")
        try:
            champion, anchor = opened(one.champion), opened(one.anchor) if one.anchor else None
        except (Refused, Misused) as gone:
            reports.append(_unanswered(one, gone, candidate))
            continue
        found = suite.compare(
            model,
            folder=folder,
            locate=locate,
            artifact=mine,
            champion=champion,
            predict=predict,
            root=root,
            anchor=anchor,
        )
        reports.append(found)
    return tuple(reports)


def _features(candidate: Candidate, champion: Release | None, world: World) -> Report:
    """The tests of features, beside those of the release that runs now."""
    from mlops_gitops.cli import feature_costs, features

    model, folder = candidate.model, candidate.folder
    world.progress("testing the features")
    demanded = model.tests.features is not None and model.tests.features.min_importance is not None
    powers = feature_costs.importances(model, folder, world) if demanded else None
    before, found = features.before_release(champion), features.read(model, folder)
    return features.report(model, candidate.document, folder, found=found, before=before, powers=powers)


def _unlooked(one: Opponent, candidate: Candidate) -> Report:
    check = Check(
        "comparison.look",
        one.champion.version,
        Verdict.INCONCLUSIVE,
        "a dry run does not compare: the data are spent by looks, and every look has to be counted",
        location=candidate.document.location(("spec", "metrics")),
        fix="`mlops-gitops release` without --dry-run takes the look and publishes it",
    )
    summary = f"{candidate.model.name} {candidate.model.version}: not compared"
    return Report("comparison", (check,), summary, champion=one.champion.id)


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


def _unanswered(one: Opponent, why: Failure, candidate: Candidate) -> Report:
    """The comparison with a champion that is gone: nobody is shown to be better, and a person has to look."""
    champion = one.champion
    check = Check(
        "comparison.champion",
        champion.version,
        Verdict.INCONCLUSIVE,
        f"{champion.version}, which runs now, cannot be compared with: {why.message}",
        location=candidate.document.location(("spec", "artifact")),
        fix=why.hint,
    )
    summary = f"{candidate.model.name} {candidate.model.version}: not compared"
    details = looked((), anchor=one.anchor.id if one.anchor else None)
    return Report("comparison", (check,), summary, champion=champion.id, details=details)


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
