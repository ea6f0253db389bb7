"""Before an environment goes back: whether the old release is still there, still the same, and still loads."""

from __future__ import annotations

from mlops_gitops.cli import session
from mlops_gitops.cli.candidate import fetched
from mlops_gitops.cli.world import World
from mlops_gitops.errors import Refused
from mlops_gitops.promotion.plan import Decision
from mlops_gitops.promotion.returns import Preflight


def loads(world: World) -> Preflight:
    """A preflight that fetches the artifact, compares its digest, scans it, and loads it in a process of its own."""

    def check(decision: Decision) -> None:
        with session.needing("models"):
            from mlops_gitops.adapters.predictions import load_problem

        release = decision.situation.dossier.release
        try:
            path = fetched(release, world, folder=session.models_folder(world) / release.name)
        except Refused as gone:
            raise _unfit(release.version, gone.message) from gone
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
