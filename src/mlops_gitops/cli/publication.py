"""What is said about a reproduction: in-toto statements, unsigned beside the report, signed with the release."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import replace

from mlops_gitops import times
from mlops_gitops.canonical import JSON
from mlops_gitops.cli import session
from mlops_gitops.cli.retraining import Subject
from mlops_gitops.cli.world import World
from mlops_gitops.evidence import statements
from mlops_gitops.evidence.verdicts import Report
from mlops_gitops.manifests.release import Release
from mlops_gitops.packaging import digests, provenance, release
from mlops_gitops.promotion import publish as publishing
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.reproduction.reproductions import Reproduction
from mlops_gitops.reproduction.trainings import Run

PROVENANCE = "provenance.intoto.json"
VERDICT = "verdict.intoto.json"


def released(model: str, arguments: argparse.Namespace, world: World) -> Release:
    """The release that ``--release`` names."""
    snapshot = Snapshot(session.repository(arguments, world).fetch())
    session.require_model(snapshot, model)
    return snapshot.release(model, snapshot.find_release(model, arguments.release))


def statements_of(found: Reproduction, report: Report, made: Mapping[str, JSON] | None, world: World) -> dict[str, str]:
    """File name and text of each statement: SLSA provenance of the new run (``made``), and the verdict."""
    files: dict[str, str] = {}
    if made is not None and found.right.digest is not None:
        files[PROVENANCE] = _text(_statement(found.model, found.right.digest, statements.PROVENANCE, made))
    judged = found.left.digest or found.right.digest
    if judged is not None:
        claim = statements.of_report(report, release=found.release or judged, issued_at=world.now())
        whole = statements.statement(claim, model=found.model)
        if isinstance(whole, dict) and found.release is None:
            whole["subject"] = [{"name": found.model, "digest": {"sha256": judged}}]
        files[VERDICT] = _text(whole)
    return files


def run_provenance(run: Run | None, subject: Subject, world: World) -> dict[str, JSON] | None:
    """The SLSA provenance v1 predicate of one training run; ``None`` for one that made nothing.

    Its source is the commit that was trained, which is that of the release where one is the record.
    """
    if run is None or run.artifact is None:
        return None
    folder, root, model = subject.folder, subject.root, subject.model
    made = release.assemble(
        replace(model, artifact=replace(model.artifact, digest=None, registered=None)),
        manifest=subject.manifest,
        artifact=digests.of_artifact(run.artifact),
        source=subject.released.source if subject.released is not None else subject.at.source,
        data=provenance.materials(model, folder=folder, root=root),
        dependencies=provenance.dependencies(model, folder=folder, root=root),
        registered=None,
        supersedes=None,
    )
    builder = world.environ.get("GITHUB_WORKFLOW_REF") or "https://github.com/mlops-gitops/mlops-gitops/local"
    predicate = provenance.predicate(
        model,
        made,
        builder=builder,
        invocation=world.environ.get("GITHUB_RUN_ID") or f"{run.name}-{run.started}",
        started=times.parse_instant(run.started),
        finished=times.parse_instant(run.finished),
    )
    definition = predicate["buildDefinition"]
    if isinstance(definition, dict):
        facts: dict[str, JSON] = dict(sorted(run.facts.items()))
        definition["internalParameters"] = {
            "dirty": subject.revision is None,
            "isolation": run.isolation,
            "facts": facts,
        }
    return predicate


def publish(
    report: Report, made: dict[str, JSON] | None, about: Release, arguments: argparse.Namespace, world: World
) -> str | None:
    """Sign the verdict, with the provenance of the run in its details, and publish it; the commit, if one was made."""
    repository = session.repository(arguments, world)
    details: dict[str, JSON] = {} if made is None else {"provenance": made}
    settled = publishing.release(
        repository,
        build=lambda _before: about,
        reports=(replace(report, details=details),),
        provenance=lambda _made: {},
        signer=session.signer(arguments, world, lambda: Snapshot(repository.fetch()).trust),
        renew=arguments.renew,
        now=world.now,
    )
    return settled.commit


def _statement(model: str, digest: str, predicate_type: str, predicate: Mapping[str, JSON]) -> JSON:
    return {
        "_type": statements.STATEMENT,
        "subject": [{"name": model, "digest": {"sha256": digest}}],
        "predicateType": predicate_type,
        "predicate": dict(predicate),
    }


def _text(document: JSON) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False)
