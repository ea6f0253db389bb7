"""Whatever status a git server answers a push with: it is overcome or told, and nothing moves twice or unseen."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import estate
from estate import NOW, Estate
from mlops_gitops.adapters.git import Repository
from mlops_gitops.errors import WorldFailed
from mlops_gitops.promotion import apply, layout, publish
from mlops_gitops.promotion.apply import Answered, Wish
from mlops_gitops.promotion.transaction import Settled
from mlops_gitops.promotion.verify import verify
from servers.git_http import Fault, GitServer, serve

STATUSES = (401, 403, 404, 409, 422, 429, 500, 502, 503)
NAME = "environments"


def model(status: int) -> str:
    return f"model-{status}"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    start = Estate.new()
    for status in STATUSES:
        start = start.with_files(publish.release_files(estate.release(model=model(status))))
    with serve(tmp_path / "served") as running:
        running.create(NAME, start.files)
        yield running


@pytest.fixture
def repository(server: GitServer, tmp_path: Path) -> Iterator[Repository]:
    """With the base known."""
    made = Repository(server.url_of(NAME), branch="main", cache=tmp_path / "cache", environ=os.environ)
    made.fetch()
    yield made
    made.close()


def promote(repository: Repository, status: int) -> Settled[tuple[Answered, ...]]:
    wishes = [Wish(model(status), "dev")]
    return apply.promote(repository, lambda _: wishes, signer=estate.signer("ci"), now=lambda: NOW)


def moved(server: GitServer, status: int) -> int:
    folder = layout.receipts("dev", model(status))
    return sum(path.startswith(f"{folder}/") for path in server.files(NAME))


@pytest.mark.parametrize(
    ("ahead", "advertises"),
    [(True, True), (True, False), (False, False)],
    ids=["the question ahead", "the write after it", "the write of git push"],
)
def test_a_server_that_refuses(server: GitServer, repository: Repository, *, advertises: bool, ahead: bool) -> None:
    for status in STATUSES:
        if ahead:
            repository.expect_push()
            assert repository._errand is not None
            if not advertises:
                repository._errand.tip("refs/heads/main")
        before = server.tip(NAME)
        server.arm(Fault(status=status), advertises=advertises, times=99)
        with pytest.raises(WorldFailed, match="could not write to branch main") as told:
            promote(repository, status)
        assert told.value.hint
        assert (server.tip(NAME), moved(server, status)) == (before, 0)
        server._armed.clear()
        settled = promote(repository, status)
        assert (settled.commit, moved(server, status)) == (server.tip(NAME), 1)
        assert promote(repository, status).commit is None
    checked = verify(repository, repository.fetch())
    assert (checked.problems, checked.receipts) == ((), len(STATUSES))
