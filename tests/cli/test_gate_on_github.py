"""``gate`` against GitHub's API over real git: what people say there, down to what ``verify`` makes of it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import estate
import fakehub
import reviewers
from fakehub import Hub
from mlops_gitops.manifests.rendering import render
from reviewers import RELEASE, project
from shells import Shell

NAME, BRANCH = "airline/environments", "promote/prod/flight-delays"
BASE = reviewers.start().with_files({**project(), ".github/CODEOWNERS": b"/trust/ @airline/platform\n"})


class Forge:
    """A GitHub with the promotion of the release on a pull request of an App."""

    def __init__(self, hub: Hub, folder: Path) -> None:
        self.hub = hub
        hub.create(NAME, dict(BASE.files))
        after = reviewers.with_receipt(BASE, RELEASE)
        changed: dict[str, Any] = {path: data for path, data in after.files.items() if data != BASE.files.get(path)}
        hub.commit(NAME, changed, branch=BRANCH, by="promoter-example", message="Promote\n")
        self.number = hub.open(NAME, BRANCH, by="promoter-example").number
        environ = {
            **{name: os.environ[name] for name in ("PATH", "HOME")},
            "MG_ENVIRONMENTS": hub.git_url(NAME),
            "MG_CACHE": str(folder / "cache"),
            "MG_GITHUB_TOKEN": hub.token("app", repositories=(NAME,)),
            "GITHUB_SERVER_URL": hub.api_url.removesuffix("/api/v3").rstrip("/"),
            "GITHUB_API_URL": hub.api_url,
            "GITHUB_GRAPHQL_URL": hub.graphql_url,
            "USER": "grace",
        }
        here = folder / "here"
        here.mkdir()
        self.shell = Shell(here, Path(), environ, time=datetime.now(UTC))

    def says(self, who: str, state: str = "APPROVED") -> None:
        self.hub.review(NAME, self.number, f"{who}-example", state)

    def gate(self, *words: str) -> tuple[int, Any]:
        code = self.shell("gate", "--pull-request", str(self.number), "--format", "json", *words, key="reviews")
        return code, json.loads(self.shell.out)


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    with fakehub.serve(tmp_path / "hub") as hub:
        yield Forge(hub, tmp_path)


def test_reviews_become_evidence_that_promotes(forge: Forge) -> None:
    code, found = forge.gate()
    assert (code, found["result"]) == (4, "pending"), found
    forge.says("grace")
    forge.says("ada")
    code, found = forge.gate()
    assert (code, found["parts"][0]["approved"]) == (4, ["grace"])
    assert "ada-example wrote the release, and does not count" in found["parts"][0]["notCounted"]
    forge.says("katherine")
    code, found = forge.gate("--record")
    assert (code, found["result"], len(found["recorded"])) == (0, "pass", 1)
    assert forge.gate("--record")[1]["recorded"] == []
    forge.says("katherine", "CHANGES_REQUESTED")
    code, found = forge.gate("--record")
    assert (code, found["result"], len(found["recorded"])) == (1, "fail", 1)
    assert forge.shell("promote", "flight-delays", "--to", "prod") == 1, forge.shell.out
    assert "katherine requests changes" in forge.shell.out
    forge.says("katherine")
    assert forge.gate("--record")[0] == 0
    assert forge.shell("promote", "flight-delays", "--to", "prod") == 0, forge.shell.out + forge.shell.err
    assert forge.shell("verify") == 0, forge.shell.out


def test_a_push_after_the_approvals(forge: Forge) -> None:
    forge.says("grace")
    forge.says("katherine")
    assert forge.gate()[0] == 0
    forge.hub.commit(NAME, {"environments/prod/flight-delays/kustomization.yaml": b"{}\n"}, branch=BRANCH, by="eve")
    code, found = forge.gate()
    assert (code, found["parts"][0]["approved"]) == (4, [])
    assert any("not the head any more" in one for one in found["parts"][0]["notCounted"])


def test_a_dismissed_review(forge: Forge) -> None:
    forge.says("grace")
    forge.says("katherine")
    last = forge.hub.pull(NAME, forge.number).reviews[-1]
    forge.hub.dismiss(NAME, forge.number, last.id)
    code, found = forge.gate()
    assert (code, found["parts"][0]["approved"]) == (4, ["grace"])


def test_the_policy_and_a_pointer_in_one_pull_request(forge: Forge) -> None:
    lower = render(estate.environment("prod", gates="none"))
    forge.hub.commit(NAME, {"environments/prod/environment.yaml": lower}, branch=BRANCH, by="eve")
    forge.says("grace")
    forge.says("katherine")
    code, found = forge.gate()
    assert (code, "together with" in found["error"]["message"]) == (1, True)


def test_the_policy_alone_is_judged_by_those_who_own_it(forge: Forge) -> None:
    lower = render(estate.environment("prod", gates="none"))
    forge.hub.commit(NAME, {"environments/prod/environment.yaml": lower}, branch="lower", by="eve", base="main")
    number = forge.hub.open(NAME, "lower", by="eve").number
    forge.number = number
    forge.says("grace")
    assert forge.gate()[0] == 4
    forge.says("hedy")
    code, found = forge.gate()
    assert (code, found["parts"][0]["approved"]) == (0, ["hedy"])


def test_a_pull_request_of_models_is_read_with_the_token_of_its_own_repository(forge: Forge) -> None:
    """That of the environment repository is limited to it, and is shown to nothing else."""
    hub, models = forge.hub, "airline/models"
    hub.create(models, {**project(), "README.md": b"Models.\n"})
    hub.commit(models, {"README.md": b"Better models.\n"}, branch="words", by="eve")
    forge.number = hub.open(models, "words", by="eve").number
    own = hub.token("actions", repositories=(models,), contents="read", pulls="read")
    forge.shell.environ.update(GITHUB_REPOSITORY=models, GITHUB_TOKEN=own)
    assert forge.gate()[0] == 4
    hub.review(models, forge.number, "hedy-example")
    code, found = forge.gate()
    assert (code, found["parts"][0]["approved"]) == (0, ["hedy"]), "known by the trust of the environment repository"
    forge.shell.environ["MG_ENVIRONMENTS"] = hub.git_url(models)
    del forge.shell.environ["MG_GITHUB_TOKEN"]
    code, found = forge.gate()
    assert (code, found["parts"][0]["approved"]) == (0, ["hedy-example"]), "and without it by what the policy lists"
