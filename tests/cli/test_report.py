"""``report`` from a folder to a comment on a pull request."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import candidates
import fakehub
import scorecard_examples as examples
from estate import NOW, Estate
from fakehub import Fault, Hub
from mlops_gitops.manifests.release import Release
from shells import Shell

NAME = "airline/models"


class Place:
    """A model repository on GitHub with one pull request, and a runner with the reports of its jobs."""

    def __init__(self, hub: Hub, folder: Path, documents: dict[str, Any]) -> None:
        self.hub = hub
        hub.create(NAME, {"README.md": "models\n"})
        self.head = hub.commit(NAME, {"a": "b\n"}, branch="better", by="ada")
        self.number = hub.open(NAME, "better", title="Better `$(id)`").number
        here = folder / "here"
        for name, document in documents.items():
            (here / "reports" / name).mkdir(parents=True)
            (here / "reports" / name / f"{name}.json").write_text(json.dumps(document))
        environ = {
            **{name: os.environ[name] for name in ("PATH", "HOME")},
            "GITHUB_SERVER_URL": hub.api_url.removesuffix("/api/v3").rstrip("/"),
            "GITHUB_API_URL": hub.api_url,
            "GITHUB_GRAPHQL_URL": hub.graphql_url,
            "GITHUB_REPOSITORY": NAME,
            "GITHUB_RUN_ID": "100",
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_WORKFLOW": "checks",
            "GITHUB_TOKEN": hub.token("actions", repositories=(NAME,), workflows="read"),
            "MG_GITHUB_TOKEN": "of-the-environments",
        }
        for run in (99, 100, 101):
            hub.repository(NAME).runs[run] = {"workflow_id": 1, "head_sha": self.head, "run_attempt": 1}
        self.shell = Shell(here, Path(), environ, time=datetime.now(UTC))

    def report(self, *words: str) -> tuple[int, Any]:
        code = self.shell(
            "report", "reports", "--output", "shown", "--comment", "--pull-request", str(self.number), "--head",
            self.head, "--format", "json", *words,
        )  # fmt: skip
        return code, json.loads(self.shell.out)

    @property
    def comments(self) -> list[str]:
        return [one.body for one in self.hub.pull(NAME, self.number).comments]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with fakehub.serve(tmp_path / "hub") as hub:
        yield Place(hub, tmp_path, examples.bad())


def test_everything_is_written_and_the_comment_is_the_same_as_the_file(place: Place) -> None:
    code, found = place.report()
    assert (code, found["answer"], found["comment"]["result"]) == (1, "fail", "created")
    assert found["written"] == ["report.json", "comment.md", "summary.md", "annotations.txt", "metrics-1.svg"]
    shown = place.shell.folder / "shown"
    assert sorted(one.name for one in shown.iterdir()) == sorted(found["written"])
    (said,) = place.comments
    assert said.partition("\n")[2].strip() == (shown / "comment.md").read_text().strip()
    assert found["comment"]["url"].endswith(
        f"/pull/{place.number}#issuecomment-{place.hub.pull(NAME, 1).comments[0].id}"
    )
    assert "the comment" in place.shell.err or "commented" in place.shell.err


def test_again_and_an_older_run(place: Place) -> None:
    place.report()
    assert place.report()[1]["comment"]["result"] == "unchanged"
    place.shell.environ["GITHUB_RUN_ID"] = "99"
    assert place.report()[1]["comment"]["result"] == "older"
    place.shell.environ["GITHUB_RUN_ID"] = "101"
    assert place.report()[1]["comment"]["result"] == "updated"
    place.hub.commit(NAME, {"a": "c\n"}, branch="better", by="ada")
    place.shell.environ["GITHUB_RUN_ID"] = "102"
    assert place.report()[1]["comment"]["result"] == "older"
    assert len(place.comments) == 1


def test_a_fork_has_no_comment_and_all_the_rest(place: Place) -> None:
    place.shell.environ["GITHUB_TOKEN"] = place.hub.token("fork")
    code, found = place.report()
    assert (code, found["comment"]["result"], place.comments) == (1, "denied", [])
    assert "pull-requests: write" in found["comment"]["note"]
    assert (place.shell.folder / "shown" / "summary.md").stat().st_size > 1000


@pytest.mark.parametrize("kind", ["expired", "stranger"])
def test_a_token_that_is_none_is_a_failure_after_everything_was_written(place: Place, kind: fakehub.Kind) -> None:
    place.shell.environ["GITHUB_TOKEN"] = place.hub.token(kind)
    code, found = place.report()
    assert (code, found["comment"]["result"]) == (5, "failed")
    assert place.shell.environ["GITHUB_TOKEN"] not in place.shell.out + place.shell.err
    assert (place.shell.folder / "shown" / "summary.md").exists()


def test_github_that_does_not_answer(place: Place) -> None:
    place.hub.arm(Fault(status=401), operation="Conversation")
    assert place.report()[0] == 5


def test_without_a_comment_nothing_is_asked_of_anybody(place: Place) -> None:
    assert place.shell("report", "reports", "--format", "json") == 1
    assert place.hub.calls == []


@pytest.mark.parametrize("form", ["text", "github", "markdown"])
def test_forms_that_are_printed(place: Place, form: str) -> None:
    assert place.shell("report", "reports", "--format", form) == 1
    assert "is not ready" in place.shell.out


@pytest.mark.parametrize(
    "words",
    [
        ("--repository", "a b"), ("--head", "main"), ("--pull-request", "0"), ("--run", "x"), ("--run", "1.2.3"),
        ("--output", "reports/shown"), ("--output", "reports"), ("--pull-request", "99"), ("--run", "0"),
    ],
)  # fmt: skip
def test_wrong_usage_writes_no_comment(place: Place, words: tuple[str, ...]) -> None:
    code, found = place.report(*words)
    assert (code, "error" in found, place.comments) == (2, True, [])


def test_a_folder_that_cannot_be_written(place: Place) -> None:
    (place.shell.folder / "file").write_text("")
    code, found = place.report("--output", "file")
    assert (code, found["error"]["code"], place.comments) == (5, "report", [])


def test_a_link_in_the_place_of_a_file_is_replaced_and_not_followed(place: Place, tmp_path: Path) -> None:
    (place.shell.folder / "shown").mkdir()
    (tmp_path / "kept").write_text("kept")
    (place.shell.folder / "shown" / "comment.md").symlink_to(tmp_path / "kept")
    place.report()
    assert (tmp_path / "kept").read_text() == "kept"


@pytest.mark.parametrize(
    ("documents", "words", "code"),
    [(examples.good(), (), 0), (examples.bad(), (), 1), (examples.good(), ("--expect", "gate"), 4), ({}, (), 4)],
)
def test_the_exit_code_is_the_answer(
    tmp_path: Path, documents: dict[str, Any], words: tuple[str, ...], code: int
) -> None:
    (tmp_path / "reports").mkdir()
    for name, document in documents.items():
        (tmp_path / "reports" / f"{name}.json").write_text(json.dumps(document))
    shell = Shell(tmp_path, Path(), {"PATH": os.environ["PATH"]}, time=datetime.now(UTC))
    assert shell("report", "reports", "--format", "json", *words) == code


def test_a_leaderboard_of_open_pull_requests(place: Place, tmp_path: Path) -> None:
    where = Estate.new()
    release = candidates.made(1)
    document = release.document()
    document["spec"]["source"]["revision"] = place.head
    where = candidates.entered(where, 1, 0.75, change=0.01, about=Release.from_value(document))
    environments = where.bare(tmp_path)
    place.hub.commit(NAME, {"c": "d\n"}, branch="other", by="ada")
    place.hub.open(NAME, "other")
    place.shell.time = NOW
    code, found = place.report("--leaderboard", "--environments", str(environments))
    (board,) = found["leaderboards"]
    assert (code, [one["pullRequest"] for one in board["groups"][0]["entrants"]]) == (1, [1])
    assert [one["pullRequest"] for one in board["absent"]] == [2]
    assert "Leaderboard of <code>flight&#45;delays</code>" in place.comments[0]


def test_a_leaderboard_that_cannot_be_made_takes_nothing_else_away(place: Place, tmp_path: Path) -> None:
    code, found = place.report("--leaderboard", "--environments", str(tmp_path / "nowhere.git"))
    assert (code, found["leaderboards"], found["comment"]["result"]) == (1, [], "created")
    assert "No leaderboard could be made" in place.comments[0]
