from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from mlops_gitops.adapters import git_credentials as credentials
from mlops_gitops.errors import Misused
from servers.git_http import READ, Fault, serve


def ls_remote(url: str, environ: dict[str, str], home: Path) -> int:
    whole = {"PATH": os.environ["PATH"], "HOME": str(home), "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run(
        ["git", "ls-remote", url], env={**whole, **environ}, capture_output=True, check=False
    ).returncode


def test_git_shows_the_token_to_its_url_and_to_no_other(tmp_path: Path) -> None:
    with serve(tmp_path / "a", tokens={"t0ken": "read"}) as server, serve(tmp_path / "b", anonymous="read") as other:
        for shop in (server, other):
            shop.create("store")
        server.create("store-2")
        environ = credentials.for_url(server.url_of("store"), "t0ken", {})

        assert ls_remote(server.url_of("store"), environ, tmp_path) == 0
        assert ls_remote(server.url_of("store-2"), environ, tmp_path) != 0
        assert ls_remote(other.url_of("store"), environ, tmp_path) == 0

        assert {request.token for request in server.requests if "store.git" in request.path} == {"t0ken"}
        assert {request.token for request in server.requests if "store-2" in request.path} == {None}
        assert {request.token for request in other.requests} == {None}


def test_a_redirection_carries_the_token_nowhere(tmp_path: Path) -> None:
    with serve(tmp_path / "a", tokens={"t0ken": "read"}) as server, serve(tmp_path / "b", anonymous="read") as other:
        other.create("store")
        away = f"{other.url_of('store').replace('127.0.0.1', 'localhost')}/info/refs?service={READ}"
        server.arm(Fault(status=302, location=away), service=READ, advertises=True)
        assert (
            ls_remote(server.url_of("store"), credentials.for_url(server.url_of("store"), "t0ken", {}), tmp_path) != 0
        )
        assert other.requests == []


def test_a_header_that_another_step_left_is_not_sent_beside_ours(tmp_path: Path) -> None:
    with serve(tmp_path / "a", tokens={"t0ken": "read"}) as server:
        server.create("store")
        (tmp_path / ".gitconfig").write_text(f'[http "{server.url}/"]\n\textraheader = Authorization: Basic left\n')
        environ = credentials.for_url(server.url_of("store"), "t0ken", {})
        assert ls_remote(server.url_of("store"), environ, tmp_path) == 0
        assert {request.headers["Authorization"] for request in server.requests} == {
            credentials.header("t0ken").partition(": ")[2]
        }


def test_settings_that_are_there_stay(tmp_path: Path) -> None:
    before = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "http.extraheader", "GIT_CONFIG_VALUE_0": "X-Kept: yes"}
    with serve(tmp_path / "a", tokens={"t0ken": "read"}) as server:
        server.create("store")
        added = credentials.for_url(server.url_of("store"), "t0ken", before)
        assert added["GIT_CONFIG_COUNT"] == "4"
        assert ls_remote(server.url_of("store"), {**before, **added}, tmp_path) == 0


@pytest.mark.parametrize(
    "url",
    [
        "http://git.example.com/store.git",
        "ssh://git@git.example.com/store.git",
        "/srv/store.git",
        "git@git.example.com:s",
    ],
)
def test_a_token_never_travels_in_the_clear(url: str) -> None:
    with pytest.raises(Misused, match="only sent over https"):
        credentials.for_url(url, "t0ken", {})


def test_every_form_of_the_token_is_hidden() -> None:
    assert credentials.header("t0ken").endswith(credentials.hidden("t0ken")[1])


def test_what_git_has_of_its_own_is_left_alone(tmp_path: Path) -> None:
    url = "https://git.example.com/org/environments"
    clean = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
    assert "GIT_CONFIG_COUNT" in credentials.beside(url, "t0ken", clean)
    for own in ("ssh://git@git.example.com/org/environments", "https://ada:secret@git.example.com/o/e", "/srv/e.git"):
        assert credentials.beside(own, "t0ken", clean) == clean
    left = credentials.for_url(url, "theirs", clean)
    assert credentials.beside(url, "t0ken", {**clean, **left}) == {**clean, **left}
    (tmp_path / ".gitconfig").write_text('[http "https://git.example.com/"]\n\textraheader = Authorization: Basic x\n')
    assert credentials.beside(url, "t0ken", clean) == clean


def test_the_settings_of_the_folder_that_we_stand_in_are_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "https://git.example.com/org/environments"
    clean = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", "init", "--quiet", str(tmp_path / "model")], env=clean, check=True)
    config = tmp_path / "model" / ".git" / "config"
    config.write_text('[http "https://git.example.com/"]\n\textraheader = Authorization: Basic checkout\n')
    monkeypatch.chdir(tmp_path / "model")
    assert "GIT_CONFIG_COUNT" in credentials.beside(url, "t0ken", clean)
