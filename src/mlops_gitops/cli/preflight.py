"""Before an environment goes back: whether the old release is still there, still the same, and still loads."""

from __future__ import annotations

from mlops_gitops.adapters import artifacts
from mlops_gitops.cli import session
from mlops_gitops.cli.world import World
from mlops_gitops.errors import Refused
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.packaging.scan import scan
from mlops_gitops.promotion.apply import Preflight
from mlops_gitops.promotion.plan import Decision


def loads(world: World) -> Preflight:
    """A preflight that fetches the artifact, compares its digest, scans it, and loads it in a process of its own."""

    def check(decision: Decision) -> None:
        from mlops_gitops.adapters.predictions import load_problem

        release = decision.situation.dossier.release
        folder = session.models_folder(world) / release.name
        path = artifacts.fetch(
            release, cache=session.cache(world) / "artifacts", registry=session.registry(world), folder=folder
        )
        scanned = scan(path, format=release.artifact.format)
        if scanned.verdict is not Verdict.PASS:
            raise _unfit(release.version, scanned.summary)
        problem = load_problem(path, release.artifact.format, environ=world.environ)
        if problem is not None:
            raise _unfit(release.version, problem)

    return check


def _unfit(version: str, why: str) -> Refused:
    return Refused(
        f"going back to {version} would not help: {why}",
        hint="name another release with --to RELEASE, or promote a mended one",
        code="rollback-target",
    )
