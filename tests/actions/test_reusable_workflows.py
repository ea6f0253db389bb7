"""From a pull request to production and back, through the workflows that ``init workflows`` writes, run by act.

What counts is what the two repositories, the pull requests and the files of the jobs hold afterwards.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from committed import MODEL, files
from company import ENVIRONMENTS, MODELS, Company, Ran, reusable
from workflows import ROOT

import estate
import fakehub
import workshops
from fakehub import Fault, Pull
from mlops_gitops.manifests.rendering import render
from mlops_gitops.promotion import layout
from prose import fences

HOSTILE = (
    "$(touch pwned)`touch pwned` ${{ github.token }} ::set-output name=models::x ::add-mask::a @airline/risk </details>"
)
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

    def propose_readme(self) -> Pull:
        """A pull request that touches no model."""
        self.hub.commit(MODELS, {"README.md": "Hello.\n"}, branch="words", by=ADA)
        return self.hub.open(MODELS, "words", by=ADA, title=HOSTILE)

    def check(self, pull: Pull, *, token: str = "", event: str = "pull_request", **more: Any) -> Ran:
        """The checks of a pull request; ``token`` is what GitHub gives the run."""
        mine = token or self.hub.token("actions", repositories=(MODELS,), contents="read", pulls="write")
        payload = self.payload(MODELS, pull)
        return self.run("model-pull-request", event, payload, commit=pull.head, token=mine, **more)

    def release(self, before: str, *, token: str = "", known: Mapping[str, str] | None = None, **more: Any) -> Ran:
        """The push of a merge; the App's key stands for its token, and ``known`` are more secrets."""
        tip = self.hub.tip(MODELS)
        mine = self.hub.token("actions", repositories=(MODELS,), contents="read", pulls="none")
        secrets = {"RELEASER_APP_KEY": token or self.app, "TESTS_KEY": estate.pem("ci"), **(known or {})}
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

    def bring_to_prod(self, version: str) -> None:
        """Another version, all the way."""
        before = self.hub.tip(MODELS)
        self.hub.commit(MODELS, files(version), by=ADA)
        assert self.release(before).job("release").outputs("release")["result"] == "released"
        assert self.reconcile().succeeded
        for who in ((GRACE,), (GRACE, KATHERINE)):
            self.approve(*who)
            assert self.reconcile().succeeded

    def roll_back(self, reason: str) -> Ran:
        """The workflow of the guide, started by a person."""
        tip = self.hub.commit(ENVIRONMENTS, {".github/workflows/rollback.yml": example("run-reconcile", "rollback")})
        asked = {"model": MODEL, "environment": "prod", "reason": reason}
        return self.run(
            "rollback", "workflow_dispatch", {"inputs": asked, "ref": "refs/heads/main"}, commit=tip,
            repository=ENVIRONMENTS, token=self.hub.token("actions", repositories=(ENVIRONMENTS,), contents="read"),
            secrets={"PROMOTER_APP_KEY": self.app, "PROMOTION_KEY": estate.pem("ci")},
            variables={"PROMOTER_APP_ID": "promoter"},
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


def example(page: str, name: str) -> str:
    """A workflow as a guide shows it."""
    text = (ROOT / "docs" / "how-to" / f"{page}.md").read_text(encoding="utf-8")
    (found,) = [one for one in fences(text, "yaml") if one.startswith(f"name: {name}\n")]
    return found


@pytest.fixture
def airline(product: Path, tmp_path: Path) -> Iterator[Airline]:
    with fakehub.serve(tmp_path / "hub") as hub:
        made = Airline(hub, tmp_path, product)
        made.open_for_business()
        yield made


def gate_of(ran: Ran) -> tuple[bool, dict[str, str]]:
    """Whether the required check passed, and what it was told of the others."""
    job = ran.job("gate")
    return job.steps["0"]["outcome"] == "success", {name: one["result"] for name, one in job.needs.items()}


def untouched(ran: Ran, *secrets: str) -> None:
    """Nothing that a job of the run has left holds a secret, and nothing hostile was executed."""
    for job in ran.jobs:
        assert (job.folder / "pwned").read_text() == ""
        for path in job.folder.iterdir():
            text = path.read_text(errors="replace")
            if path.name == "steps.json":  # GitHub masks the output of the action that makes the App's token
                text = json.dumps({name: one for name, one in job.steps.items() if name != "app"})
            assert not [one for one in secrets if one in text], path


def test_from_a_pull_request_to_production_and_back(airline: Airline) -> None:
    hub = airline.hub
    before = hub.tip(MODELS)

    pull = airline.propose("1.0.1")
    ran = airline.check(pull)
    assert ran.succeeded, ran.said[-3000:]
    assert gate_of(ran) == (
        True,
        {"plan": "success", "validate": "success", "check": "success", "champion": "skipped", "approvals": "skipped"},
    )
    assert json.loads(ran.job("plan").outputs("plan")["models"]) == [MODEL]
    assert ran.job("check").outputs("test")["result"] == "passed"
    (comment,) = pull.comments
    assert ran.job("report").outputs("report")["comment"] == "created"
    assert "roc" in comment.body
    assert sorted(one.name for one in ran.artifacts.iterdir()) == [
        f"mlops-gitops-pages of {MODEL}", "mlops-gitops-report (manifests)", f"mlops-gitops-report of {MODEL}",
        "mlops-gitops-summary",
    ]  # fmt: skip
    pages = ran.artifacts / f"mlops-gitops-pages of {MODEL}"
    assert [one.name for one in pages.rglob("*.xml")] == ["junit.xml"]
    assert "44 checks" in (ran.artifacts / "mlops-gitops-summary" / "summary.md").read_text()

    hub.review(MODELS, 1, GRACE)
    hub.human_merge(MODELS, 1, by=ADA)  # who merges is the author of what is released, and does not approve it later
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
    first = airline.runs("prod")

    airline.bring_to_prod("1.0.2")
    assert airline.runs("prod") == "1.0.2"

    ran = airline.roll_back("late $(touch pwned) `id` ::set-output name=result::x")
    assert ran.succeeded, ran.said[-3000:]
    assert airline.runs("prod") == first
    assert airline.below("controls/prod/") == [f"controls/prod/{MODEL}.yaml"]
    assert airline.reconcile().succeeded
    assert airline.runs("prod") == first, "what was taken back is not promoted forward again"


def test_a_candidate_is_shown_against_what_runs_by_a_job_that_runs_none_of_its_code(airline: Airline) -> None:
    hub, before = airline.hub, airline.hub.tip(MODELS)
    hub.commit(MODELS, files("1.0.1"), by=ADA)
    assert airline.release(before).succeeded
    assert airline.reconcile().succeeded
    demanding = estate.environment("dev", gates=[{"evidence": "model-tests"}, {"evidence": "comparison"}])
    hub.commit(ENVIRONMENTS, {"environments/dev/environment.yaml": render(demanding)})
    reader = hub.token("app", repositories=(ENVIRONMENTS,), contents="read", pulls="none")
    given = {"variables": {"ENVIRONMENTS_URL": airline.url}, "secrets": {"ENVIRONMENTS_READ_TOKEN": reader}}

    pull, tip = airline.propose("1.0.2"), hub.tip(ENVIRONMENTS)
    ran = airline.check(pull, **given)
    assert ran.succeeded, ran.said[-3000:]
    compared = ran.job("champion").outputs("champion")
    assert (compared["result"], compared["commit"], hub.tip(ENVIRONMENTS)) == ("planned", "", tip)
    (comment,) = pull.comments
    assert "**Candidate against champion (release" in comment.body
    planned = comment.body.partition("**When this is merged and released**")[2]
    assert re.search(r"⏳ <code>dev</code> waits with <code>1&#46;0&#46;2</code>\n  - <code>promotion</code>", planned)
    untouched(ran, reader)
    assert reader not in (ran.collected / "prepared").read_text()

    fork = airline.propose("1.0.2", fork=True)
    ran = airline.check(fork, token=hub.token("fork", repositories=(MODELS,)), variables=given["variables"])
    assert "champion" not in ran.names()
    assert gate_of(ran)[0]


def test_a_fork_gets_every_check_and_can_reach_nothing(airline: Airline) -> None:
    """Hostile words in title and body, a token that only reads, and no secret."""
    token = airline.hub.token("fork", repositories=(MODELS,))
    pull = airline.propose("1.0.1", fork=True)
    ran = airline.check(pull, token=token)
    assert ran.succeeded, ran.said[-3000:]
    passed, results = gate_of(ran)
    assert (passed, results["check"]) == (True, "success")
    report = ran.job("report").outputs("report")
    assert (report["result"], report["comment"], pull.comments) == ("passed", "denied", [])
    assert "44 checks" in (ran.artifacts / "mlops-gitops-summary" / "summary.md").read_text()
    untouched(ran, estate.pem("ci").splitlines()[1], airline.app)
    assert not [line for line in (ran.collected / "prepared").read_text().splitlines() if line.startswith("INPUT_")]
    assert token not in (ran.collected / "prepared").read_text(), "code of the pull request sees no token"


def test_a_job_without_the_permission_says_so_and_fails_nothing(airline: Airline) -> None:
    """And nothing that is touched is a reason to pass."""
    pull = airline.propose_readme()
    token = airline.hub.token("actions", repositories=(MODELS,), contents="read", pulls="read")
    ran = airline.check(pull, token=token)
    assert ran.names() == ["gate", "plan", "report", "validate"]
    assert gate_of(ran)[0]
    assert ran.job("report").outputs("report")["comment"] == "denied"
    assert pull.comments == []


def test_a_review_is_heard_in_the_model_repository_also_one_that_withdraws(airline: Airline) -> None:
    """A check that were skipped for a review would be green from then on."""
    hub, name = airline.hub, ".github/workflows/model-pull-request.yml"
    caller = (hub.read(MODELS, name) or b"").decode()
    caller = caller.replace("[pull_request, ", "[pull_request, pull_request_review, ")
    caller = caller.replace("prepare: true", "prepare: true, approvals: true")
    review = {"quorum": 1, "groups": [{"name": "risk", "min": 1, "members": [GRACE]}]}
    project = {
        "apiVersion": "mlops-gitops/v1",
        "kind": "Project",
        "spec": {"environments": airline.url, "review": review},
    }
    hub.commit(MODELS, {name: caller, "mlops-gitops.yaml": render(project)})
    pull, given = airline.propose_readme(), {"variables": {"ENVIRONMENTS_URL": airline.url}}

    def judged(event: str) -> tuple[bool, str]:
        passed, results = gate_of(airline.check(pull, event=event, **given))
        return passed, results["approvals"]

    assert judged("pull_request") == (False, "failure"), "nobody has approved"
    hub.review(MODELS, pull.number, GRACE)
    assert judged("pull_request_review") == (True, "success")
    hub.review(MODELS, pull.number, GRACE, "CHANGES_REQUESTED")
    assert judged("pull_request_review") == (False, "failure")

    soft = {"mlops-gitops.yaml": render({**project, "spec": {"environments": airline.url, "review": "none"}})}
    hub.commit(MODELS, soft, branch="soft", base=hub.tip(MODELS))
    hub.commit(MODELS, {"LICENSE": "Free.\n"}, branch="more-words", by=ADA)
    pull = hub.open(MODELS, "more-words", by=ADA, base="soft")
    assert judged("pull_request") == (False, "failure"), "its base can be changed once it has passed"


def test_code_of_a_model_reaches_no_job_with_a_key_through_a_link_that_was_committed(
    airline: Airline, tmp_path: Path
) -> None:
    """What the first job leaves is unpacked over the checkout: through a link it would lie where a program is run."""
    hub, before, outside = airline.hub, airline.hub.tip(MODELS), tmp_path / "outside"
    outside.mkdir()
    action = ".github/actions/prepare-model/action.yml"
    takes = f"rm models/{MODEL}/more; mkdir models/{MODEL}/more; echo pwned >models/{MODEL}/more/launch"
    prepare = (hub.read(MODELS, action) or b"").decode().replace("env >", f"{takes}\n        env >")
    hub.commit(MODELS, {**files("1.0.1"), action: prepare}, by=ADA)
    clone = tmp_path / "clone"
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-C", str(clone)]
    _git("clone", "--quiet", str(hub.folder_of(MODELS)), str(clone))
    (clone / "models" / MODEL / "more").symlink_to(outside)
    _git("-C", str(clone), "add", "--all")
    _git(*who, "commit", "--quiet", "--message", "A link")
    _git("-C", str(clone), "push", "--quiet", "origin", "HEAD:main")
    ran = airline.release(before)
    assert not ran.succeeded
    assert "release" not in ran.job("release").steps or not ran.job("release").outputs("release")
    assert list(outside.iterdir()) == []


def _git(*words: str) -> None:
    subprocess.run(["git", *words], check=True, capture_output=True)


def test_one_comment_whatever_runs_again(airline: Airline) -> None:
    """A model that fails, the same run once more, then a commit that mends it."""

    def worse(spec: dict[str, Any]) -> None:
        spec["tests"]["data"].update(rows={"min": 9000})

    pull = airline.propose("1.0.1", also=files("1.0.1", change=worse))
    ran = airline.check(pull, run=7)
    passed, results = gate_of(ran)
    assert (passed, results["check"], ran.succeeded) == (False, "failure", False)
    (comment,) = pull.comments
    assert "9,000 rows" in comment.body or "9&#44;000 rows" in comment.body
    again = airline.check(pull, run=7, attempt=2)
    assert again.job("report").outputs("report")["comment"] == "updated"
    airline.hub.commit(MODELS, files("1.0.1"), branch="change", by=ADA)
    mended = airline.check(pull, run=8)
    assert gate_of(mended)[0]
    assert [one.id for one in pull.comments] == [comment.id]
    assert "9&#44;000 rows" not in pull.comments[0].body


def test_the_merge_queue_asks_both_repositories(airline: Airline) -> None:
    hub, before = airline.hub, airline.hub.tip(MODELS)
    pull = airline.propose("1.0.1")
    named = f"refs/heads/gh-readonly-queue/main/pr-1-{before}"
    group = {"head_sha": pull.head, "head_ref": named, "base_sha": before, "base_ref": "refs/heads/main"}
    token = hub.token("actions", repositories=(MODELS,), contents="read", pulls="write")
    ran = airline.run("model-pull-request", "merge_group", {"merge_group": group}, commit=pull.head, token=token)
    assert ran.succeeded, ran.said[-3000:]
    assert json.loads(ran.job("plan").outputs("plan")["models"]) == [MODEL]
    assert gate_of(ran)[0]
    assert pull.comments == [], "a queue has no pull request to write on"

    hub.human_merge(MODELS, 1, by=ADA)
    airline.release(before)
    airline.reconcile()
    airline.approve(GRACE)
    waiting, base = airline.waiting(), hub.tip(ENVIRONMENTS)
    group |= {"head_sha": waiting.head, "base_sha": base, "head_ref": named.replace(before, base)}
    token = hub.token("actions", repositories=(ENVIRONMENTS,), contents="read", pulls="read")
    ran = airline.run(
        "environment-gate", "merge_group", {"merge_group": group}, commit=waiting.head, repository=ENVIRONMENTS,
        token=token,
    )  # fmt: skip
    assert gate_of(ran)[0], ran.job("reviews").outputs("gate")


def test_a_run_that_is_cancelled_leaves_nothing_and_can_run_again(airline: Airline, tmp_path: Path) -> None:
    pull = airline.propose("1.0.1")
    hold = tmp_path / "hold"
    ran = airline.check(pull, run=7, environ={"HOLD": str(hold)}, cut_off=hold.exists)
    assert not ran.succeeded
    assert not gate_of(ran)[0], "what was cut off is not what passed"
    again = airline.check(pull, run=7, attempt=2)
    assert gate_of(again)[0]
    assert len(pull.comments) == 1


def test_two_at_once_one_cut_off_and_one_whose_token_has_expired(airline: Airline) -> None:
    hub, before = airline.hub, airline.hub.tip(MODELS)
    hub.commit(MODELS, files("1.0.1"), by=ADA)
    nowhere = airline.run(
        "model-release", "push", {"after": hub.tip(MODELS)}, commit=hub.tip(MODELS), token=airline.app
    )
    assert (nowhere.succeeded, nowhere.names()) == (True, ["plan"]), "nobody has said where to release to"
    expired = hub.token("expired")
    tip = hub.tip(ENVIRONMENTS)
    ran = airline.release(before, token=expired)
    assert not ran.succeeded
    assert ran.job("release").outputs("release")["result"] == "error"
    assert hub.tip(ENVIRONMENTS) == tip
    assert airline.release(before).succeeded

    tip, asked = hub.tip(ENVIRONMENTS), threading.Event()
    ran = airline.reconcile(token=expired)
    assert (ran.succeeded, hub.tip(ENVIRONMENTS)) == (False, tip)
    assert ran.job("reconcile").outputs("reconcile")["result"] == "error"
    untouched(ran, estate.pem("ci").splitlines()[1], expired)

    hub.arm(Fault(before=lambda: (asked.set(), time.sleep(2))), operation="CreateCommit")
    ran = airline.reconcile(cut_off=asked.is_set)
    assert not ran.succeeded

    with ThreadPoolExecutor() as pool:
        both = list(pool.map(lambda _: airline.reconcile(), range(2)))
    assert [one.succeeded for one in both] == [True, True], [one.said[-2000:] for one in both]
    assert airline.runs("dev") == "1.0.1"
    assert len(airline.below("receipts/dev/")) == 1
    assert len(hub.repositories[ENVIRONMENTS].pulls) == 1


@pytest.mark.skipif(not os.environ.get("MG_EXHAUSTIVE"), reason="MG_EXHAUSTIVE=1 runs the longer forms")
def test_thirty_models_at_once_are_thirty_jobs_and_the_worst_decides(airline: Airline) -> None:
    def worse(spec: dict[str, Any]) -> None:
        spec["tests"]["data"].update(rows={"min": 9000})

    many = {path: data for number in range(30) for path, data in files("1.0.1", name=f"model-{number:02}").items()}
    pull = airline.propose("1.0.1", also={**many, **files("1.0.1", name="model-17", change=worse)})
    ran = airline.check(pull)
    results = {one.entry["name"]: one.outputs("test")["result"] for one in ran.jobs if one.name == "check"}
    assert len(results) == 31
    assert [name for name, result in results.items() if result != "passed"] == ["model-17"]
    assert not gate_of(ran)[0]
    assert len(pull.comments) == 1
