"""``report`` in a real workflow, as its page shows it: reports of other jobs in, one comment out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from workflows import REPOSITORY, Ran, example_step, pull_request, run, step

import candidates
import fakehub
import scorecard_examples
from estate import Estate
from fakehub import Hub
from mlops_gitops.manifests.release import Release

ENVIRONMENTS = "airline/environments"


class Site:
    """A GitHub with one pull request, whose other jobs have kept their reports as artifacts."""

    def __init__(self, hub: Hub, product: Path, folder: Path) -> None:
        self.hub, self.product, self.folder = hub, product, folder
        hub.now = lambda: datetime.now(UTC)
        hub.create(REPOSITORY, {"README.md": "models\n"})
        self.head = hub.commit(REPOSITORY, {"a": "b\n"}, branch="better", by="ada")
        self.pull = hub.open(REPOSITORY, "better", title="Better `$(id)` @airline/risk")
        hub.repository(REPOSITORY).runs[100] = {"workflow_id": 1, "head_sha": self.head, "run_attempt": 1}
        for name, document in scorecard_examples.bad().items():
            kept = folder / "artifacts" / f"mlops-gitops-report ({name})" / f"{name}.json"
            kept.parent.mkdir(parents=True)
            kept.write_text(json.dumps(document))

    def run(self, steps: str, *, token: str = "", secrets: dict[str, str] | None = None) -> Ran:
        payload = pull_request(title=self.pull.title, branch="better")
        payload["pull_request"]["head"]["sha"] = self.head
        mine = token or self.hub.token("actions", repositories=(REPOSITORY,), pulls="write", workflows="read")
        return run(
            steps,
            product=self.product,
            folder=self.folder / "run",
            event="pull_request",
            payload=payload,
            environ={
                "ARTIFACTS": str(self.folder / "artifacts"),
                "GITHUB_SERVER_URL": self.hub.url,
                "GITHUB_API_URL": self.hub.api_url,
                "GITHUB_GRAPHQL_URL": self.hub.graphql_url,
                "GITHUB_RUN_ID": "100",
                "GITHUB_WORKFLOW": "checks",
            },
            secrets={"GITHUB_TOKEN": mine, **(secrets or {})},
        )


@pytest.fixture
def site(product: Path, tmp_path: Path) -> Iterator[Site]:
    with fakehub.serve(tmp_path / "hub") as hub:
        yield Site(hub, product, tmp_path)


def test_the_example_of_its_page_and_then_candidates_compared_by_evidence(site: Site) -> None:
    document: Any = candidates.made(1).document()
    document["spec"]["source"]["revision"] = site.head
    ranked = candidates.entered(Estate.new(), 1, 0.75, change=0.01, about=Release.from_value(document))
    site.hub.create(ENVIRONMENTS, dict(ranked.files))
    app = site.hub.token("app", repositories=(ENVIRONMENTS,))
    where = {"environments": site.hub.git_url(ENVIRONMENTS), "token": "${{ secrets.APP }}"}
    ran = site.run(
        example_step("report") + step("report", ident="report_again") + step("report", ident="report_board", **where),
        secrets={"APP": app},
    )
    assert ran.failures() == {}
    said, again, board = (ran.outputs(one) for one in ("report", "report_again", "report_board"))
    assert (said["result"], said["comment"], said["left-out"]) == ("failed", "created", "1")
    (other,) = ran.document("report", "report-path")["leftOut"]
    assert other["file"].endswith("/gate.json"), "its reviews are those of pull request 7"
    assert again["comment"] == "unchanged"
    assert board["comment"] == "updated"
    (comment,) = site.pull.comments
    assert said["comment-url"].endswith(f"#issuecomment-{comment.id}")
    assert "Leaderboard of <code>flight&#45;delays</code>" in comment.body
    (ranks,) = ran.document("report_board", "report-path")["leaderboards"]
    assert [one["pullRequest"] for one in ranks["groups"][0]["entrants"]] == [1]
    shown = (ran.collected / Path(said["folder"]).name / "comment.md").read_text(encoding="utf-8")
    assert "Leaderboard" not in shown


def test_a_fork_and_a_token_for_nobody(site: Site) -> None:
    """A token that only reads is told and fails nothing; one that has no repository to go to is not sent anywhere."""
    ran = site.run(
        example_step("report") + step("report", ident="report_nowhere", tolerant=True, token="a-token"),
        token=site.hub.token("fork", repositories=(REPOSITORY,)),
    )
    assert (ran.outputs("report")["comment"], site.pull.comments) == ("denied", [])
    assert ran.steps["report"]["outcome"] == "success"
    folder = ran.collected / Path(ran.outputs("report")["folder"]).name
    assert "Candidate against champion" in (folder / "summary.md").read_text(encoding="utf-8")
    assert ran.failures()["report_nowhere"]["code"] == "input"
