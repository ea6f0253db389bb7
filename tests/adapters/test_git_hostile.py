"""Hostile content and broken caches: what git gives is read for what it is, and a damaged cache is never believed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import estate
from estate import MODEL, NOW, Estate
from mlops_gitops.adapters import git_process
from mlops_gitops.adapters.git import Repository
from mlops_gitops.adapters.git_cache import cache_folder
from mlops_gitops.adapters.git_objects import LARGEST
from mlops_gitops.adapters.git_process import masked
from mlops_gitops.errors import Misused, WorldFailed
from mlops_gitops.promotion import apply, layout
from mlops_gitops.promotion.apply import Wish
from mlops_gitops.promotion.plan import Outcome
from mlops_gitops.promotion.snapshot import Snapshot
from mlops_gitops.promotion.verify import verify
from time_limits import until

HOLD = layout.controls("dev", MODEL)


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    return Estate.new().with_release(estate.release()).bare(tmp_path / "served")


def opened(bare: Path, cache: Path, **environ: str) -> Repository:
    return Repository(str(bare), branch="main", cache=cache, environ={**os.environ, **environ})


def run(bare: Path, *words: str, stdin: bytes = b"", **environ: str) -> str:
    who = {f"GIT_{role}_{what}": "ada@example.com" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(
        ["git", *words], cwd=bare, input=stdin, env={**os.environ, **who, **environ}, check=True, capture_output=True
    )
    return done.stdout.decode().strip()


def add(bare: Path, entries: Sequence[tuple[str, str, bytes]], **environ: str) -> str:
    """A commit on top of ``main`` with (mode, kind, name) entries in a folder ``environments/odd``, by raw plumbing."""
    ids = {"blob": run(bare, "hash-object", "-w", "--stdin", stdin=b"odd"), "commit": run(bare, "rev-parse", "main")}
    listed = b"".join(
        b"%s %s %s\t%s\0" % (mode.encode(), kind.encode(), ids[kind].encode(), name) for mode, kind, name in entries
    )
    odd = run(bare, "mktree", "-z", "--missing", stdin=listed)
    environments = run(bare, "ls-tree", "main:environments") + f"\n040000 tree {odd}\todd\n"
    folder = run(bare, "mktree", stdin=environments.encode())
    root = "\n".join(
        line if not line.endswith("\tenvironments") else f"040000 tree {folder}\tenvironments"
        for line in run(bare, "ls-tree", "main").splitlines()
    )
    tree = run(bare, "mktree", stdin=f"{root}\n".encode())
    commit = run(bare, "commit-tree", tree, "-p", "main", "-m", "Odd", **environ)
    run(bare, "update-ref", "refs/heads/main", commit)
    return commit


NAMES = [
    b"\x01",
    b"a\x01" + b"0" * 40,
    b":100644 100644 0 0 A",
    b"two words\tand a tab",
    b"new\nline",
    b"\xff\xfe",
    b'"quoted"',
]


def test_a_name_never_passes_for_another_commit_or_another_change(bare: Path, tmp_path: Path) -> None:
    commit = add(bare, [("100644", "blob", name) for name in sorted(NAMES)])
    repository = opened(bare, tmp_path / "cache")
    first, last = repository.changes(repository.fetch().commit, ["environments"])
    assert (last.commit, last.parent) == (commit, first.commit)
    assert {path for _, path in last.paths} == {
        f"environments/odd/{name.decode(errors='surrogateescape')}" for name in NAMES
    }
    assert {status for status, _ in last.paths} == {"A"}


def test_links_and_submodules_are_told_from_files(bare: Path, tmp_path: Path) -> None:
    add(bare, [("120000", "blob", b"link"), ("100755", "blob", b"run"), ("160000", "commit", b"submodule")])
    repository = opened(
        bare,
        tmp_path / "cache",
        GIT_CONFIG_COUNT="1",
        GIT_CONFIG_KEY_0="diff.ignoreSubmodules",
        GIT_CONFIG_VALUE_0="all",
    )
    tree = repository.fetch()
    change = repository.changes(tree.commit, ["environments"])[-1]
    assert sorted((path.rpartition("/")[2], status) for status, path in change.paths) == [
        ("link", "T"),
        ("run", "A"),
        ("submodule", "T"),
    ]
    assert tree.read("environments/odd/submodule") is None
    assert tree.read("environments/odd/submodule/x") is None


def test_a_commit_of_a_time_beyond_the_calendar_is_read(bare: Path, tmp_path: Path) -> None:
    far = "@253402300801 +0000"
    add(bare, [("100644", "blob", b"x")], GIT_COMMITTER_DATE=far, GIT_AUTHOR_DATE=far)
    repository = opened(bare, tmp_path / "cache")
    assert verify(repository, repository.fetch()).commits == 2


def test_a_user_who_wants_signatures_shown_sees_the_same_history(bare: Path, tmp_path: Path) -> None:
    gpg = tmp_path / "gpg"
    gpg.write_text("#!/bin/sh\necho shown\necho '[GNUPG:] GOODSIG x' >&2\nexit 0\n")
    gpg.chmod(0o755)
    raw = run(bare, "cat-file", "commit", "main").replace("\n\n", "\ngpgsig -----BEGIN PGP SIGNATURE-----\n\n", 1)
    signed = run(bare, "hash-object", "-t", "commit", "-w", "--stdin", stdin=raw.encode() + b"\n")
    run(bare, "update-ref", "refs/heads/main", signed)
    config = tmp_path / "gitconfig"
    config.write_text(f"[log]\n\tshowSignature = true\n[gpg]\n\tprogram = {gpg}\n")
    repository = opened(bare, tmp_path / "cache", GIT_CONFIG_GLOBAL=str(config))
    (only,) = repository.changes(repository.fetch().commit, ["environments", "trust"])
    assert (only.commit, len(only.paths)) == (signed, 4)


def test_a_hold_that_the_cache_has_lost_is_not_no_hold(bare: Path, tmp_path: Path) -> None:
    repository = opened(bare, tmp_path / "cache")
    base = repository.fetch().commit
    hold = b"apiVersion: mlops-gitops/v1\nkind: Control\n"
    commit = repository.commit(base, {HOLD: hold}, message="Hold\n", when=NOW)
    assert repository.push(commit, base=base)
    tree = repository.fetch()
    blob = run(bare, "rev-parse", f"main:{HOLD}")
    (lost,) = (tmp_path / "cache").rglob(f"objects/{blob[:2]}/{blob[2:]}")
    lost.unlink()
    with pytest.raises(WorldFailed, match=f"{HOLD} cannot be read"):
        Snapshot(tree).slot("dev", MODEL)
    folder = run(bare, "rev-parse", "main:controls/dev")
    (lost,) = (tmp_path / "cache").rglob(f"objects/{folder[:2]}/{folder[2:]}")
    lost.unlink()
    repository.close()
    for ask in (lambda: repository.tree(commit).read(HOLD), lambda: repository.tree(commit).names("controls/dev")):
        with pytest.raises(WorldFailed, match="is damaged"):
            ask()


def test_a_file_larger_than_any_document_is_not_read_whole(bare: Path, tmp_path: Path) -> None:
    repository = opened(bare, tmp_path / "cache")
    base = repository.fetch().commit
    commit = repository.commit(
        base, {"trust/large": b"x" * (LARGEST + 5), "trust/small": b"s"}, message="x\n", when=NOW
    )
    tree = repository.tree(commit)
    assert len(tree.read("trust/large") or b"") == LARGEST + 1
    assert tree.read("trust/small") == b"s", "the answers are still in step"


@pytest.mark.parametrize("lost", ["HEAD", "config", "objects", "refs"])
def test_a_cache_that_was_left_half_made_is_made_again(bare: Path, tmp_path: Path, lost: str) -> None:
    opened(bare, tmp_path / "cache").fetch()
    (folder,) = (tmp_path / "cache" / "environments").glob("*.git")
    part = folder / lost
    shutil.rmtree(part) if part.is_dir() else part.unlink()
    (folder / "config.lock").touch()
    assert opened(bare, tmp_path / "cache").fetch().commit == run(bare, "rev-parse", "main")


def test_a_lock_that_a_killed_fetch_left_does_not_hold_up_the_next(bare: Path, tmp_path: Path) -> None:
    opened(bare, tmp_path / "cache").fetch()
    (folder,) = (tmp_path / "cache" / "environments").glob("*.git")
    (folder / "refs/environments/main.lock").touch()
    commit = add(bare, [("100644", "blob", b"x")])
    assert opened(bare, tmp_path / "cache").fetch().commit == commit


def test_a_cache_that_others_may_write_is_not_used(bare: Path, tmp_path: Path) -> None:
    (tmp_path / "cache" / "environments").mkdir(parents=True)
    (tmp_path / "cache" / "environments").chmod(0o777)
    with pytest.raises(WorldFailed, match="everybody may write"):
        opened(bare, tmp_path / "cache").fetch()
    opened(bare, tmp_path / "mine").fetch()
    assert (tmp_path / "mine" / "environments").stat().st_mode & 0o077 == 0


def test_without_a_home_there_is_no_shared_cache() -> None:
    with pytest.raises(Misused, match="no folder for caches"):
        cache_folder({})
    assert cache_folder({"HOME": "/home/ada"}) == Path("/home/ada/.cache/mlops-gitops")
    assert cache_folder({"HOME": "/home/ada", "XDG_CACHE_HOME": "/x"}) == Path("/x/mlops-gitops")


def test_a_repository_of_the_newer_hash_is_read_and_written(tmp_path: Path) -> None:
    work = tmp_path / "work"
    for path, data in Estate.new().with_release(estate.release()).files.items():
        (work / path).parent.mkdir(parents=True, exist_ok=True)
        (work / path).write_bytes(data)
    estate.git("init", "--quiet", "--initial-branch=main", "--object-format=sha256", cwd=work)
    estate.git("add", "--all", cwd=work)
    estate.git("commit", "--quiet", "--message", "Environments", cwd=work)
    estate.git("clone", "--quiet", "--bare", str(work), "bare.git", cwd=tmp_path)
    repository = opened(tmp_path / "bare.git", tmp_path / "cache")
    (moved,) = apply.promote(
        repository, lambda _: [Wish(MODEL, "dev")], signer=estate.signer("ci"), now=lambda: NOW
    ).result
    assert moved.decision is not None
    assert moved.decision.outcome is Outcome.MOVE
    assert verify(repository, repository.fetch()).problems == ()


def test_a_push_that_gave_no_answer_in_time_is_judged_by_the_tip(
    bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, landed = git_process.run_git, [True, False]

    def slow(arguments: Sequence[str], **named: Any) -> Any:
        if arguments[0] != "push":
            return real(arguments, **named)
        if landed.pop(0):
            real(arguments, **named)
        raise WorldFailed("git push gave no answer in 300 seconds", hint="", code="git-timeout")

    monkeypatch.setattr("mlops_gitops.adapters.git_past.run_git", slow)
    repository = opened(bare, tmp_path / "cache")
    for expected in (True, False):
        base = repository.fetch().commit
        commit = repository.commit(base, {"trust/x": str(expected).encode()}, message="x\n", when=NOW)
        if expected:
            assert repository.push(commit, base=base)
        else:
            with pytest.raises(WorldFailed, match="no answer"):
                repository.push(commit, base=base)


def _has_ended(process: str) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_git_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    child = tmp_path / "child"
    (tmp_path / "git").write_text(f"#!/bin/sh\nsleep 60 &\necho $! >{child}\nwait\n")
    (tmp_path / "git").chmod(0o755)
    with pytest.raises(WorldFailed, match="no answer in 1 seconds"):
        git_process.run_git(["fetch"], environ={"PATH": f"{tmp_path}:{os.environ['PATH']}"}, seconds=1)
    until(lambda: _has_ended(child.read_text().strip()), seconds=20)


def test_git_is_not_given_private_keys_nor_led_elsewhere(bare: Path, tmp_path: Path) -> None:
    led = {"GIT_DEFAULT_HASH": "sha256", "GIT_QUARANTINE_PATH": "/x", "GIT_ALTERNATE_OBJECT_DIRECTORIES": "/x"}
    repository = opened(bare, tmp_path / "cache", MG_SIGNING_KEY=estate.pem("ci"), **led)
    repository.fetch()
    assert not {"MG_SIGNING_KEY", *led} & repository._environ.keys()


@pytest.mark.parametrize("url", ["ssh://git@[::1]:2222/x", "http://[::1]/x"])
def test_an_address_of_the_newer_internet_is_an_address(url: str, tmp_path: Path) -> None:
    assert Repository(url, branch="main", cache=tmp_path, environ={}).url == url


@pytest.mark.parametrize("url", ["a\0b", "https://h/x\x1b[2J", "\next::sh"])
def test_a_url_with_control_characters_is_turned_away(url: str, tmp_path: Path) -> None:
    with pytest.raises(Misused):
        Repository(url, branch="main", cache=tmp_path, environ={})


def test_a_password_that_holds_an_at_sign_is_masked_to_its_end() -> None:
    assert masked("https://ada:p@ss@w@git.example.com/x@y") == "https://***@git.example.com/x@y"
