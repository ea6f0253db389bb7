"""From a pull request to production and back, through the workflows that ``init workflows`` writes, run by act.

What counts is what the two repositories, the pull requests and the files of the jobs hold afterwards.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from committed import MODEL, files
from company import ENVIRONMENTS, MODELS, Company, Ran, reusable

import estate
import fakehub
import workshops
from fakehub import Fault, Pull
from mlops_gitops.manifests.rendering import render
from mlops_gitops.promotion import layout

EXHAUSTIVE = bool(os.environ.get("MG_EXHAUSTIVE"))
HOSTILE = "$(touch pwned)`touch pwned` ${{ github.token }} ::set-output name=models::x ::add-mask::a @airline/risk </details>"
ADA, GRACE, KATHERINE = (workshops.LOGINS[one] for one in ("ada", "grace", "katherine"))


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reusable workflows of this checkout."""
    return reusable(tmp_path_factory.mktemp("product") / "v1")


class Airline(Company):
    """The company with one model, three environments, and the people of the estate."""

    def open_for_business(self) -> None:
        def gates(quorum: int, *groups: str) -> dict[str, Any]:
            named = [{"name": one, "min": 1} for one in groups]
            wanted = {"quorum": quorum, "maxAge": "P7D", **({"groups": named} if named else {})}
            asked = {"promotion": "automatic", "mode": "pull-request"}
            return {**asked, "gates": [{"evidence": "model-tests"}, {"approvals": wanted}]}

        policies = {
            "dev": estate.environment("dev", promotion="automatic"),
            "staging": estate.environment("staging", after=["dev"], **gates(1)),
            "prod": estate.environment("prod", after=["staging"], **gates(2, "risk")),
        }
        start = estate.Estate.new(policies).files | {layout.TRUST: render(workshops.trust())}
        project = f"apiVersion: mlops-gitops/v1\nkind: Project\nspec: {{environments: {self.url}, review: none}}\n"
        self.start(files("1.0.0"), {**start, "mlops-gitops.yaml": project})
        for who, login in workshops.LOGINS.items():
            self.hub.user(login, f"{who}@example.com")
        self.app = self.hub.token("app", repositories=(ENVIRONMENTS,))

    # --- the model repository

    def propose(self, version: str, *, branch: str = "change", fork: bool = False, **more: Any) -> Pull:
        """Somebody opens a pull request with another version of the model."""
        if fork:
            name = self.hub.fork(MODELS, "stranger")
            self.hub.commit(name, {**files(version), **more.get("also", {})}, branch=branch, by="stranger")
            from fakehub import pulls

            return pulls.open_pull(
                self.hub, self.hub.repository(MODELS), "stranger", branch, base="main", title=HOSTILE, body=HOSTILE,
                head_repository=name,
            )  # fmt: skip
        self.hub.commit(MODELS, {**files(version), **more.get("also", {})}, branch=branch, by=ADA)
        return self.hub.open(MODELS, branch, by=ADA, title=more.get("title", "Another version"))

    def check(self, pull: Pull, *, token: str = "", **more: Any) -> Ran:
        """The checks of a pull request; ``token`` is what GitHub gives the run."""
        mine = token or self.hub.token("actions", repositories=(MODELS,), contents="read", pulls="write")
        payload = self.payload(MODELS, pull)
        return self.run("model-pull-request", "pull_request", payload, commit=pull.head, token=mine, **more)

    def release(self, before: str, *, token: str = "", **more: Any) -> Ran:
        """The push of a merge; the App's key stands for its token."""
        tip = self.hub.tip(MODELS)
        mine = self.hub.token("actions", repositories=(MODELS,), contents="read", pulls="none")
        secrets = {"RELEASER_APP_KEY": token or self.app, "TESTS_KEY": estate.pem("ci")}
        payload = {"before": before, "after": tip, "ref": "refs/heads/main", "repository": {"full_name": MODELS}}
        return self.run(
            "model-release", "push", payload, commit=tip, token=mine, secrets=secrets,
            variables={"RELEASER_APP_ID": "releaser", "ENVIRONMENTS_URL": self.url}, **more,
        )  # fmt: skip

    # --- the environment repository

    def reconcile(self, *, event: str = "push", token: str = "", pull: Pull | None = None, **more: Any) -> Ran:
        """The workflow that moves things."""
        tip = self.hub.tip(ENVIRONMENTS)
        mine = self.hub.token("actions", repositories=(ENVIRONMENTS,), contents="read", pulls="none", workflows="write")
        payload = self.payload(ENVIRONMENTS, pull) if pull else {"before": tip, "after": tip, "ref": "refs/heads/main"}
        secrets = {"PROMOTER_APP_KEY": token or self.app, "PROMOTION_KEY": estate.pem("ci")}
        return self.run(
            "environment-reconcile", event, payload, commit=tip, repository=ENVIRONMENTS, token=mine,
            secrets={} if pull else secrets, variables={"PROMOTER_APP_ID": "promoter"}, **more,
        )  # fmt: skip

    def judge(self, pull: Pull, event: str = "pull_request") -> Ran:
        """The gate of a pull request to the environment repository."""
        mine = self.hub.token("actions", repositories=(ENVIRONMENTS,), contents="read", pulls="read")
        payload = self.payload(ENVIRONMENTS, pull)
        return self.run(
            "environment-gate", event, payload, commit=pull.head, repository=ENVIRONMENTS, token=mine
        )  # fmt: skip

    def payload(self, repository: str, pull: Pull) -> dict[str, Any]:
        """What GitHub tells of an event about a pull request."""
        head = {"full_name": pull.head_repository, "fork": pull.head_repository != repository}
        base = {"ref": pull.base, "sha": self.hub.tip(repository), "repo": {"full_name": repository}}
        told = {"number": pull.number, "title": pull.title, "body": pull.body}
        told |= {"head": {"ref": pull.branch, "sha": pull.head, "repo": head}, "base": base}
        return {"action": "synchronize", "number": pull.number, "pull_request": told,
                "repository": {"full_name": repository, "default_branch": "main"}}  # fmt: skip

    def waiting(self) -> Pull:
        """The one open pull request of the environment repository."""
        (found,) = [one for one in self.hub.repositories[ENVIRONMENTS].pulls.values() if one.state == "open"]
        return found

    def runs(self, environment: str) -> str | None:
        """The version that runs in an environment."""
        found = self.hub.read(ENVIRONMENTS, f"environments/{environment}/{MODEL}/release.yaml")
        return None if found is None else str(yaml.safe_load(found)["data"]["version"])

    def below(self, prefix: str) -> list[str]:
        return [path for path in self.hub.files(ENVIRONMENTS) if path.startswith(prefix)]

    def approve(self, *who: str) -> Pull:
        pull = self.waiting()
        for one in who:
            self.hub.review(ENVIRONMENTS, pull.number, one)
        return pull


