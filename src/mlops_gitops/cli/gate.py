"""``gate``: whether a pull request has the reviews that the policy of its base branch demands."""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import replace

from mlops_gitops.adapters.git import Repository
from mlops_gitops.adapters.github_address import own
from mlops_gitops.cli import session
from mlops_gitops.cli.world import World
from mlops_gitops.errors import EXIT_DONE, Misused, NotYet, Refused
from mlops_gitops.evidence.gates import Answer
from mlops_gitops.promotion import looks, pulls
from mlops_gitops.promotion.forge import Forge, Pull
from mlops_gitops.promotion.pulls import Part, Question
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.store import Tree
from mlops_gitops.reporting import pulls as report
from mlops_gitops.reporting.pulls import Gated

EXAMPLE = """
mlops-gitops gate --pull-request 7
mlops-gitops gate --pull-request 7 --to prod --record --key file2:keys/reviews.pem
"""
FORMATS = ("text", "json", "markdown")
_SERVER = "https://github.com"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+")
_EXITS = {Answer.PASS: EXIT_DONE, Answer.FAIL: Refused.exit_code, Answer.PENDING: NotYet.exit_code}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's own options."""
    parser.add_argument("--pull-request", metavar="N", type=int, required=True, help="the number of the pull request")
    parser.add_argument(
        "--repository", metavar="OWNER/NAME", help="where it is (default: $GITHUB_REPOSITORY, else the environments)"
    )
    parser.add_argument(
        "--address", metavar="URL", help="where git reaches that repository (default: its address on the forge)"
    )
    parser.add_argument(
        "--to", metavar="ENV", action="append", help="judge for this environment alone (more than once: for these)"
    )
    parser.add_argument("--record", action="store_true", help="sign what was seen, and publish it as evidence")
    session.add_repository_options(parser)
    session.add_key_option(parser)


def run(arguments: argparse.Namespace, world: World) -> int:
    """Look, judge, record, and tell."""
    environments = session.repository(arguments, world)
    elsewhere = _elsewhere(arguments, world, environments)
    there = world._replace(environ=own(_name(arguments, world), world.environ)) if elsewhere else world
    forge = session.forge(arguments, there, url=elsewhere)
    pull = forge.pull(arguments.pull_request)
    if pull is None:
        raise Misused(
            f"{forge.repository} has no pull request {arguments.pull_request}",
            hint="name another with --pull-request, or another repository with --repository",
            code="no-pull-request",
        )
    found = Gated(forge.repository, pull, _judged(arguments, there, forge, pull, environments))
    if arguments.record:
        found = _recorded(found, arguments, world, environments)
    if arguments.format == "json":
        world.print(json.dumps(report.document(found), indent=2))
    else:
        world.print(report.summary(found) if arguments.format == "markdown" else report.text(found))
    return _EXITS[found.answer]


def _elsewhere(arguments: argparse.Namespace, world: World, environments: Repository) -> str | None:
    """Where git reaches the repository of the pull request, if that is not the environment repository."""
    name = _name(arguments, world)
    if not name or _is_at(name, environments.url):
        return None
    if not _NAME.fullmatch(name):
        raise Misused(f"{name!r} names no repository", hint="write it as OWNER/NAME", code="usage")
    return arguments.address or f"{world.environ.get('GITHUB_SERVER_URL') or _SERVER}/{name}.git"


def _name(arguments: argparse.Namespace, world: World) -> str | None:
    """Which repository the pull request is in, where anything says so."""
    return arguments.repository or world.environ.get("GITHUB_REPOSITORY")


def _judged(
    arguments: argparse.Namespace, world: World, forge: Forge, pull: Pull, environments: Repository
) -> tuple[Part, ...]:
    server = world.environ.get("GITHUB_SERVER_URL") or _SERVER
    if not _is_at(forge.repository, environments.url):
        if arguments.to:
            raise Misused(
                f"{forge.repository} is not the environment repository, and --to names an environment",
                hint="leave --to out, or name the environment repository with --environments",
                code="usage",
            )
        address = arguments.address or f"{server}/{forge.repository}.git"
        base = session.repository_at(address, pull.base, arguments, world).fetch()
        question = Question(pull, forge, server, base, world.now())
        return pulls.of_models(question, environments=Snapshot(environments.fetch()))
    if pull.base != environments.branch:
        raise Refused(
            f"the pull request is refused: it wants into {pull.base!a}, and {environments.branch} is what is guarded",
            hint=f"change its base to {environments.branch}, or name another branch with --branch",
            code="pull-request",
        )
    question = Question(pull, forge, server, environments.fetch(), world.now())
    if not pulls.holds_environments(question.base):
        return pulls.of_models(question, environments=None)
    parts = pulls.of_environments(question, head=lambda: _head(pull, environments, arguments, world))
    return _wanted(parts, arguments.to)


def _wanted(parts: tuple[Part, ...], names: list[str] | None) -> tuple[Part, ...]:
    """The parts about these environments, and those about none.  Raises ``Misused`` for one that is not touched."""
    touched = {one.environment for one in parts if one.environment is not None}
    for name in names or ():
        if name not in touched:
            raise Misused(
                f"the pull request promotes nothing to {name!r}",
                hint=f"it promotes to: {', '.join(sorted(touched)) or 'no environment'}",
                code="no-environment",
            )
    return tuple(one for one in parts if not names or one.environment is None or one.environment in names)


def _head(pull: Pull, environments: Repository, arguments: argparse.Namespace, world: World) -> Tree:
    """The newest commit of the pull request, if it still is the one that the forge told of."""
    tree = session.repository_at(environments.url, pull.branch, arguments, world).fetch()
    if tree.commit != pull.head:
        raise NotYet(
            f"the branch of pull request {pull.number} moved while it was judged",
            hint="run the command again",
            code="head-moved",
        )
    return tree


def _is_at(repository: str, url: str) -> bool:
    """Whether a URL leads to ``owner/name``."""
    path = url.rstrip("/").removesuffix(".git").replace(":", "/").casefold()
    return f"/{path}".endswith(f"/{repository.casefold()}")


def _recorded(found: Gated, arguments: argparse.Namespace, world: World, environments: Repository) -> Gated:
    """The looks, signed and published; a note where there is nothing that evidence could be about."""
    claims = [(one.model, one.claim) for one in found.parts if one.model is not None and one.claim is not None]
    if not claims:
        return replace(found, note="nothing is recorded: no release is promoted by it, or was made from its commit")
    signer = session.signer(arguments, world, lambda: Snapshot(environments.fetch()).trust)
    settled = looks.record(environments, claims, signer=signer, now=world.now)
    note = None if settled.commit else "these reviews are on record already"
    return replace(found, recorded=settled.result, commit=settled.commit, note=note)
