"""The environment repository over every transport that git has, and what goes wrong on each."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import estate
from estate import MODEL, NOW, Estate
from mlops_gitops.adapters.git import Repository
from mlops_gitops.adapters.git_process import masked
from mlops_gitops.errors import Misused, WorldFailed
from mlops_gitops.promotion import apply
from mlops_gitops.promotion.apply import Wish
from mlops_gitops.promotion.verify import verify
from servers import ssh
from servers.git_http import Fault, serve

CI = bool(os.environ.get("CI"))


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    return Estate.new().with_release(estate.release()).bare(tmp_path / "served")


@pytest.fixture(params=["path", "file", "http", "ssh"])
def reached(request: pytest.FixtureRequest, bare: Path, tmp_path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """A URL of one kind, and the environment that may use it."""
    environ = dict(os.environ)
    match request.param:
        case "path":
            yield str(bare), environ
        case "file":
            yield bare.as_uri(), environ
        case "http":
            with serve(bare.parent) as server:
                yield server.url_of(bare.stem), environ
        case "ssh":
            if ssh.SSHD is None and not CI:
                pytest.skip("there is no sshd here: apt-get install openssh-server")
            with ssh.serve(tmp_path / "ssh") as shell:
                yield shell.url_of(bare), {**environ, "GIT_SSH_COMMAND": shell.command}


def test_a_promotion_over_every_transport(reached: tuple[str, dict[str, str]], tmp_path: Path) -> None:
    url, environ = reached
    repository = Repository(url, branch="main", cache=tmp_path / "cache", environ=environ)
    settled = apply.promote(repository, lambda _: [Wish(MODEL, "dev")], signer=estate.signer("ci"), now=lambda: NOW)
    assert settled.commit == repository.fetch().commit
    assert verify(repository, repository.fetch()).problems == ()


def test_nothing_has_a_work_tree(bare: Path, tmp_path: Path) -> None:
    repository = Repository(str(bare), branch="main", cache=tmp_path / "cache", environ=os.environ)
    apply.promote(repository, lambda _: [Wish(MODEL, "dev")], signer=estate.signer("ci"), now=lambda: NOW)
    files = [path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert not {"index", "signers.yaml", "environment.yaml", "release.yaml"} & set(files)


def test_hooks_of_the_user_are_not_run(bare: Path, tmp_path: Path) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("pre-push", "reference-transaction", "post-checkout"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        (hooks / name).chmod(0o755)
    config = tmp_path / "gitconfig"
    config.write_text(f"[core]\n\thooksPath = {hooks}\n")
    environ = {**os.environ, "GIT_CONFIG_GLOBAL": str(config)}
    subprocess.run(["git", "-C", str(bare), "config", "core.hooksPath", "/dev/null"], check=True)
    repository = Repository(str(bare), branch="main", cache=tmp_path / "cache", environ=environ)
    apply.promote(repository, lambda _: [Wish(MODEL, "dev")], signer=estate.signer("ci"), now=lambda: NOW)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("url", ["ext::sh -c touch% pwned", "--upload-pack=touch pwned", "a\nb", "fd::3"])
def test_urls_that_execute_are_turned_away(url: str, tmp_path: Path) -> None:
    with pytest.raises(Misused):
        Repository(url, branch="main", cache=tmp_path, environ=os.environ)


@pytest.mark.parametrize("branch", ["-x", "a..b", "a b", "", "main:other", "refs/heads/*"])
def test_branches_that_are_no_names_are_turned_away(branch: str, tmp_path: Path) -> None:
    with pytest.raises(Misused):
        Repository("/x", branch=branch, cache=tmp_path, environ=os.environ)


def test_a_repository_that_is_not_there_is_told_with_what_git_said(tmp_path: Path) -> None:
    repository = Repository(str(tmp_path / "none.git"), branch="main", cache=tmp_path / "cache", environ=os.environ)
    with pytest.raises(WorldFailed, match="git said: fatal"):
        repository.fetch()


def test_a_branch_that_is_not_there_is_told(bare: Path, tmp_path: Path) -> None:
    repository = Repository(str(bare), branch="other", cache=tmp_path / "cache", environ=os.environ)
    with pytest.raises(Misused, match="no branch other"):
        repository.fetch()


def test_without_git_the_command_that_installs_it_is_named(bare: Path, tmp_path: Path) -> None:
    repository = Repository(str(bare), branch="main", cache=tmp_path, environ={"PATH": str(tmp_path)})
    with pytest.raises(WorldFailed) as caught:
        repository.fetch()
    assert "apt-get install git" in caught.value.hint


def test_a_cache_that_cannot_be_written_is_told(bare: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    repository = Repository(str(bare), branch="main", cache=tmp_path / "cache", environ=os.environ)
    with pytest.raises(WorldFailed) as caught:
        repository.fetch()
    assert "MG_CACHE" in caught.value.hint


def test_passwords_in_urls_are_masked() -> None:
    assert masked("https://ada:secret@git.example.com/x") == "https://***@git.example.com/x"
    assert masked("see https://t0ken@h/x and ssh://git@h/y") == "see https://***@h/x and ssh://***@h/y"


def test_a_tree_answers_about_odd_names(bare: Path, tmp_path: Path) -> None:
    repository = Repository(str(bare), branch="main", cache=tmp_path / "cache", environ=os.environ)
    tree = repository.fetch()
    for name in ("no such", "two words missing", "a\nb", "trust", "", "trust/signers.yaml/x", "\udcff"):
        assert tree.read(name) is None
    assert tree.names("trust") == ("signers.yaml",)
    assert tree.names("trust/signers.yaml") == ()
    assert tree.read("trust/signers.yaml") is not None, "the answers are still in step"


def test_a_shallow_clone_is_told_apart(bare: Path, tmp_path: Path) -> None:
    first = Repository(str(bare), branch="main", cache=tmp_path / "first", environ=os.environ)
    apply.promote(first, lambda _: [Wish(MODEL, "dev")], signer=estate.signer("ci"), now=lambda: NOW)
    shallow = tmp_path / "shallow.git"
    estate.git("clone", "--quiet", "--bare", "--depth=1", bare.as_uri(), str(shallow), cwd=tmp_path)
    repository = Repository(str(shallow), branch="main", cache=tmp_path / "cache", environ=os.environ)
    with pytest.raises(WorldFailed) as caught:
        repository.fetch()
    assert caught.value.code == "git-shallow"


def test_what_was_before_a_file_is_told_also_for_a_file_that_a_merge_brought(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()

    def commit(name: str) -> str:
        (folder / name).write_text(name)
        estate.git("add", "--all", cwd=folder)
        estate.git("commit", "--quiet", "--message", name, cwd=folder)
        return estate.git("rev-parse", "HEAD", cwd=folder)

    estate.git("init", "--quiet", "--initial-branch=main", cwd=folder)
    first = commit("first")
    estate.git("checkout", "--quiet", "-b", "side", cwd=folder)
    commit("beside")
    estate.git("checkout", "--quiet", "main", cwd=folder)
    second = commit("second")
    estate.git("merge", "--quiet", "--no-edit", "side", cwd=folder)
    tree = Repository(str(folder), branch="main", cache=tmp_path / "cache", environ=os.environ).fetch()
    found = {name: tree.before(name) for name in ("first", "second", "beside", "never")}
    assert {name: one.commit if one else None for name, one in found.items()} == {
        "first": None,
        "second": first,
        "beside": second,
        "never": None,
    }


BESIDE = "promote/prod/flight-delays"


def test_a_branch_beside_is_written_on_the_condition_that_it_is_where_it_was_seen(
    reached: tuple[str, dict[str, str]], tmp_path: Path
) -> None:
    url, environ = reached
    repository = Repository(url, branch="main", cache=tmp_path / "cache", environ=environ)
    base = repository.fetch().commit
    first, second = (repository.commit(base, {"x.txt": text}, message="x\n", when=NOW) for text in (b"one\n", b"two\n"))
    assert repository.write_branch(BESIDE, commit=first, expected=None) == first
    assert repository.write_branch(BESIDE, commit=second, expected=None) is None
    assert repository.write_branch(BESIDE, commit=second, expected=base) is None
    assert repository.write_branch(BESIDE, commit=second, expected=first) == second
    assert repository.write_branch(BESIDE, commit=second, expected=first) == second, "it is there already"
    assert repository.fetch().commit == base


def test_the_branch_beside_is_read_when_the_answer_was_lost(tmp_path: Path) -> None:
    with serve(tmp_path / "served") as server:
        repository = Repository(server.create("store"), branch="main", cache=tmp_path / "cache", environ=os.environ)
        base = repository.fetch().commit
        commit = repository.commit(base, {"x.txt": b"x\n"}, message="x\n", when=NOW)
        server.arm(Fault(lose_answer=True))
        assert repository.write_branch(BESIDE, commit=commit, expected=None) == commit == server.tip("store", BESIDE)
        other = repository.commit(base, {"x.txt": b"y\n"}, message="y\n", when=NOW)
        server.arm(Fault(status=503))
        with pytest.raises(WorldFailed, match=BESIDE):
            repository.write_branch(BESIDE, commit=other, expected=commit)
        assert server.tip("store", BESIDE) == commit


def test_a_branch_that_is_no_name_is_not_written(bare: Path, tmp_path: Path) -> None:
    repository = Repository(str(bare), branch="main", cache=tmp_path / "cache", environ=os.environ)
    tip = repository.fetch().commit
    with pytest.raises(Misused):
        repository.write_branch("x:refs/heads/main", commit=tip, expected=None)
