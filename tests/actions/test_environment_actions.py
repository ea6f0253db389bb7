"""What an environment repository on GitHub runs: proposed, reviewed, merged, sealed, verified; state is what counts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from workflows import Ran, example_step, pull_request, run, step

import estate
import fakehub
import workshops
from estate import Estate
from fakehub import Hub
from mlops_gitops.adapters.git_credentials import hidden
from mlops_gitops.manifests.rendering import render
from mlops_gitops.promotion import layout

NAME = "airline/environments"
HOSTILE = "$(touch pwned)`touch pwned` ::add-mask::production ::error::forged @airline/risk </details>"
PEOPLE = [workshops.LOGINS[who] for who in ("grace", "katherine")]
SIGNED = {"token": "${{ secrets.TOKEN }}", "signing_key": "${{ secrets.KEY }}"}
"""The secrets of a step that writes.  The repository is the one that the workflow runs in, so no step names it."""


class Site:
    """A GitHub whose environment repository has one release, and runners that work there."""

    def __init__(self, hub: Hub, product: Path, folder: Path) -> None:
        self.hub, self.product, self.folder, self.runs = hub, product, folder, 0
        start = Estate.new(workshops.environments()).with_release(estate.release())
        hub.create(NAME, {**start.files, layout.TRUST: render(workshops.trust())})
        self.app = hub.token("app", repositories=(NAME,))

    def run(self, *steps: str, token: str = "", own: str = "", **event: Any) -> Ran:
        """One workflow; ``token`` is the App's, ``own`` the one that every workflow has."""
        self.runs += 1
        return run(
            "".join(steps),
            product=self.product,
            folder=self.folder / str(self.runs),
            event=event.pop("event", "workflow_dispatch"),
            payload=event.pop("payload", {"inputs": {}}),
            environ={
                "GITHUB_REPOSITORY": NAME,
                "GITHUB_SERVER_URL": self.hub.url,
                "GITHUB_API_URL": self.hub.api_url,
                "GITHUB_GRAPHQL_URL": self.hub.graphql_url,
                **event,
            },
            secrets={
                **dict.fromkeys(("TOKEN", "ENVIRONMENTS_TOKEN"), token or self.app),
                **dict.fromkeys(("KEY", "PROMOTION_KEY"), estate.pem("ci")),
                "GITHUB_TOKEN": own or self.hub.token("actions", repositories=(NAME,), contents="read", pulls="read"),
            },
        )

    def reviewed(self, *, fork: bool = False) -> dict[str, Any]:
        """What GitHub says of the pull request."""
        return pull_request(title=HOSTILE, branch=HOSTILE, fork=fork)


@pytest.fixture
def site(product: Path, tmp_path: Path) -> Iterator[Site]:
    with fakehub.serve(tmp_path / "hub") as hub:
        hub.now = lambda: datetime.now(UTC)
        yield Site(hub, product, tmp_path / "runs")


