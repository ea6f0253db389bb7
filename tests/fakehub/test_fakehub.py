"""The fake does what GitHub does, where this project relies on it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

import fakehub
from fakehub import Fault, Hub, objects

NAME = "org/environments"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with fakehub.serve(tmp_path / "hub") as served:
        served.create(NAME, {"a.txt": "one\n", "b.txt": "one\n"})
        yield served


def ask(hub: Hub, method: str, path: str, token: str, body: Any = None) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.request(method, f"{hub.api_url}{path}", json=body, headers=headers, timeout=20)


def query(hub: Hub, token: str, text: str, **variables: Any) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}"}
    body = {"query": text, "variables": variables}
    found: dict[str, Any] = requests.post(hub.graphql_url, json=body, headers=headers, timeout=20).json()
    return found


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_a_merge_is_a_real_three_way_merge(hub: Hub, method: str) -> None:
    hub.commit(NAME, {"a.txt": "two\n"}, branch="side", by="ada")
    pull = hub.open(NAME, "side", by="ada")
    tip = hub.commit(NAME, {"b.txt": "two\n"})
    done = ask(hub, "PUT", f"/repos/{NAME}/pulls/1/merge", hub.token("app"), {"merge_method": method, "sha": pull.head})
    assert done.status_code == 200
    made = objects.commit(hub.folder_of(NAME), done.json()["sha"])
    assert made.parents[0] == tip
    assert len(made.parents) == (2 if method == "merge" else 1)
    assert (hub.read(NAME, "a.txt"), hub.read(NAME, "b.txt")) == (b"two\n", b"two\n")
    assert [one.number for one in [pull] if one.merged] == [1]


def test_a_conflict_and_a_head_that_moved_are_told_apart(hub: Hub) -> None:
    token = hub.token("app")
    hub.commit(NAME, {"a.txt": "two\n"}, branch="side", by="ada")
    old = hub.open(NAME, "side", by="ada").head
    hub.commit(NAME, {"a.txt": "three\n"})
    assert ask(hub, "PUT", f"/repos/{NAME}/pulls/1/merge", token, {"sha": old}).status_code == 405
    hub.commit(NAME, {"a.txt": "four\n"}, branch="side", by="ada")
    moved = ask(hub, "PUT", f"/repos/{NAME}/pulls/1/merge", token, {"sha": old})
    assert moved.status_code == 409
    assert moved.json()["message"] == "Head branch was modified. Review and try the merge again."


def test_a_pull_request_that_a_push_brings_in_is_marked_as_merged(hub: Hub) -> None:
    hub.commit(NAME, {"a.txt": "two\n"}, branch="side", by="ada")
    pull = hub.open(NAME, "side", by="ada")
    environ = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "http.extraHeader"}
    secret = base64.b64encode(f"x-access-token:{hub.token('user', login='grace')}".encode()).decode()
    environ["GIT_CONFIG_VALUE_0"] = f"Authorization: Basic {secret}"
    objects.git(
        "push",
        "--quiet",
        hub.git_url(NAME),
        f"{pull.head}:refs/heads/main",
        folder=hub.folder_of(NAME),
        environ=environ,
    )
    assert (pull.state, pull.merged, pull.merged_by) == ("closed", True, "grace")


def test_a_branch_moved_to_where_its_base_is_closes_the_pull_request(hub: Hub) -> None:
    hub.commit(NAME, {"a.txt": "two\n"}, branch="side", by="ada")
    pull = hub.open(NAME, "side", by="ada")
    tip = hub.tip(NAME)
    ask(hub, "PATCH", f"/repos/{NAME}/git/refs/heads/side", hub.token("app"), {"sha": tip, "force": True})
    assert (pull.state, pull.merged) == ("closed", False)


def test_authors_cannot_approve_and_reviews_keep_their_place(hub: Hub) -> None:
    hub.commit(NAME, {"a.txt": "two\n"}, branch="side", by="ada")
    hub.open(NAME, "side", by="ada")
    with pytest.raises(fakehub.Refused, match="your own"):
        hub.review(NAME, 1, "ada")
    first = hub.review(NAME, 1, "grace")
    hub.review(NAME, 1, "grace", "CHANGES_REQUESTED")
    hub.dismiss(NAME, 1, first.id)
    listed = ask(hub, "GET", f"/repos/{NAME}/pulls/1/reviews", hub.token("app")).json()
    assert [one["state"] for one in listed] == ["DISMISSED", "CHANGES_REQUESTED"]


COMMIT = """mutation C($input: CreateCommitOnBranchInput!) { createCommitOnBranch(input: $input) { commit { oid } } }"""


def written(hub: Hub, token: str, expected: str, content: bytes = b"two\n") -> dict[str, Any]:
    addition = {"path": "a.txt", "contents": base64.b64encode(content).decode()}
    branch = {"repositoryNameWithOwner": NAME, "branchName": "main"}
    wanted = {
        "branch": branch,
        "expectedHeadOid": expected,
        "message": {"headline": "Write"},
        "fileChanges": {"additions": [addition]},
    }
    return query(hub, token, COMMIT, input=wanted)


def test_a_commit_through_the_api_is_verified_and_a_compare_and_swap(hub: Hub) -> None:
    token, tip = hub.token("app"), hub.tip(NAME)
    made = written(hub, token, tip)["data"]["createCommitOnBranch"]["commit"]["oid"]
    assert hub.tip(NAME) == made
    told = ask(hub, "GET", f"/repos/{NAME}/commits/{made}", token).json()
    assert told["commit"]["verification"]["verified"] is True
    late = written(hub, token, tip)
    assert late["data"] == {"createCommitOnBranch": None}
    assert late["errors"][0]["type"] == "STALE_DATA"
    assert hub.tip(NAME) == made


def test_a_query_of_a_field_that_is_not_there_fails(hub: Hub) -> None:
    told = query(hub, hub.token("app"), 'query Q { repository(owner: "org", name: "environments") { colour } }')
    assert "Cannot query field 'colour'" in told["errors"][0]["message"]


@pytest.mark.parametrize(
    ("kind", "status"),
    [("fork", 403), ("expired", 401), ("stranger", 404), ("app", 201), ("actions", 201), ("user", 201)],
)
def test_each_kind_of_token_is_answered_as_github_answers_it(hub: Hub, kind: Any, status: int) -> None:
    hub.commit(NAME, {"a.txt": "two\n"}, branch="side", by="ada")
    body = {"head": "side", "base": "main", "title": "x"}
    assert ask(hub, "POST", f"/repos/{NAME}/pulls", hub.token(kind), body).status_code == status


def test_an_app_sees_only_the_repositories_that_it_is_installed_on(hub: Hub) -> None:
    hub.create("org/other")
    token = hub.token("app", repositories=("org/other",))
    assert ask(hub, "GET", f"/repos/{NAME}", token).status_code == 404
    assert ask(hub, "GET", "/repos/org/other", token).status_code == 200
    told = query(hub, token, 'query Q { repository(owner: "org", name: "environments") { id } }')
    assert told["errors"][0]["type"] == "NOT_FOUND"


def test_what_github_token_does_starts_no_workflow(hub: Hub) -> None:
    written(hub, hub.token("actions"), hub.tip(NAME))
    assert hub.started == []
    written(hub, hub.token("app"), hub.tip(NAME), b"three\n")
    assert hub.started == [("push", NAME, "main")]


def test_teams_can_be_read_by_an_app_and_not_by_github_token(hub: Hub) -> None:
    hub.team("org/risk", "grace", "katherine")
    assert ask(hub, "GET", "/orgs/org/teams/risk/members", hub.token("actions")).status_code == 403
    found = ask(hub, "GET", "/orgs/org/teams/risk/members?per_page=1", hub.token("app"))
    assert [one["login"] for one in found.json()] == ["grace"]
    assert found.links["next"]["url"].startswith(f"{hub.api_url}/orgs/")


def test_urls_lead_back_to_the_fake(hub: Hub) -> None:
    hub.commit(NAME, {"a.txt": "two\n"}, branch="side", by="ada")
    hub.open(NAME, "side")
    told = ask(hub, "GET", f"/repos/{NAME}/pulls/1", hub.token("app")).json()
    assert told["url"] == f"{hub.api_url}/repos/{NAME}/pulls/1"
    assert told["head"]["repo"]["url"].startswith(f"{hub.url}/api/v3/")


def test_faults_are_armed_for_what_they_fit_and_then_gone(hub: Hub) -> None:
    token = hub.token("app")
    hub.arm(Fault(status=502), method="GET", path="/repos/*/pulls")
    hub.arm(Fault(lose_answer=True), operation="C")
    assert ask(hub, "GET", f"/repos/{NAME}", token).status_code == 200
    assert ask(hub, "GET", f"/repos/{NAME}/pulls", token).status_code == 502
    assert ask(hub, "GET", f"/repos/{NAME}/pulls", token).status_code == 200
    before = hub.tip(NAME)
    with pytest.raises(requests.ConnectionError):
        written(hub, token, before)
    assert hub.tip(NAME) != before, "the work was done, and only the answer is lost"
    assert hub.asked()[-1] == "C"


def test_without_the_prefix_paths_are_those_of_github_com(tmp_path: Path) -> None:
    with fakehub.serve(tmp_path / "hub", prefix="") as hub:
        hub.create(NAME)
        token = hub.token("app")
        assert ask(hub, "GET", f"/repos/{NAME}", token).json()["url"] == f"{hub.url}/repos/{NAME}"
        assert "errors" not in query(hub, token, "query Q { viewer { login } }")
