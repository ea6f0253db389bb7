"""What most verbs need first: which environment repository, and whose key."""

from __future__ import annotations

import argparse
from pathlib import Path

from mlops_gitops.adapters.git import Repository, cache_folder
from mlops_gitops.cli.world import World
from mlops_gitops.errors import Misused
from mlops_gitops.evidence.admission import public_keys
from mlops_gitops.evidence.signing import OpenSigner, open_signer
from mlops_gitops.manifests import reading
from mlops_gitops.manifests.project import Project
from mlops_gitops.manifests.trust import Trust

PROJECT = "mlops-gitops.yaml"


def add_repository_options(parser: argparse.ArgumentParser) -> None:
    """The options that name the environment repository."""
    parser.add_argument(
        "--environments",
        metavar="URL",
        help="the environment repository (default: $MG_ENVIRONMENTS, else mlops-gitops.yaml)",
    )
    parser.add_argument("--branch", help="its branch (default: $MG_BRANCH, else mlops-gitops.yaml, else main)")


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
    found: Project = reading.read("project", path.read_bytes(), path=PROJECT)
    return found


def repository(arguments: argparse.Namespace, world: World) -> Repository:
    """The environment repository that the command is about.  Raises ``Misused`` where nothing names one."""
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
    return Repository(url, branch=branch, cache=cache(world), environ=world.environ)


def cache(world: World) -> Path:
    """The folder of caches, absolute."""
    return world.cwd / cache_folder(world.environ)


def signer(arguments: argparse.Namespace, world: World, trust: Trust) -> OpenSigner:
    """The key that the command signs with.  Raises ``Misused`` where none is named."""
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
    known = [key for one in trust.signers for key in public_keys(one)]
    return open_signer(uri, environ=world.environ, known=known)
