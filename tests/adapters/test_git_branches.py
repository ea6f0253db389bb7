"""Branches beside the one that is followed, read with real git."""

from __future__ import annotations

import os
from pathlib import Path

import estate
from estate import MODEL, NOW, Estate
from mlops_gitops.adapters.git import Repository
from mlops_gitops.promotion import layout
from servers.git_http import serve

BRANCH = layout.promotion_branch("prod", MODEL)


def cloned(folder: Path) -> tuple[Path, Repository]:
    bare = Estate.new().bare(folder)
    return bare, Repository(f"file://{bare}", branch="main", cache=folder / "cache", environ=os.environ)


def written(repository: Repository, *, expected: str | None = None, text: bytes = b"new\n") -> str:
    tip = repository.fetch().commit
    commit = repository.commit(tip, {"a/b.txt": text}, message="One\n", when=NOW)
    landed = repository.write_branch(BRANCH, commit=commit, expected=expected)
    assert landed is not None
    return landed


def test_a_branch_of_one_commit_is_seen_with_its_base_and_its_paths(tmp_path: Path) -> None:
    _, repository = cloned(tmp_path)
    head = written(repository)
    tip, (found,) = repository.survey("promote/")
    assert (found.name, found.tree.commit, found.paths) == (BRANCH, head, ("a/b.txt",))
    assert found.base is not None
    assert found.base.commit == tip.commit
    assert found.tree.read("a/b.txt") == b"new\n"


def test_it_is_seen_on_its_old_base_after_the_branch_moved_on(tmp_path: Path) -> None:
    _, repository = cloned(tmp_path)
    written(repository)
    old = repository.fetch().commit
    moved = repository.commit(old, {"c.txt": b"c\n"}, message="Two\n", when=NOW)
    assert repository.push(moved, base=old) == moved
    tip, (found,) = repository.survey("promote/")
    assert tip.commit == moved
    assert found.base is not None
    assert (found.base.commit, found.paths) == (old, ("a/b.txt",))


def test_another_commit_or_a_merge_on_it_has_no_base(tmp_path: Path) -> None:
    bare, repository = cloned(tmp_path)
    head = written(repository)
    work = tmp_path / "person"
    estate.git("clone", "--quiet", "--branch", BRANCH, str(bare), str(work), cwd=tmp_path)
    (work / "more.txt").write_text("more\n")
    estate.git("add", "--all", cwd=work)
    estate.git("commit", "--quiet", "--message", "More", cwd=work)
    estate.git("push", "--quiet", "origin", BRANCH, cwd=work)
    _, (found,) = repository.survey("promote/")
    assert found.base is None
    assert found.paths == ("a/b.txt", "more.txt")
    estate.git("push", "--quiet", "--force", "origin", f"{head}:refs/heads/{BRANCH}", cwd=work)
    old = repository.fetch().commit
    assert repository.push(repository.commit(old, {"c.txt": b"c\n"}, message="Two\n", when=NOW), base=old)
    estate.git("pull", "--quiet", cwd=work)
    estate.git("reset", "--quiet", "--hard", head, cwd=work)
    estate.git("fetch", "--quiet", "origin", cwd=work)
    estate.git("merge", "--quiet", "--no-ff", "--message", "Update", "origin/main", cwd=work)
    estate.git("push", "--quiet", "origin", f"HEAD:{BRANCH}", cwd=work)
    _, (found,) = repository.survey("promote/")
    assert found.base is None


def test_a_branch_that_is_gone_is_not_seen_and_other_branches_never_are(tmp_path: Path) -> None:
    bare, repository = cloned(tmp_path)
    head = written(repository)
    estate.git("branch", "feature/x", head, cwd=bare)
    assert [one.name for one in repository.survey("promote/")[1]] == [BRANCH]
    estate.git("branch", "-D", BRANCH, cwd=bare)
    assert repository.survey("promote/")[1] == ()


def test_a_fetch_that_was_killed_leaves_nothing_locked(tmp_path: Path) -> None:
    _, repository = cloned(tmp_path)
    head = written(repository)
    repository.survey("promote/")
    (cache,) = (tmp_path / "cache" / "environments").glob("*.git")
    (cache / "refs/proposals" / f"{BRANCH}.lock").touch()
    written(repository, expected=head, text=b"newer\n")
    _, (found,) = repository.survey("promote/")
    assert found.tree.read("a/b.txt") == b"newer\n"


def test_everything_is_read_with_one_fetch(tmp_path: Path) -> None:
    Estate.new().bare(tmp_path)
    with serve(tmp_path) as server:
        url = server.url_of("environments")
        repository = Repository(url, branch="main", cache=tmp_path / "cache", environ=os.environ)
        written(repository)
        repository.survey("promote/")
        before = len(server.requests)
        repository.survey("promote/")
        assert len(server.requests) - before <= 2
