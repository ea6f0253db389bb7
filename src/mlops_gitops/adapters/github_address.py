"""Where on GitHub an environment repository is, and which token may be shown there; pure.

**A token goes nowhere by accident.**  ``GITHUB_TOKEN`` belongs to the GitHub that runs the workflow, which
``GITHUB_SERVER_URL`` names, and is shown to no other; ``MG_GITHUB_TOKEN`` was set for this program, and is shown to the
host of the environment repository.  Neither travels in the clear, except on this machine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from urllib.parse import urlsplit

from mlops_gitops.adapters.git_process import masked
from mlops_gitops.errors import Misused
from mlops_gitops.records import record

_PUBLIC = "github.com"
_SSH = {"ssh.github.com": _PUBLIC}
"""Hosts that take ssh for another, where port 22 is closed."""
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_NAMES = re.compile(r"/?([A-Za-z0-9][A-Za-z0-9-]*)/([A-Za-z0-9._-]+?)(?:\.git)?/?")


@record
class Address:
    """One repository on GitHub, and the two addresses of its API.  The token is in no ``repr``."""

    repository: str
    api: str
    graphql: str
    token: str = field(repr=False)


def address(url: str, environ: Mapping[str, str], *, forge: str | None = None) -> Address | None:
    """Where the repository at ``url`` is on GitHub; ``None`` where git alone has to do.

    ``forge`` is what the user asked for: ``github``, ``none``, or nothing, which takes GitHub where the URL is on its
    host and a token is there.  Raises ``Misused`` where GitHub was asked for and cannot be had.
    """
    if forge not in {None, "", "github", "none"}:
        raise Misused(
            f"there is no forge {forge!r}", hint="--forge github, or --forge none for git alone", code="forge"
        )
    place = place_of(url)
    server = urlsplit(environ.get("GITHUB_SERVER_URL") or f"https://{_PUBLIC}")
    ours = place is not None and place[0] in {_PUBLIC, (server.netloc or _PUBLIC).lower()}
    if forge == "none" or (not forge and not ours):
        return None
    if place is None:
        raise Misused(
            f"{masked(url)} is not the URL of a repository on GitHub",
            hint="write it as https://HOST/OWNER/NAME or git@HOST:OWNER/NAME.git, or give --forge none",
            code="forge",
        )
    token = _token(place[0], server.netloc.lower(), environ)
    if not token:
        if not forge:
            return None
        raise Misused(
            "there is no token for GitHub",
            hint="set MG_GITHUB_TOKEN to a token of a GitHub App or of a person, or give --forge none",
            code="forge",
        )
    api, graphql = _apis(place[0], place[0] == server.netloc.lower(), environ)
    return Address(place[1], api, graphql, token)


def own(repository: str | None, environ: Mapping[str, str]) -> Mapping[str, str]:
    """The environment in which a repository is asked that is not the environment repository.

    In a workflow of that repository its own token counts, since ``MG_GITHUB_TOKEN`` is for the environment repository.
    """
    if environ.get("GITHUB_TOKEN") and environ.get("GITHUB_REPOSITORY") == repository:
        return {name: value for name, value in environ.items() if name != "MG_GITHUB_TOKEN"}
    return environ


def place_of(url: str) -> tuple[str, str] | None:
    """``(host, "owner/name")`` of a URL in any of git's spellings; ``None`` for what names no such place."""
    scp = re.fullmatch(r"(?:[^@/:]+@)?([^@/:]+):(?!//)(.+)", url)
    if scp:
        host, path = scp[1], scp[2]
    else:
        parts = urlsplit(url)
        if parts.scheme not in {"https", "http", "ssh", "git"} or not parts.hostname:
            return None
        port = f":{parts.port}" if parts.port and parts.scheme in {"https", "http"} else ""
        host, path = f"{parts.hostname}{port}", parts.path
    names = _NAMES.fullmatch(path)
    if names is None or names[2] in {".", ".."}:
        return None
    return _SSH.get(host.lower(), host.lower()), f"{names[1]}/{names[2]}"


def _token(host: str, server: str, environ: Mapping[str, str]) -> str:
    ours = environ.get("MG_GITHUB_TOKEN", "").strip()
    return ours or (environ.get("GITHUB_TOKEN", "").strip() if host == server else "")


def _apis(host: str, is_server: bool, environ: Mapping[str, str]) -> tuple[str, str]:  # noqa: FBT001 - private, two lines away
    """The addresses of REST and GraphQL.  Raises ``Misused`` where a token would be shown to somebody else."""
    api = (environ.get("GITHUB_API_URL") if is_server or host != _PUBLIC else "") or _derived(host)
    api = api.rstrip("/")
    at_root = urlsplit(api).path == ""
    graphql = (environ.get("GITHUB_GRAPHQL_URL") if is_server else "") or (
        f"{api}/graphql" if at_root else f"{api.removesuffix('/v3')}/graphql"
    )
    for one in (api, graphql):
        parts = urlsplit(one)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise Misused(
                f"the token would be sent to {masked(one)} in the clear",
                hint="GITHUB_API_URL and GITHUB_GRAPHQL_URL must begin with https://",
                code="forge",
            )
    if urlsplit(api).netloc != urlsplit(graphql).netloc:
        raise Misused(
            f"GITHUB_API_URL ({masked(api)}) and GITHUB_GRAPHQL_URL ({masked(graphql)}) are on different hosts",
            hint="unset GITHUB_GRAPHQL_URL: it follows from GITHUB_API_URL",
            code="forge",
        )
    return api, graphql


def _derived(host: str) -> str:
    """Where a host has its API: github.com and ghe.com beside it, GitHub Enterprise Server below it."""
    if host == _PUBLIC or host.endswith(".ghe.com"):
        return f"https://api.{host}"
    return f"https://{host}/api/v3"
