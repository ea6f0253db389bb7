"""How often each verb that writes asks a git server whose newest commit this machine knows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import estate
from estate import MODEL, Estate
from mlops_gitops.cli import preflight
from servers.git_http import PUSH, READ, GitServer, serve
from shells import Shell

ASK, WRITE = (PUSH, True), (PUSH, False)
NEWER = estate.release("1.1.0", supersedes=estate.release().id, content="b")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with serve(tmp_path / "served") as running:
        yield running


@pytest.fixture
def shell(server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Two releases in dev, one after the other; the second may go to staging."""
    monkeypatch.setattr(preflight, "loads", lambda _: lambda _: None)  # they have no files that could be loaded
    start = Estate.new().with_release(estate.release()).with_release(NEWER)
    environ = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "MG_CACHE": str(tmp_path / "cache"), "USER": "ada",
        "MG_ENVIRONMENTS": server.create("environments", start.files),
    }  # fmt: skip
    made = Shell(tmp_path, server.folder_of("environments"), environ)
    for one in (estate.release(), NEWER):
        assert made("promote", MODEL, "--to", "dev", "--release", one.id) == 0, made.err
    server.requests.clear()
    return made


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (("promote", MODEL, "--to", "staging"), "ci"),
        (("rollback", MODEL, "--in", "dev", "--reason", "late"), "ci"),
        (("control", "hold", MODEL, "--in", "dev", "--reason", "late"), "ci"),
        (("approve", MODEL, "--to", "prod", "--release", NEWER.id), "grace"),
    ],
    ids=lambda one: one[0],
)
def test_what_writes_asks_twice(words: tuple[str, ...], key: str, shell: Shell, server: GitServer) -> None:
    assert shell(*words, key=key) == 0, shell.err
    assert [(one.service, one.advertises) for one in server.requests] == [ASK, WRITE]


def test_a_rollback_that_nothing_demands_asks_once(shell: Shell, server: GitServer) -> None:
    assert shell("rollback", "--due") == 0, shell.err
    assert [(one.service, one.advertises) for one in server.requests] == [ASK]


def test_a_plan_of_a_rollback_does_not_ask_whether_it_may_write(shell: Shell, server: GitServer) -> None:
    assert shell("rollback", MODEL, "--in", "dev", "--reason", "late", "--dry-run") == 0, shell.err
    assert {one.service for one in server.requests} == {READ}
