"""``reconcile`` against GitHub's API over real git: from a release to a sealed promotion that ``verify`` believes."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import estate
import fakehub
import workshops
from estate import Estate
from fakehub import Fault, Hub
from hubs import BRANCH, NAME, clean
from mlops_gitops.adapters.git_credentials import header
from mlops_gitops.manifests.rendering import render
from mlops_gitops.promotion import layout
from shells import Shell


class Place:
    """A GitHub with one release, a policy that wants pull requests in prod, and a runner with the token of an App."""

    def __init__(self, hub: Hub, folder: Path) -> None:
        self.hub = hub
        start = Estate.new(workshops.environments()).with_release(estate.release())
        hub.create(NAME, {**start.files, layout.TRUST: render(workshops.trust())})
        home = folder / "home"
        home.mkdir()
        environ = {
            **clean(home),
            "MG_ENVIRONMENTS": hub.git_url(NAME),
            "MG_CACHE": str(folder / "cache"),
            "MG_GITHUB_TOKEN": hub.token("app", repositories=(NAME,)),
            "GITHUB_SERVER_URL": hub.url,
            "GITHUB_API_URL": hub.api_url,
            "GITHUB_GRAPHQL_URL": hub.graphql_url,
            "USER": "ada",
        }
        self.shell = Shell(home, Path(), environ, time=estate.NOW)
        hub.now = self.shell.now

    def reconcile(self) -> tuple[int, Any]:
        code = self.shell("reconcile", "--format", "json", key="ci")
        return code, json.loads(self.shell.out)

    def approve(self) -> None:
        for who in ("grace", "katherine"):
            self.hub.review(NAME, 1, workshops.LOGINS[who])

    @property
    def pull(self) -> fakehub.Pull:
        return self.hub.pull(NAME, 1)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with fakehub.serve(tmp_path / "hub") as hub:
        yield Place(hub, tmp_path)


def test_a_release_is_proposed_approved_merged_and_sealed(place: Place) -> None:
    code, told = place.reconcile()
    assert code == 0, told
    assert (place.pull.state, place.pull.branch) == ("open", BRANCH)
    assert place.hub.asked().count("CreatePull") == 1
    quiet = len(place.hub.calls)
    assert place.reconcile()[0] == 0
    assert place.hub.asked(since=quiet) == ["OpenPulls"], "nothing has changed, so nothing is written"
    place.approve()
    code, told = place.reconcile()
    assert code == 0, told
    assert place.pull.merged
    assert place.shell("verify") == 0, place.shell.out
    assert [path for path in place.hub.files(NAME) if path.startswith("seals/prod/")] != []
    tip, calls = place.hub.tip(NAME), len(place.hub.calls)
    assert place.reconcile()[0] == 0
    assert place.hub.tip(NAME) == tip
    assert place.hub.asked(since=calls) == ["OpenPulls"]


@pytest.mark.parametrize("operation", ["OpenPulls", "CreateCommit", "WriteAside", "MoveBranch", "CreatePull"])
def test_an_answer_that_was_lost_changes_nothing_in_the_end(place: Place, operation: str) -> None:
    place.hub.arm(Fault(lose_answer=True), operation=operation)
    place.reconcile()
    code, told = place.reconcile()
    assert code == 0, told
    place.approve()
    place.hub.arm(Fault(lose_answer=True), method="PUT", path="*/merge")
    place.reconcile()
    code, told = place.reconcile()
    assert code == 0, told
    assert [(one.number, one.merged) for one in place.hub.repositories[NAME].pulls.values()] == [(1, True)]
    assert place.shell("verify") == 0, place.shell.out


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_a_merge_by_a_person_is_found_and_sealed_if_the_reviews_allow_it(place: Place, method: Any) -> None:
    place.reconcile()
    place.approve()
    place.hub.human_merge(NAME, 1, by="katherine", method=method)
    code, told = place.reconcile()
    assert code == 0, told
    assert place.shell("verify") == 0, place.shell.out


def test_a_reviewer_who_pushes_our_commit_again_under_our_name_is_the_last_pusher(place: Place) -> None:
    """Byte for byte the same proposal, so it is taken for ours; but who approves has pushed it."""
    place.reconcile()
    repository = place.hub.repositories[NAME]
    old = place.hub.tip(NAME, BRANCH)
    found = fakehub.objects.commit(repository.folder, old)
    us = ("promoter[bot]", "promoter[bot]@users.noreply.github.com")
    made = fakehub.objects.write_commit(
        repository.folder, found.tree, list(found.parents), message="Again\n", author=us, committer=us,
        date=place.hub.date(),
    )  # fmt: skip
    fakehub.references.moved(place.hub, repository, [(BRANCH, old, fakehub.objects.ZERO)], "grace-example", check=True)
    fakehub.references.moved(place.hub, repository, [(BRANCH, fakehub.objects.ZERO, made)], "grace-example", check=True)
    place.reconcile()
    for who in ("grace", "katherine"):
        place.hub.review(NAME, 2, workshops.LOGINS[who])
    code, told = place.reconcile()
    assert code == 0, told
    assert not place.hub.pull(NAME, 2).merged
    (waiting,) = told["pullRequests"]
    assert any("pushed last" in one["reason"] for one in waiting["reasons"]), waiting
    assert [one["verb"] for one in place.reconcile()[1]["did"]] == []


SPY = """#!/bin/sh
printf '%s\\n' "$*" >> "$SPY_LOG.argv"
env >> "$SPY_LOG.environ"
exec "$SPY_GIT" "$@"
"""


def test_no_key_and_no_token_is_in_the_arguments_environment_or_words(tmp_path: Path) -> None:
    real = shutil.which("git")
    assert real
    spy = tmp_path / "spy"
    spy.mkdir()
    (spy / "git").write_text(SPY)
    (spy / "git").chmod(0o755)
    search = f"{spy}{os.pathsep}{os.environ['PATH']}"
    with fakehub.serve(tmp_path / "hub") as hub:
        place = Place(hub, tmp_path)
        place.shell.environ |= {"PATH": search, "SPY_LOG": str(tmp_path / "log"), "SPY_GIT": real}
        assert place.reconcile()[0] == 0
        told = place.shell.out + place.shell.err
        place.approve()
        hub.arm(fakehub.Fault(status=403, message="Bad credentials for x"), method="PUT", path="*/merge", times=9)
        place.reconcile()
        told += place.shell.out + place.shell.err
    token = place.shell.environ["MG_GITHUB_TOKEN"]
    arguments = (tmp_path / "log.argv").read_text()
    seen = (tmp_path / "log.environ").read_text()
    secret = header(token).rpartition(" ")[2]
    assert "fetch" in arguments
    for text in (arguments, told):
        assert token not in text
        assert secret not in text
    line = estate.pem("ci").splitlines()[1]
    assert line not in arguments + seen + told
    assert token not in seen, "as a header for one URL, and in no other form"
