"""The verbs on an environment repository that lives on GitHub."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

import estate
import fakehub
import outputs
from estate import MODEL, Estate
from fakehub import Fault, Hub
from hubs import NAME, clean
from mlops_gitops.cli.main import main
from mlops_gitops.cli.world import World


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    bare = Estate.new().with_release(estate.release()).bare(tmp_path / "made")
    folder = tmp_path / "hub" / f"{NAME}.git"
    folder.parent.mkdir(parents=True)
    bare.rename(folder)
    with fakehub.serve(tmp_path / "hub") as served:
        served.adopt(NAME)
        yield served


def world(hub: Hub, home: Path, **extra: str) -> World:
    home.mkdir(exist_ok=True)
    environ = {
        **clean(home),
        "MG_ENVIRONMENTS": hub.git_url(NAME),
        "MG_KEY": "env:PROMOTER",
        "PROMOTER": estate.pem("ci"),
        "GITHUB_SERVER_URL": hub.url,
        "GITHUB_API_URL": hub.api_url,
        "GITHUB_GRAPHQL_URL": hub.graphql_url,
        "USER": "ada",
        **extra,
    }
    moment = estate.NOW + timedelta(minutes=5)
    return World(environ, lambda: moment, home, io.StringIO(), io.StringIO())


def said(of: World) -> str:
    return f"{of.out.getvalue()}{of.err.getvalue()}"  # type: ignore[attr-defined]


def test_a_promotion_is_a_verified_commit_through_one_call(hub: Hub, tmp_path: Path) -> None:
    here = world(hub, tmp_path / "home", GITHUB_TOKEN=hub.token("app"))
    assert main(["promote", MODEL, "--to", "dev", "--format", "json"], here) == 0, said(here)
    told = json.loads(here.out.getvalue())  # type: ignore[attr-defined]
    assert told["commit"] == hub.tip(NAME)
    made = fakehub.objects.commit(hub.folder_of(NAME), told["commit"])
    assert made.committer == fakehub.objects.WEB_FLOW
    assert hub.asked() == ["CreateCommit"]
    outputs.check("promote", told)
    again = world(hub, tmp_path / "home", GITHUB_TOKEN=hub.token("app"))
    assert main(["verify"], again) == 0, said(again)


def test_without_a_forge_the_same_is_a_push(hub: Hub, tmp_path: Path) -> None:
    token = hub.token("app")
    hub.repositories[NAME].private = False
    url = hub.git_url(NAME).replace("http://", f"http://x:{token}@")
    here = world(hub, tmp_path / "home", MG_ENVIRONMENTS=url, GITHUB_TOKEN=token)
    assert main(["promote", MODEL, "--to", "dev", "--forge", "none"], here) == 0, said(here)
    assert hub.calls == []
    assert token not in said(here)


def test_a_token_that_may_not_write_is_told_what_it_lacks_and_nothing_moves(hub: Hub, tmp_path: Path) -> None:
    tip, token = hub.tip(NAME), hub.token("fork")
    here = world(hub, tmp_path / "home", MG_GITHUB_TOKEN=token)
    assert main(["promote", MODEL, "--to", "dev"], here) == 5
    assert "contents: write" in said(here)
    assert token not in said(here)
    assert hub.tip(NAME) == tip


def test_a_runner_that_dies_after_the_write_finds_it_done(hub: Hub, tmp_path: Path) -> None:
    token = hub.token("app")
    hub.arm(Fault(lose_answer=True), operation="CreateCommit")
    first = world(hub, tmp_path / "home", GITHUB_TOKEN=token)
    assert main(["promote", MODEL, "--to", "dev"], first) == 0, said(first)
    tip = hub.tip(NAME)
    again = world(hub, tmp_path / "other", GITHUB_TOKEN=token)
    assert main(["promote", MODEL, "--to", "dev"], again) == 0, said(again)
    assert hub.tip(NAME) == tip


def test_the_doctor_asks_github_only_when_told_to(hub: Hub, tmp_path: Path) -> None:
    token = hub.token("app")
    quiet = world(hub, tmp_path / "home", GITHUB_TOKEN=token)
    assert main(["doctor"], quiet) == 0
    assert (hub.calls, hub.requests) == ([], [])
    online = world(hub, tmp_path / "home", GITHUB_TOKEN=token)
    assert main(["doctor", "--online", "--format", "json"], online) == 0
    told = json.loads(online.out.getvalue())  # type: ignore[attr-defined]
    outputs.check("doctor", told)
    found = told["needs"][-1]
    assert (found["name"], found["found"], found["detail"]) == ("GitHub", True, f"{NAME} can be read")
    assert hub.asked() == ["Branch"]


@pytest.mark.parametrize(
    ("kind", "words"),
    [("expired", "expired, revoked or mistyped"), ("stranger", "App is not installed"), (None, "set MG_GITHUB_TOKEN")],
)
def test_the_doctor_says_what_is_wrong_with_the_token(hub: Hub, tmp_path: Path, kind: str | None, words: str) -> None:
    extra = {"GITHUB_TOKEN": hub.token(kind)} if kind else {}  # type: ignore[arg-type]
    here = world(hub, tmp_path / "home", **extra)
    assert main(["doctor", "--online"], here) == 0
    assert words in said(here)
    assert all(token not in said(here) for token in extra.values())


def test_a_forge_that_is_asked_for_and_cannot_be_had_is_wrong_usage(hub: Hub, tmp_path: Path) -> None:
    here = world(hub, tmp_path / "home", MG_FORGE="github")
    assert main(["status"], here) == 2
    assert "there is no token for GitHub" in said(here)
