"""The comment of ``report``: which token is shown to whom, and what a refusal means.

A token that may only read, as a fork's pull request has, is an answer and no failure.  Any other failure is told after
everything else was written, so that nothing that was found is lost with it.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from mlops_gitops.adapters.github_address import address, own
from mlops_gitops.canonical import JSON
from mlops_gitops.cli.world import World
from mlops_gitops.errors import WorldFailed
from mlops_gitops.reporting.inert import inert
from mlops_gitops.reporting.scorecard import placing
from mlops_gitops.reporting.scorecard.placing import Placed
from mlops_gitops.reporting.scorecard.records import Run
from mlops_gitops.reporting.scorecard.sticky import Stamp

_DENIED = (
    "the token may not comment: a fork's pull request has a token that only reads, and this is no failure; in a "
    "workflow of the repository itself, give the job `pull-requests: write`"
)
_WORDS = {
    "created": "commented",
    "updated": "the comment is updated",
    "unchanged": "the comment says this already",
    "older": "the comment is left as it is",
    "denied": "no comment",
    "failed": "no comment",
}


def placed(body: str, about: Run, arguments: argparse.Namespace, world: World) -> dict[str, JSON]:
    """Write the comment, and say as JSON what became of it.  Raises ``Misused`` where it has no place at all."""
    from mlops_gitops.adapters.github_client import Client
    from mlops_gitops.adapters.github_comments import GithubComments

    number = arguments.pull_request
    place = address(url_of(about, world.environ), own(about.repository, world.environ), forge="github")
    assert place is not None  # noqa: S101 - it was asked for, and raises where it cannot be had
    forge = GithubComments(Client(place, now=world.now, note=world.note))
    try:
        found = placing.place(
            forge, number, body, name=about.name, stamp=Stamp(about.id, about.attempt), head=about.head
        )
    except WorldFailed as failure:
        if failure.code == "github-denied":
            found = Placed("denied", note=_DENIED)
        else:
            found = Placed("failed", note=f"{failure.message}; what to do: {failure.hint}")
    return {"result": found.result, "url": found.url, "removed": found.removed, "note": found.note}


def told(comment: Mapping[str, JSON]) -> str:
    """The same, as a line for a log."""
    parts = [_WORDS[str(comment["result"])], *(inert(str(comment[one])) for one in ("note", "url") if comment[one])]
    return ": ".join(parts)


def url_of(about: Run, environ: Mapping[str, str]) -> str:
    """The address of the repository of the pull request."""
    server = (environ.get("GITHUB_SERVER_URL") or "https://github.com").rstrip("/")
    return f"{server}/{about.repository}"