Made = Callable[[], Airline]


@pytest.fixture
def airline(product: Path, tmp_path: Path) -> Iterator[Airline]:
    with fakehub.serve(tmp_path / "hub") as hub:
        made = Airline(hub, tmp_path, product)
        made.open_for_business()
        yield made


def gate_of(ran: Ran) -> tuple[bool, dict[str, str]]:
    """Whether the required check passed, and what it was told of the others."""
    job = ran.job("gate")
    return not job.failed, {name: one["result"] for name, one in job.needs.items()}


def no_secrets(ran: Ran, *secrets: str) -> None:
    """Nothing that a job of the run has left holds a secret, and nothing hostile was executed."""
    for job in ran.jobs:
        assert (job.folder / "pwned").read_text() == ""
        for path in job.folder.iterdir():
            assert not [one for one in secrets if one and one in path.read_text(errors="replace")], path


def test_from_a_pull_request_to_production_and_back(airline: Airline) -> None:
    hub = airline.hub
    before = hub.tip(MODELS)

    pull = airline.propose("1.0.1")
    ran = airline.check(pull)
    assert ran.succeeded, ran.said[-3000:]
    assert gate_of(ran) == (True, {"plan": "success", "validate": "success", "check": "success", "approvals": "skipped"})
    assert json.loads(ran.job("plan").outputs("plan")["models"]) == [MODEL]
    assert ran.job("check").outputs("test")["result"] == "passed"
    (comment,) = pull.comments
    assert ran.job("report").outputs("report")["comment"] == "created"
    assert "roc" in comment.body
    assert sorted(one.name for one in ran.artifacts.iterdir()) == [
        "mlops-gitops-report (manifests)", f"mlops-gitops-report of {MODEL}", "mlops-gitops-summary",
    ]  # fmt: skip
    assert "44 checks" in (ran.artifacts / "mlops-gitops-summary" / "summary.md").read_text()

    hub.review(MODELS, 1, GRACE)
    hub.human_merge(MODELS, 1, by=ADA)  # whoever merges is the author of what is released, and does not count as approver
    ran = airline.release(before)
    assert ran.succeeded, ran.said[-3000:]
    released = ran.job("release").outputs("release")
    assert released["result"] == "released"
    assert airline.below(f"releases/{MODEL}/") == [f"releases/{MODEL}/{released['release']}.yaml"]

    assert airline.reconcile().succeeded
    assert (airline.runs("dev"), airline.runs("staging")) == ("1.0.1", None)
    staging = airline.waiting()
    passed, _ = gate_of(airline.judge(staging))
    assert not passed, "nobody has approved"
    airline.approve(GRACE)
    ran = airline.judge(staging, "pull_request_review")
    assert gate_of(ran)[0], ran.job("reviews").outputs("gate")

    woken = airline.reconcile(event="pull_request_review", pull=staging)
    assert woken.names() == ["wake"]
    assert hub.started[-1] == ("workflow_dispatch", ENVIRONMENTS, "environment-reconcile.yml")
    assert airline.runs("staging") is None, "a review alone moves nothing"
    assert airline.reconcile(event="workflow_dispatch").succeeded
    assert (staging.merged, airline.runs("staging"), airline.runs("prod")) == (True, "1.0.1", None)

    airline.approve(GRACE, KATHERINE)
    assert airline.reconcile(event="schedule").succeeded
    assert airline.runs("prod") == "1.0.1"
    assert len(airline.below("seals/prod/")) == 1

