"""``reconcile`` and ``promote`` by pull request, through the command line, on a GitHub over real git."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import estate
import fakehub
from estate import MODEL, Estate
from fakehub import Fault, Hub
from hubs import NAME, clean
from mlops_gitops.manifests.rendering import render
from mlops_gitops.promotion import layout
from shells import Shell
from workshops import LOGINS, environments, trust


@dataclass
class Office:
    """A GitHub with an environment repository, and a shell of the bot's."""

    hub: Hub
    shell: Shell
    tick: int = 0

    def publish(self, version: str = "1.0.0", supersedes: str | None = None) -> str:
        made = estate.release(version, supersedes=supersedes, content=version[2])
        files = {path: data.decode() for path, data in Estate({}).with_release(made).files.items()}
        self.hub.commit(NAME, files, by="ada-example")
        return made.id

    def approve(self, number: int, *who: str) -> None:
        for one in who:
            self.hub.review(NAME, number, LOGINS[one])

    def reconcile(self, *words: str) -> dict[str, object]:
        self.shell.time = max(self.shell.time, datetime.now(UTC))
        found: dict[str, object] = self.shell.json("reconcile", *words)
        return found

    def verbs(self) -> list[str]:
        return [one["verb"] for one in self.reconcile()["did"]]  # type: ignore[index,attr-defined]


def office_of(hub: Hub, folder: Path, policies: dict[str, dict[str, object]]) -> Office:
    files = {**Estate.new(policies).files, layout.TRUST: render(trust())}
    hub.create(NAME, {path: data.decode() for path, data in files.items()})
    for login in LOGINS.values():
        hub.user(login)
    environ = {
        **clean(folder),
        "MG_ENVIRONMENTS": hub.git_url(NAME),
        "MG_FORGE": "github",
        "MG_CACHE": str(folder / "cache"),
        "MG_GITHUB_TOKEN": hub.token("app", repositories=(NAME,)),
        "GITHUB_SERVER_URL": f"http://{urlsplit(hub.url).netloc}",
        "GITHUB_API_URL": hub.api_url,
        "GITHUB_GRAPHQL_URL": hub.graphql_url,
    }
    return Office(hub, Shell(folder, folder, environ, datetime.now(UTC)))


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with fakehub.serve(tmp_path / "hub", now=lambda: datetime.now(UTC)) as hub:
        yield office_of(
            hub, tmp_path, environments(gates=[{"approvals": {"quorum": 2, "groups": [{"name": "risk", "min": 1}]}}])
        )


def test_a_release_goes_to_production_when_two_people_approved_its_pull_request(office: Office) -> None:
    release = office.publish()
    found = office.reconcile()
    assert [one["verb"] for one in found["did"]] == ["promoted", "promoted", "opened"]  # type: ignore[index,attr-defined]
    pull = office.hub.pull(NAME, 1)
    assert pull.title == f"Promote {MODEL} 1.0.0 to prod"
    office.approve(1, "grace")
    assert office.verbs() == ["recorded", "updated"]
    assert office.verbs() == []
    office.approve(1, "katherine")
    assert office.verbs() == ["recorded", "merged", "sealed", "deleted"]
    assert office.verbs() == []
    assert office.shell("verify") == 0, office.shell.out
    status = office.shell.json("status")
    assert {one["environment"]: one["release"] for one in status["slots"]}["prod"] == release


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_a_merge_by_a_person_is_sealed_if_it_was_right(office: Office, method: str) -> None:
    office.publish()
    office.reconcile()
    office.approve(1, "grace", "katherine")
    office.hub.human_merge(NAME, 1, by=LOGINS["ada"], method=method)  # type: ignore[arg-type]
    assert office.shell("verify") == 1
    assert office.verbs() == ["recorded", "sealed", "deleted"]
    assert office.shell("verify") == 0, office.shell.out


def test_a_merge_by_a_person_that_was_not_right_is_told_with_what_to_do(office: Office) -> None:
    first = office.publish()
    office.reconcile()
    office.approve(1, "grace", "katherine")
    office.reconcile()
    office.publish("1.1.0", first)
    office.reconcile()
    office.hub.human_merge(NAME, 2, by=LOGINS["ada"])
    assert office.shell("reconcile") == 1
    assert "merged and not sealed: when it was merged, the policy did not allow it" in office.shell.out
    assert f"`mlops-gitops rollback {MODEL} --in prod" in office.shell.out
    assert office.shell("verify") == 1
    assert office.reconcile()["result"] == "refused"


def test_promote_prints_the_pull_request_and_says_not_yet(office: Office) -> None:
    office.publish()
    assert office.shell("promote", "--all") == 0
    assert office.shell("promote", MODEL, "--to", "prod") == 4
    assert f"{NAME}/pull/1" in office.shell.out
    found = office.shell.json("promote", MODEL, "--to", "prod")
    assert (found["result"], found["pullRequest"].endswith(f"/{NAME}/pull/1")) == ("proposed", True)
    office.approve(1, "grace", "katherine")
    assert office.shell("promote", MODEL, "--to", "prod") == 0
    assert office.shell("verify") == 0


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [("PUT", "*/merge", ""), ("POST", "*/pulls", ""), ("*", "*", "CreateCommit"), ("*", "*", "StartBranch")],
)
def test_an_answer_that_is_lost_is_found_by_reading(office: Office, method: str, path: str, operation: str) -> None:
    office.publish()
    arm = {"operation": operation} if operation else {"method": method, "path": path}
    office.hub.arm(Fault(lose_answer=True), **arm)
    office.shell("reconcile")
    office.shell("reconcile")
    office.approve(1, "grace", "katherine")
    office.shell("reconcile")
    office.shell("reconcile")
    assert office.verbs() == []
    assert office.shell("verify") == 0, office.shell.out
    assert len(office.hub.repositories[NAME].pulls) == 1


def test_without_a_forge_the_words_are_clear(office: Office) -> None:
    office.publish()
    repository = str(office.hub.folder_of(NAME))
    office.shell.environ = {**office.shell.environ, "MG_FORGE": "none", "MG_ENVIRONMENTS": repository}
    assert office.shell("reconcile") == 2
    assert "no forge was named, and pull requests live on one" in office.shell.out
    assert office.shell.out.count("promoted") == 2


def test_a_dry_run_needs_no_key_and_changes_nothing(office: Office) -> None:
    office.publish()
    before = office.hub.tip(NAME)
    assert office.shell("reconcile", "--dry-run") == 0
    assert f"{MODEL} → dev: would be promoted" in office.shell.out
    assert office.reconcile("--dry-run")["result"] == "planned"
    assert office.hub.tip(NAME) == before
