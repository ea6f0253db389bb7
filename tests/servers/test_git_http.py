from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path

from servers.git_http import PUSH, READ, Fault, GitServer, serve


def git(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Grace Example",
        "GIT_AUTHOR_EMAIL": "grace@example.com",
        "GIT_COMMITTER_NAME": "Grace Example",
        "GIT_COMMITTER_EMAIL": "grace@example.com",
    }
    return subprocess.run(["git", *words], cwd=folder, env=environ, capture_output=True, text=True, check=False)


def clone_with_change(server: GitServer, folder: Path, size: int = 1) -> Path:
    folder.mkdir(exist_ok=True)
    assert git(folder, "clone", "--quiet", server.url_of("store"), "work").returncode == 0
    work = folder / "work"
    (work / "new.bin").write_bytes(os.urandom(size))
    git(work, "add", "new.bin")
    assert git(work, "commit", "--quiet", "-m", "A change").returncode == 0
    return work


def test_a_push_lands_and_is_listed(git_server: GitServer, tmp_path: Path) -> None:
    git_server.create("store", {"a/b.txt": "hello"})
    before = git_server.tip("store")
    work = clone_with_change(git_server, tmp_path)

    assert git(work, "push", "--quiet").returncode == 0

    assert git_server.tip("store") != before
    assert git_server.files("store") == ["a/b.txt", "new.bin"]
    assert git_server.read("store", "a/b.txt") == b"hello"
    assert [request.advertises for request in git_server.requests if request.service == PUSH] == [True, False]


def test_a_push_too_large_for_one_buffer_comes_in_chunks(git_server: GitServer, tmp_path: Path) -> None:
    git_server.create("store")
    work = clone_with_change(git_server, tmp_path, size=3_000_000)

    assert git(work, "push", "--quiet").returncode == 0

    assert len(git_server.read("store", "new.bin") or b"") == 3_000_000
    assert git_server.requests[-1].headers["Transfer-Encoding"] == "chunked"


def test_a_lost_answer_leaves_the_push_in_place(git_server: GitServer, tmp_path: Path) -> None:
    git_server.create("store")
    work = clone_with_change(git_server, tmp_path)
    git_server.arm(Fault(lose_answer=True))

    assert git(work, "push", "--quiet").returncode != 0

    assert git_server.tip("store") == git(work, "rev-parse", "HEAD").stdout.strip()
    assert git(work, "push", "--quiet").returncode == 0, "a fault is gone once it was met"


def test_a_status_that_was_asked_for_changes_nothing(git_server: GitServer, tmp_path: Path) -> None:
    git_server.create("store")
    work, before = clone_with_change(git_server, tmp_path), git_server.tip("store")
    for status in (500, 403, 401):
        git_server.arm(Fault(status=status), advertises=None)
        assert git(work, "push", "--quiet").returncode != 0
    assert git_server.tip("store") == before


def test_the_tip_can_move_between_question_and_push(git_server: GitServer, tmp_path: Path) -> None:
    git_server.create("store")
    work = clone_with_change(git_server, tmp_path)
    git_server.arm(Fault(before=lambda: git_server.write("store", {"other.txt": "first"})))

    assert git(work, "push", "--quiet").returncode != 0

    assert git_server.files("store") == ["README.md", "other.txt"]


def test_tokens_decide_who_reads_and_who_pushes(tmp_path: Path) -> None:
    with serve(tmp_path / "served", tokens={"reader": "read", "writer": "write"}) as server:
        server.create("store")
        address = server.url_of("store").replace("http://", "http://x:{}@")

        def asks(token: str, *words: str) -> bool:
            return git(tmp_path, *words[:1], address.format(token), *words[1:]).returncode == 0

        assert git(tmp_path, "ls-remote", server.url_of("store")).returncode != 0
        assert not asks("stranger", "ls-remote")
        assert asks("reader", "ls-remote")
        assert git(tmp_path, "clone", "--quiet", address.format("reader"), "work").returncode == 0
        work = tmp_path / "work"
        assert git(work, "push", address.format("reader"), "HEAD:refs/heads/new").returncode != 0
        assert git(work, "push", address.format("writer"), "HEAD:refs/heads/new").returncode == 0
        assert {request.token for request in server.requests} == {None, "stranger", "reader", "writer"}


def test_a_header_shown_at_once_is_read_as_a_token(tmp_path: Path) -> None:
    with serve(tmp_path / "served", tokens={"reader": "read"}) as server:
        server.create("store")
        shown = base64.b64encode(b"x-access-token:reader").decode()
        words = ["-c", f"http.extraheader=Authorization: Basic {shown}", "ls-remote", server.url_of("store")]
        assert git(tmp_path, *words).returncode == 0
        assert [request.status for request in server.requests] == [200] * len(server.requests)
        assert server.requests[0].service == READ
