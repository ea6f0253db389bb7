"""What most verbs need first: which environment repository, and whose key."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_gitops import times
from mlops_gitops.adapters.crew import Crew
from mlops_gitops.adapters.git import Repository
from mlops_gitops.adapters.git_cache import cache_folder
from mlops_gitops.adapters.github_address import Address, address
from mlops_gitops.adapters.shelves import Shelf
from mlops_gitops.cli.world import World
from mlops_gitops.errors import Misused, Refused, WorldFailed

if TYPE_CHECKING:
    from mlops_gitops.adapters.github_client import Client
    from mlops_gitops.adapters.mlflow import MlflowRegistry
    from mlops_gitops.evidence.signing import OpenSigner
    from mlops_gitops.manifests.project import Project
    from mlops_gitops.manifests.trust import Trust
    from mlops_gitops.promotion.forge import Forge
    from mlops_gitops.promotion.snapshot import Snapshot

PROJECT = "mlops-gitops.yaml"


def add_repository_options(parser: argparse.ArgumentParser) -> None:
    """The options that name the environment repository."""
    parser.add_argument(
        "--environments",
        metavar="URL",
        help="the environment repository (default: $MG_ENVIRONMENTS, else mlops-gitops.yaml)",
    )
    parser.add_argument("--branch", help="its branch (default: $MG_BRANCH, else mlops-gitops.yaml, else main)")
    parser.add_argument(
        "--forge",
        choices=("github", "none"),
        help="what it lives on (default: $MG_FORGE, else GitHub where its URL is there and a token is set)",
    )


def add_key_option(parser: argparse.ArgumentParser) -> None:
    """The option that names a private key."""
    parser.add_argument(
        "--key", metavar="URI", help="the key that signs: file2:PATH, env:VARIABLE or a key service (default: $MG_KEY)"
    )


def project(world: World) -> Project | None:
    """The project file of the working folder, if there is one."""
    path = world.cwd / PROJECT
    if not path.is_file():
        return None
    from mlops_gitops.manifests import reading

    found: Project = reading.read("project", document(path, within=world.cwd), path=PROJECT)
    return found


def repository(arguments: argparse.Namespace, world: World) -> Repository:
    """The environment repository that the command is about.  Raises ``Misused`` where nothing names one.

    On GitHub with a token it is read by git with that token, and written through the API.
    """
    url, branch = _named(arguments, world)
    return repository_at(url, branch, arguments, world)


def written(arguments: argparse.Namespace, world: World) -> Repository:
    """The same for a command that writes there at once, if it may: what the push asks first is asked now."""
    found = repository(arguments, world)
    if not getattr(arguments, "dry_run", False):
        found.expect_push()
    return found


def repository_at(url: str, branch: str, arguments: argparse.Namespace, world: World) -> Repository:
    """Any other repository or branch, read in the same way."""
    place = _address(url, arguments, world)
    if place is None:
        return Repository(url, branch=branch, cache=cache(world), environ=world.environ)
    from mlops_gitops.adapters import git_credentials
    from mlops_gitops.adapters.github_store import GithubStore

    environ = git_credentials.beside(url, place.token, world.environ)
    return GithubStore(url, branch=branch, cache=cache(world), environ=environ, client=_client(place, world))


def forge(
    arguments: argparse.Namespace, world: World, *, url: str | None = None, beside: Repository | None = None
) -> Forge:
    """Where the pull requests of the environment repository, or of that at ``url``, are.

    It shares the connection, and what it has learnt, with the store ``beside`` it.  Raises ``Misused`` where git alone
    has to do.
    """
    place = _address(url or _named(arguments, world)[0], arguments, world)
    if place is None:
        raise Misused(
            "no forge was named, and pull requests live on one",
            hint="name the environment repository by its URL on GitHub and set MG_GITHUB_TOKEN; "
            "or write `mode: direct` in the policy",
            code="no-forge",
        )
    from mlops_gitops.adapters.github import GithubForge
    from mlops_gitops.adapters.github_store import GithubStore

    shared = beside.client if isinstance(beside, GithubStore) and beside.client.address == place else None
    return GithubForge(shared or _client(place, world))


def _named(arguments: argparse.Namespace, world: World) -> tuple[str, str]:
    """URL and branch of the environment repository."""
    here = project(world)
    url = arguments.environments or world.environ.get("MG_ENVIRONMENTS") or (here.environments if here else None)
    if not url:
        raise Misused(
            "no environment repository was named",
            hint=f"give --environments URL, set MG_ENVIRONMENTS, or write it in {PROJECT}",
            code="no-environments",
        )
    branch = arguments.branch or world.environ.get("MG_BRANCH") or (here.branch if here else None) or "main"
    local = world.cwd / url
    if "://" not in url and ":" not in url and local.exists():
        url = str(local.resolve())
    return url, branch


def _address(url: str, arguments: argparse.Namespace, world: World) -> Address | None:
    return address(url, world.environ, forge=arguments.forge or world.environ.get("MG_FORGE"))


def _client(place: Address, world: World) -> Client:
    from mlops_gitops.adapters.github_client import Client

    return Client(place, now=world.now, note=world.note)


def shelf(repository: Repository, world: World) -> Shelf:
    """Where the table of the environment repository is remembered."""
    return Shelf(cache(world), url=repository.url, branch=repository.branch)


def crew() -> Crew:
    """The processors of this machine, for what takes long."""
    return Crew()


def registry(world: World) -> MlflowRegistry | None:
    """The MLflow registry that is configured, if one is; nothing is imported or reached yet."""
    here = project(world)
    uri = world.environ.get("MLFLOW_TRACKING_URI") or (here.tracking_uri if here else None)
    if not uri:
        return None
    from mlops_gitops.adapters.mlflow import MlflowRegistry

    return MlflowRegistry(uri, environ=world.environ)


def document(path: Path, *, within: Path) -> bytes:
    """A document of the repository around it, or of the folder ``within`` where there is none.

    Raises ``Refused`` where a link leads out of there, ``WorldFailed`` where it cannot be read.
    """
    from mlops_gitops.manifests import places

    try:
        return places.read(str(path), root=places.root(str(path.parent), str(within)))
    except ValueError as error:
        raise Refused(f"{path.name}: {error}", hint="put the file itself there", code="path-outside") from error
    except OSError as error:
        raise WorldFailed(
            f"{path} cannot be read: {error.strerror}", hint="check its permissions", code="unreadable"
        ) from error


def models_folder(world: World) -> Path:
    """Where a model repository keeps its models."""
    return world.cwd / "models"


@contextlib.contextmanager
def needing(extra: str) -> Iterator[None]:
    """Late imports of what an extra brings; ``WorldFailed`` names the extra where it is not installed."""
    try:
        yield
    except ModuleNotFoundError as missing:
        raise WorldFailed(
            f"this needs the Python package {missing.name!r}, which is not installed",
            hint=f"pip install 'mlops-gitops[{extra}]'",
            code="missing-package",
        ) from missing


def cache(world: World) -> Path:
    """The folder of caches, absolute."""
    return world.cwd / cache_folder(world.environ)


def actor(arguments: argparse.Namespace, world: World) -> str:
    """Who gives the command, for the record.  Raises ``Misused`` where nothing says."""
    name = arguments.by or world.environ.get("GITHUB_ACTOR") or world.environ.get("USER")
    if not name:
        raise Misused(
            "nobody is named who does this", hint="give --by NAME, or set USER or GITHUB_ACTOR", code="no-actor"
        )
    return str(name)


def because(arguments: argparse.Namespace) -> str:
    """The reason of a command.  Raises ``Misused`` where it says nothing: somebody will want to know."""
    reason = " ".join(str(arguments.reason).split())
    if not reason:
        raise Misused("the reason is empty", hint='say why: --reason "…"', code="no-reason")
    return reason


def later(text: str, now: datetime) -> datetime:
    """A time that is still to come.  Raises ``Misused`` for another, or for what is no time."""
    try:
        moment = times.parse_instant(text)
    except ValueError as error:
        raise Misused(str(error), hint="write it in UTC, such as 2026-12-01T00:00:00Z", code="time") from error
    if moment <= now:
        raise Misused(f"{text} has passed", hint="name a time that is still to come", code="time")
    return moment


def require_model(snapshot: Snapshot, model: str) -> None:
    """Raises ``Misused`` where a model has no release."""
    if not snapshot.release_ids(model):
        known = ", ".join(snapshot.models()) or "none"
        raise Misused(f"there is no release of {model!r}", hint=f"models with a release: {known}", code="no-model")


def signer(arguments: argparse.Namespace, world: World, trust: Callable[[], Trust]) -> OpenSigner:
    """The key that the command signs with; ``trust`` is asked for only where a key service needs a public key.

    Raises ``Misused`` where none is named.
    """
    uri = arguments.key or world.environ.get("MG_KEY")
    if not uri:
        raise Misused(
            "no key was named, and this must be signed",
            hint="give --key file2:PATH or set MG_KEY; `mlops-gitops init key NAME` makes one",
            code="no-key",
        )
    scheme, _, rest = uri.partition(":")
    if scheme == "file2":
        uri = f"file2:{world.cwd / rest}"
    from mlops_gitops.evidence.admission import public_keys
    from mlops_gitops.evidence.signing import open_signer

    return open_signer(
        uri, environ=world.environ, known=lambda: [key for one in trust().signers for key in public_keys(one)]
    )
