"""``release``: test a model, assemble its release, sign what was found, and publish both in one commit."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace

from mlops_gitops.adapters import artifacts
from mlops_gitops.canonical import JSON
from mlops_gitops.cli import infra, past_releases, results, session
from mlops_gitops.cli.candidate import (
    artifact_path,
    exit_code,
    holdouts,
    judge,
    open_candidate,
    opponents,
    refuse_unless_registered,
)
from mlops_gitops.cli.world import World
from mlops_gitops.evidence.holdouts import hushed
from mlops_gitops.evidence.verdicts import Report, combined
from mlops_gitops.manifests.release import Release
from mlops_gitops.promotion import outlook, publish
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.transaction import Settled
from mlops_gitops.reporting import outlook as told
from mlops_gitops.reporting.reports import report_document, report_text

EXAMPLE = "mlops-gitops release flight-delays --key file2:keys/ci.pem"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's own options."""
    parser.add_argument("model", metavar="MODEL", help="the model, as its folder below models/ is named")
    parser.add_argument("--image", metavar="REF", help="the image that `build` made of the same: NAME@sha256:…")
    parser.add_argument("--renew", action="store_true", help="sign everything anew, replacing what was signed before")
    parser.add_argument("--allow-dirty", action="store_true", help="release a work tree that differs from its commit")
    parser.add_argument("--dry-run", action="store_true", help="test and tell, but publish nothing")
    parser.add_argument("--report", metavar="DIR", help="leave a page with plots there, and every other form")
    session.add_repository_options(parser)
    session.add_key_option(parser)


def run(arguments: argparse.Namespace, world: World) -> int:
    """Judge, publish, and tell.  A release that fails its tests is published too: the record says why it stays."""
    repository = session.repository(arguments, world)
    snapshot = Snapshot(repository.fetch())
    signer = None if arguments.dry_run else session.signer(arguments, world, lambda: snapshot.trust)
    found = open_candidate(arguments.model, world, allow_dirty=arguments.allow_dirty)
    refuse_unless_registered(found, world)
    if arguments.image:
        with session.needing("build"):
            from mlops_gitops.cli import building
        found = replace(found, image=building.released(found, arguments.image, world))
    against = opponents(snapshot, arguments.model)
    spent = holdouts(snapshot)
    judged = judge(found, against, world, spent=spent, dry=arguments.dry_run, snapshot=snapshot)
    past = past_releases.of_release(found, snapshot, world)
    reports = (*judged, *past, *infra.of_release(found, snapshot, world))
    if any(one.quiet for one in spent):
        reports = hushed(reports)
    named = [(found.model.name, one) for one in reports]
    pages = results.leave(named, world.cwd / arguments.report, world) if arguments.report else []
    settled = publish.release(
        repository,
        build=lambda before: found.release(supersedes=before),
        reports=reports,
        provenance=lambda made: found.provenance(made, world=world),
        signer=signer,
        renew=arguments.renew,
        now=world.now,
    )
    if signer is not None:
        source = artifact_path(found.model, found.folder)
        artifacts.keep(settled.result, source, cache=session.cache(world) / "artifacts")
    _print(settled, reports, arguments, world, snapshot=snapshot)
    if pages and arguments.format == "text":
        world.print("\n".join(f"report: {one}" for one in pages))
    return exit_code(combined(one.verdict for one in reports))


def _print(
    settled: Settled[Release],
    reports: Sequence[Report],
    arguments: argparse.Namespace,
    world: World,
    *,
    snapshot: Snapshot,
) -> None:
    made = settled.result
    expected = outlook.outlook(snapshot, made, reports, now=world.now()) if arguments.dry_run else ()
    if arguments.format == "json":
        document: JSON = {
            "result": "planned" if arguments.dry_run else "released" if settled.commit else "nothing-to-do",
            "model": made.name,
            "version": made.version,
            "release": made.id,
            "image": made.image.reference if made.image else None,
            "commit": settled.commit,
            "dryRun": arguments.dry_run,
            "reports": [report_document(one, model=made.name) for one in reports],
            "outlook": [*map(told.document, expected)],
        }
        world.print(json.dumps(document, indent=2))
        return
    for one in reports:
        world.print(report_text(one))
    word = "would be released" if arguments.dry_run else "released" if settled.commit else "was released before"
    world.print(f"{made.name} {made.version} {word}: {made.id}")
    for place in expected:
        world.print(told.text(place))
    if settled.commit:
        world.print(f"commit {settled.commit[:12]}")
