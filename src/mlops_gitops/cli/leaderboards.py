"""The leaderboards of ``report``: open pull requests asked of GitHub, evidence read from the environment repository.

A board is a comfort: where it cannot be made, that is told in its place, and the report is as good as without it.
"""

from __future__ import annotations

import argparse

from mlops_gitops.adapters.github_address import address, own
from mlops_gitops.canonical import JSON
from mlops_gitops.cli import session
from mlops_gitops.cli.report_comment import url_of
from mlops_gitops.cli.world import World
from mlops_gitops.errors import Failure, Misused
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.reporting.scorecard import boards, standings, words
from mlops_gitops.reporting.scorecard.records import Scorecard

_MOST = 20
"""Models with a board; the worst come first."""


def made(found: Scorecard, arguments: argparse.Namespace, world: World) -> list[tuple[str, JSON]]:
    """Markdown and JSON of the board of each model of the report.  Raises ``Misused`` for a wrong command line."""
    from mlops_gitops.adapters.github_client import Client
    from mlops_gitops.adapters.github_comments import GithubComments

    environments = session.repository(arguments, world)
    environ = own(found.run.repository, world.environ)
    place = address(url_of(found.run, environ), environ, forge="github")
    assert place is not None  # noqa: S101 - it was asked for, and raises where it cannot be had
    try:
        heads = GithubComments(Client(place, now=world.now, note=world.note)).open_heads()
        snapshot = Snapshot(environments.fetch())
        known = set(snapshot.models())
        wanted = [card.model for card in found.cards if card.model in known][:_MOST]
        ranked = [standings.standings(snapshot, model, heads, now=world.now()) for model in wanted]
    except Misused:
        raise
    except Failure as failure:
        world.note(f"no leaderboard: {words.plain(failure.message)}; what to do: {words.plain(failure.hint)}")
        return [(f"No leaderboard could be made: {words.code(failure.message)}", None)]
    return [(boards.markdown(one, mine=found.run.pull_request), boards.document(one)) for one in ranked]
