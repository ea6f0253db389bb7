"""A token for one git URL, through the environment of git alone.

git reads settings from ``GIT_CONFIG_COUNT``, ``GIT_CONFIG_KEY_n`` and ``GIT_CONFIG_VALUE_n`` (git-config(1)).  A header
set there for one URL is sent to that URL and nowhere else, and stands in no argument list, no file and no log.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from urllib.parse import urlsplit

from mlops_gitops.adapters.git_process import run_git
from mlops_gitops.errors import Misused, WorldFailed

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def header(token: str) -> str:
    """The Authorization header that GitHub takes for every kind of token."""
    return "Authorization: Basic " + base64.b64encode(f"x-access-token:{token}".encode()).decode()


def hidden(token: str) -> tuple[str, ...]:
    """Every form of ``token`` that must never be read in a log."""
    return (token, header(token).rpartition(" ")[2])


def for_url(url: str, token: str, environ: Mapping[str, str]) -> dict[str, str]:
    """What to add to git's environment so that it shows ``token`` to ``url``.

    The first header is empty, which clears the list, so that one left by another step is not sent beside ours.  A
    redirection is not followed: git would send the header of the first address to the second.  Raises ``Misused``
    where the token would travel in the clear.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise Misused(
            "a token is only sent over https, and the URL of the environment repository is another kind",
            hint="write that URL as https://…, or give no token and use git's own credentials",
            code="token-url",
        )
    ours = (("extraheader", ""), ("extraheader", header(token)), ("followRedirects", "false"))
    first = _count(environ)
    settings = {"GIT_CONFIG_COUNT": str(first + len(ours))}
    for number, (name, value) in enumerate(ours, start=first):
        settings[f"GIT_CONFIG_KEY_{number}"] = f"http.{url}.{name}"
        settings[f"GIT_CONFIG_VALUE_{number}"] = value
    return settings


def beside(url: str, token: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Git's environment with ``token`` in it, where git has nothing of its own to show to ``url``.

    Its own are a user in the URL, ``ssh``, and a header that a step before has set.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"https", "http"} or parts.username is not None or _has_header(url, environ):
        return dict(environ)
    return {**environ, **for_url(url, token, environ)}


def _has_header(url: str, environ: Mapping[str, str]) -> bool:
    """Whether git would send an Authorization header of its own.

    It is asked at the root of the file system: what the settings of the model repository say is not sent from ours.
    """
    outside = {name: value for name, value in environ.items() if name != "GIT_DIR"}
    words = ["-C", "/", "config", "--get-urlmatch", "http.extraHeader", url]
    try:
        told = run_git(words, environ=outside, check=False)
    except WorldFailed:
        return False
    return told.stdout.strip().lower().startswith(b"authorization:")


def _count(environ: Mapping[str, str]) -> int:
    text = environ.get("GIT_CONFIG_COUNT", "")
    return int(text) if text.isascii() and text.isdigit() else 0