def test_from_a_release_to_a_sealed_promotion(site: Site) -> None:
    hub = site.hub
    before = hub.tip(NAME)
    first = site.run(
        step("reconcile", ident="reconcile_dry", dry_run="true", **SIGNED),
        step("reconcile", **SIGNED),
        step("reconcile", ident="reconcile_again", **SIGNED),
        step("gate", tolerant=True, pull_request="1"),
        step("promote", model="flight-delays", to="prod", environments=hub.git_url(NAME), **SIGNED),
    )
    dry, said, again = (first.outputs(one) for one in ("reconcile_dry", "reconcile", "reconcile_again"))
    assert (dry["result"], dry["changes"], dry["commit"]) == ("planned", "0", "")
    assert (said["result"], said["failures"]) == ("changed", "0")
    assert [one.rpartition("/")[2] for one in json.loads(said["pull-requests"])] == ["1"]
    assert again["result"] == "nothing-to-do"
    assert first.outputs("promote")["result"] == "proposed"
    assert first.outputs("promote")["pull-request"].endswith("/pull/1")
    waits = first.outputs("gate")
    assert (waits["result"], waits["approvals"], waits["pull-request"]) == ("pending", "0", "1")
    assert first.steps["gate"]["outcome"] == "failure"
    assert before != hub.tip(NAME)

    for who in PEOPLE:
        hub.review(NAME, 1, who, body=HOSTILE)
    second = site.run(
        step("gate"),
        step("gate", ident="gate_dry", record="true", dry_run="true", **SIGNED),
        step("gate", ident="gate_record", record="true", **SIGNED),
        step("reconcile", **SIGNED),
        step("verify"),
        event="pull_request_review",
        payload=site.reviewed(),
    )
    assert second.succeeded
    assert (second.outputs("gate")["result"], second.outputs("gate")["approvals"]) == ("passed", "2")
    assert second.outputs("gate")["head"] == second.document("gate", "report-path")["head"] != ""
    assert second.outputs("gate_dry")["commit"] == ""
    assert second.outputs("gate_record")["commit"] != ""
    assert second.outputs("reconcile")["result"] == "changed"
    assert hub.pull(NAME, 1).merged
    assert (second.outputs("verify")["result"], second.outputs("verify")["commit"]) == ("holds", hub.tip(NAME))
    assert second.pwned == ()
    hiding = [*hidden(site.app), estate.pem("ci").splitlines()[1]]
    for path in (one for one in site.folder.rglob("*") if one.is_file() and one.name != "secrets"):
        assert not [text for text in hiding if text.encode() in path.read_bytes()], path


def test_a_fork_is_judged_with_the_token_that_it_has(site: Site) -> None:
    """Read-only, and recording nothing, whatever the workflow asks for."""
    proposed = site.run(*map(example_step, ("reconcile", "verify", "rollback")))
    results = [proposed.outputs(one)["result"] for one in ("reconcile", "verify", "rollback")]
    assert results == ["changed", "holds", "nothing-to-do"], "the examples of the pages"
    tip = site.hub.tip(NAME)
    ran = site.run(
        step("gate", record="true", allow_pending="true"),
        step("verify"),
        step("reconcile"),
        event="pull_request",
        payload=site.reviewed(fork=True),
        own=site.hub.token("fork", repositories=(NAME,)),
    )
    assert ran.succeeded
    assert [ran.outputs(one)["result"] for one in ("gate", "verify", "reconcile")] == ["pending", "holds", "skipped"]
    assert site.hub.tip(NAME) == tip


def test_a_merge_group_is_about_the_pull_request_that_it_is_named_after(site: Site) -> None:
    site.run(step("reconcile", **SIGNED))
    branch = f"refs/heads/gh-readonly-queue/main/pr-1-{'2' * 40}"
    group = {"head_sha": "1" * 40, "base_sha": "2" * 40, "head_ref": branch}
    ran = site.run(
        example_step("gate").replace('"with": {}', '"with": {"allow-pending": true}'),
        event="merge_group",
        payload={"merge_group": group},
    )
    assert ran.outputs("gate")["pull-request"] == "1"
    assert ran.outputs("gate")["result"] == "pending"


@pytest.mark.parametrize("kind", ["expired", "actions"])
def test_a_token_that_may_not(site: Site, kind: Any) -> None:
    """Expired, or without the permission: nothing is half-done, and the failure says whether trying again helps."""
    may_not = "expired_0123456789" if kind == "expired" else site.hub.token(
        "actions", repositories=(NAME,), contents="read", pulls="read"
    )  # fmt: skip
    tip = site.hub.tip(NAME)
    ran = site.run(step("reconcile", tolerant=True, **SIGNED), step("gate", tolerant=True), token=may_not)
    assert ran.steps["reconcile"]["outcome"] == "failure"
    assert ran.outputs("reconcile")["result"] in {"error", "refused"}
    assert json.loads(ran.outputs("reconcile")["pull-requests"]) == []
    assert site.hub.tip(NAME) == tip
    assert ran.outputs("gate")["result"] == "error", "a dispatched run is about no pull request"
