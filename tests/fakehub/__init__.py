"""A GitHub of one's own, for tests: the API as this project uses it, over real git.

What it is
    Both APIs (REST and GraphQL) and git's smart HTTP on one port of the loopback interface, over **real bare
    repositories** in one folder.  It is stateful: branches, pull requests, reviews, teams.  A merge is a real three-way
    merge by git, as merge, squash or rebase; a conflict answers 405, a head that moved 409.  A pull request whose head
    a push brings into its base is marked as merged; one whose branch is moved to where its base is, is closed.
    Commits made through the API are committed by GitHub and ``verified``.  GraphQL is a part of GitHub's own schema,
    executed by a real engine.  Tokens have kinds (``hub.token``): a person's, an App's, GITHUB_TOKEN of a branch and
    of a fork's pull request, expired ones, and those of a stranger, who is answered 404.  What GITHUB_TOKEN does starts
    no workflow (``hub.started``).

What it is not
    A copy of GitHub.  What this project does not ask is answered 404.  Checks, rulesets, merge queues, webhooks and
    the web pages do not exist.  Nothing is slow and nothing is late unless a test asks for it.

A fault is armed for the next matching requests and then gone::

    with fakehub.serve(folder) as hub:
        hub.create("org/environments", files)
        token = hub.token("app", repositories=("org/environments",))
        hub.arm(Fault(lose_answer=True), method="PUT", path="*/merge")
        hub.arm(secondary_limit(3), operation="CreateCommit")
        …                                       # hub.api_url, hub.graphql_url, hub.git_url("org/environments")
        hub.review("org/environments", 1, "grace")
        assert hub.asked() == ["OpenPulls", "CreateCommit"]
"""

from fakehub import objects, pulls, references
from fakehub.hub import Hub
from fakehub.records import Fault, Pull, Request, Review, Token, primary_limit, secondary_limit
from fakehub.refusals import Refused
from fakehub.server import serve

__all__ = [
    "Fault",
    "Hub",
    "Pull",
    "Refused",
    "Request",
    "Review",
    "Token",
    "objects",
    "primary_limit",
    "pulls",
    "references",
    "secondary_limit",
    "serve",
]
