"""Who we are at a container registry: variables, else what ``docker login`` left.

``MG_REGISTRY_USER`` and ``MG_REGISTRY_PASSWORD`` count for the registry that is pushed to and for no other.  Otherwise
Docker's ``config.json`` is read (``$DOCKER_CONFIG``, else ``~/.docker``): a credential helper for the registry, the
store for all, or what stands in the file.  Nothing of it is ever printed; a record's ``repr`` shows no secret either.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops_gitops.errors import Misused, WorldFailed
from mlops_gitops.packaging.image.references import HUB

_HUB_KEY = "https://index.docker.io/v1/"
_HELPER = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_SECONDS = 30
_TOKEN_USER = "<token>"  # noqa: S105 - what helpers call a user whose secret is an identity token
_PASSED_ON = ("PATH", "HOME", "DOCKER_CONFIG", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "GNUPGHOME")
_CLOUDS = ("AWS_", "GOOGLE_", "CLOUDSDK_", "AZURE_", "GCR_", "ECR_")


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user with a password, or an identity token that buys tokens."""

    user: str = field(repr=False)
    password: str = field(repr=False)
    identity: str | None = field(default=None, repr=False)


def of(registry: str, *, environ: Mapping[str, str], pushed_to: bool) -> Credentials | None:
    """The credentials for ``registry``, or ``None``.

    Raises ``Misused`` where a configuration cannot be read, ``WorldFailed`` where a helper does not work.
    """
    user, password = environ.get("MG_REGISTRY_USER"), environ.get("MG_REGISTRY_PASSWORD")
    if pushed_to and user and password:
        return Credentials(user, password)
    config = _configuration(environ)
    key = _HUB_KEY if registry == HUB else registry
    helpers = config.get("credHelpers")
    helper = helpers.get(registry) if isinstance(helpers, dict) else None
    helper = helper or config.get("credsStore")
    if isinstance(helper, str) and (found := _asked(helper, key, environ)) is not None:
        return found
    entries = config.get("auths")
    if not isinstance(entries, dict):
        return None
    entry = next((entries[one] for one in (key, registry, f"https://{registry}") if one in entries), None)
    return _stated(entry) if isinstance(entry, dict) else None


def _configuration(environ: Mapping[str, str]) -> dict[str, Any]:
    folder = environ.get("DOCKER_CONFIG") or (f"{environ['HOME']}/.docker" if environ.get("HOME") else None)
    path = Path(folder) / "config.json" if folder else None
    try:
        document = json.loads(path.read_text(encoding="utf-8")) if path is not None and path.is_file() else {}
    except (OSError, ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise Misused(
            f"{path} cannot be read as Docker's configuration",
            hint="mend the file, or name another folder with DOCKER_CONFIG",
            code="docker-config",
        )
    return document


def _stated(entry: Mapping[str, Any]) -> Credentials | None:
    identity = entry.get("identitytoken")
    try:
        plain = base64.b64decode(str(entry.get("auth") or ""), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        plain = ""
    user, _, password = plain.partition(":")
    if isinstance(identity, str) and identity:
        return Credentials(user, "", identity)
    return Credentials(user, password.rstrip("\0")) if user and password else None


def _asked(helper: str, key: str, environ: Mapping[str, str]) -> Credentials | None:
    """What a credential helper says; ``None`` where it knows nothing of the registry."""
    program = (
        shutil.which(f"docker-credential-{helper}", path=environ.get("PATH")) if _HELPER.fullmatch(helper) else None
    )
    if program is None:
        raise WorldFailed(
            f"Docker's configuration names docker-credential-{helper[:64]}, which is not on the PATH",
            hint="install it, or log in again without one",
            code="docker-credential",
        )
    kept = {name: value for name, value in environ.items() if name in _PASSED_ON or name.startswith(_CLOUDS)}
    try:
        done = subprocess.run(
            [program, "get"], input=key.encode(), env=kept, capture_output=True, timeout=_SECONDS, check=False
        )
        if done.returncode:
            return None
        said = json.loads(done.stdout)
        user, secret = str(said["Username"]), str(said["Secret"])
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError) as error:
        raise WorldFailed(
            f"docker-credential-{helper} gives no answer that can be used ({type(error).__name__})",
            hint="log in to the registry again",
            code="docker-credential",
        ) from None
    return Credentials("", "", secret) if user == _TOKEN_USER else Credentials(user, secret)
