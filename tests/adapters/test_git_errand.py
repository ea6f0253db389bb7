"""The first request of a push, made ahead: what it saves, and that it changes nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import estate
from estate import MODEL, NOW, Estate
from mlops_gitops.adapters.git import Repository
from mlops_gitops.promotion import apply
from mlops_gitops.promotion.apply import Answered, Wish
from mlops_gitops.promotion.plan import Outcome
from mlops_gitops.promotion.transaction import Settled
from mlops_gitops.promotion.verify import verify
from servers.git_http import PUSH, READ, Fault, GitServer, git, serve

NAME = "environments"
Made = Callable[..., Repository]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    root = tmp_path / "served"
    root.mkdir()
    origin = Estate.new().with_release(estate.release()).bare(tmp_path)
    estate.git("clone", "--quiet", "--bare", str(origin), str(root / f"{NAME}.git"), cwd=root)
    with serve(root) as running:
        yield running


@pytest.fixture
def made(server: GitServer, tmp_path: Path) -> Iterator[Made]:
    """A repository that knows the base, with a push that is expected."""
    found: list[Repository] = []

    def repository(url: str | None = None, *, ahead: bool = True, **environ: str) -> Repository:
        told = {**os.environ, **environ}
        cache = tmp_path / f"cache-{len(found)}"
        one = Repository(url or server.url_of(NAME), branch="main", cache=cache, environ=told)
        one.fetch()
        server.requests.clear()
        if ahead:
            one.expect_push()
        found.append(one)
        return one

    yield repository
    for one in found:
        one.close()


def promote(repository: Repository) -> Settled[tuple[Answered, ...]]:
    return apply.promote(repository, lambda _: [Wish(MODEL, "dev")], signer=estate.signer("ci"), now=lambda: NOW)


def asked(server: GitServer) -> list[tuple[str, bool]]:
    return [(one.service, one.advertises) for one in server.requests]


def test_the_remote_is_asked_before_there_is_anything_to_push(server: GitServer, made: Made) -> None:
    repository = made()
    errand = repository._errand
    assert errand is not None
    assert errand.tip("refs/heads/main") == server.tip(NAME)
    assert asked(server) == [(PUSH, True)]
    settled = promote(repository)
    assert settled.commit == server.tip(NAME)
    assert asked(server) == [(PUSH, True), (PUSH, False)]
    assert (known := repository.known()) is not None
    assert known.commit == settled.commit


def test_where_somebody_was_first_nothing_is_sent_before_the_plan_is_made_again(server: GitServer, made: Made) -> None:
    repository = made(ahead=False)
    other = server.write(NAME, {"notes.md": "hello\n"})
    server.requests.clear()
    repository.expect_push()
    settled = promote(repository)
    assert settled.base.commit == other
    assert settled.commit == server.tip(NAME)
    assert asked(server) == [(PUSH, True), (READ, True), (READ, False), (PUSH, False)]


def test_what_the_remote_says_first_is_not_gone_back_to(server: GitServer, made: Made) -> None:
    """The branch was set back by force: what is known here comes after what the remote says, and is not the tip."""
    repository = made(ahead=False)
    old = server.tip(NAME)
    server.write(NAME, {"notes.md": "hello\n"})
    repository.fetch()
    git("update-ref", "refs/heads/main", old, folder=server.folder_of(NAME))
    repository.expect_push()
    settled = promote(repository)
    assert settled.base.commit == old
    assert server.read(NAME, "notes.md") is None
    assert verify(repository, repository.fetch()).receipts == 1


def test_what_moves_between_the_question_and_the_write_is_not_lost(server: GitServer, made: Made) -> None:
    repository = made()
    written: list[str] = []
    server.arm(Fault(before=lambda: written.append(server.write(NAME, {"notes.md": "hello\n"}))))
    settled = promote(repository)
    assert settled.base.commit == written[0]
    assert settled.commit == server.tip(NAME)
    assert server.read(NAME, "notes.md") == b"hello\n"
    again = [(PUSH, True), (READ, True), (READ, False), (PUSH, False)]
    assert asked(server) == [(PUSH, True), (PUSH, False), *again]
    assert verify(repository, repository.fetch()).receipts == 1


@pytest.mark.parametrize("fault", [Fault(lose_answer=True), Fault(status=503), Fault(cut_after=3)])
def test_an_answer_that_is_lost_or_cut_leaves_one_receipt(server: GitServer, made: Made, fault: Fault) -> None:
    repository = made()
    server.arm(fault)
    settled = promote(repository)
    assert settled.commit == server.tip(NAME)
    assert verify(repository, repository.fetch()).receipts == 1


def test_a_lost_answer_is_found_below_what_came_after(server: GitServer, made: Made) -> None:
    repository = made()
    assert repository._errand is not None
    repository._errand.tip("refs/heads/main")
    server.arm(Fault(lose_answer=True))
    server.arm(Fault(before=lambda: server.write(NAME, {"notes.md": "hello\n"})), advertises=True)
    settled = promote(repository)
    assert settled.commit is not None
    assert settled.commit != server.tip(NAME)
    assert settled.commit == git("rev-parse", "main~1", folder=server.folder_of(NAME)).stdout.decode().strip()
    assert [one.receipt is not None for one in settled.result] == [True]
    assert verify(repository, repository.fetch()).receipts == 1


def test_that_there_is_nothing_to_do_takes_the_one_request_that_was_made(server: GitServer, made: Made) -> None:
    repository = made()
    promote(repository)
    server.requests.clear()
    repository.expect_push()
    settled = promote(repository)
    assert [one.decision.outcome for one in settled.result if one.decision] == [Outcome.NOTHING]
    assert asked(server) == [(PUSH, True)]
    assert repository.fetch().commit == server.tip(NAME)
    assert asked(server) == [(PUSH, True)] * 2  # what was heard answers once


def test_a_url_that_the_user_has_rewritten_is_left_to_git(server: GitServer, made: Made) -> None:
    rewritten = {"KEY_0": f"url.{server.url}/.insteadOf", "VALUE_0": "http://elsewhere.invalid/"}
    environ = {f"GIT_CONFIG_{name}": value for name, value in rewritten.items()}
    repository = made(f"http://elsewhere.invalid/{NAME}.git", GIT_CONFIG_COUNT="1", **environ)
    assert repository._errand is not None
    assert repository._errand.tip("refs/heads/main") is None
    assert promote(repository).commit == server.tip(NAME)
    assert asked(server) == [(PUSH, True), (PUSH, False)]


def test_an_errand_that_is_not_needed_leaves_no_process(made: Made) -> None:
    repository = made()
    errand = repository._errand
    assert errand is not None
    errand.tip("refs/heads/main")
    process = errand._process
    assert process is not None
    assert process.poll() is None
    repository.close()
    assert process.returncode is not None


def test_nothing_is_asked_ahead_of_a_path_or_from_nothing(tmp_path: Path, server: GitServer) -> None:
    for number, url in enumerate((str(server.folder_of(NAME)), server.url_of(NAME))):
        repository = Repository(url, branch="main", cache=tmp_path / f"other-{number}", environ=os.environ)
        if "://" not in url:
            repository.fetch()
        repository.expect_push()
        assert repository._errand is None
        repository.close()
