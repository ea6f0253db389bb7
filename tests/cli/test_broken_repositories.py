"""Verbs on an environment repository that does not hold together: an answer in words, never a bug."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import estate
from estate import MODEL, NOW, Estate
from mlops_gitops.adapters.git import Repository
from mlops_gitops.cli.main import main
from mlops_gitops.cli.world import World
from mlops_gitops.evidence.verdicts import Verdict
from mlops_gitops.manifests.rendering import render
from mlops_gitops.promotion import layout
from mlops_gitops.promotion.store import Files
from mlops_gitops.promotion.transaction import Proposal, settle
from shells import Shell

FIRST = estate.release()


def push(shell: Shell, files: Files) -> None:
    repository = Repository(str(shell.bare), branch="main", cache=shell.folder / "by-hand", environ=os.environ)
    settle(repository, lambda _: Proposal(None, files, "By hand\n"), now=lambda: NOW)


def test_history_names_the_release_that_is_gone(shell: Shell) -> None:
    assert shell("promote", MODEL, "--to", "dev") == 0
    other = estate.release("1.1.0", supersedes=FIRST.id, content="b")
    push(shell, {layout.release(MODEL, FIRST.id): None, layout.release(MODEL, other.id): other.render()})
    assert shell("history", MODEL) == 1
    assert f"{layout.release(MODEL, FIRST.id)}: it is missing" in shell.err


def test_a_broken_policy_of_another_environment_does_not_hide_what_was_promoted(shell: Shell) -> None:
    push(shell, {layout.environment("prod"): b"spec: ["})
    told = shell.json("promote", MODEL, "--to", "dev")
    assert told["result"] == "promoted"
    assert layout.environment("prod") in told["derived"]["mlflow"]["error"]["message"]
    assert shell("promote", MODEL, "--to", "dev", "--dry-run") == 0


def test_a_waiver_that_was_lifted_can_be_written_again(shell_of: Callable[[Estate], Shell]) -> None:
    shell = shell_of(Estate.new().with_release(FIRST, model_tests=Verdict.FAIL))
    assert shell("promote", MODEL, "--to", "dev") == 0
    words = ("control", "waive", MODEL, "--in", "staging", "--release", "1.0.0", "--gate", "model-tests")
    wanted = (*words, "--reason", "known", "--until", "2026-12-01T00:00:00Z")
    assert shell(*wanted, key="grace") == 0
    first = shell.out.split()[0]
    assert shell(*wanted, key="grace") == 0
    assert "nothing to do" in shell.out
    assert shell("control", "lift", first, MODEL, "--in", "staging", "--by", "grace") == 0
    assert shell("promote", MODEL, "--to", "staging") == 1
    assert shell(*wanted, key="grace") == 0
    assert "written" in shell.out
    assert shell("promote", MODEL, "--to", "staging") == 0


def test_an_environment_that_the_key_may_not_sign_for_does_not_stop_the_others(
    shell_of: Callable[[Estate], Shell],
) -> None:
    policies = {name: estate.environment(name, promotion="automatic") for name in ("dev", "live")}
    trust: Any = estate.trust()
    trust["spec"]["signers"][0]["signs"][1]["environments"] = ["dev"]
    shell = shell_of(Estate.new(policies).with_release(FIRST).with_files({layout.TRUST: render(trust)}))
    told = shell.json("promote", "--all")
    assert {one["environment"]: one["outcome"] for one in told["promotions"]} == {"dev": "move", "live": "failed"}
    assert shell("promote", "--all") == 1
    assert "ci may not sign promotion for live" in shell.out
    assert shell("verify") == 0


NAMES = (b"\xff.json", b"a\x1b[2Jb", b"a\n::error::b", b"\x01")


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_odd_names_are_shown_and_never_obeyed(shell: Shell, encoding: str) -> None:
    blob = subprocess.run(
        ["git", "hash-object", "-w", "--stdin"], cwd=shell.bare, input=b"x", capture_output=True, check=True
    ).stdout.strip()
    stream = b"commit refs/heads/main\ncommitter x <x> 1 +0000\ndata 1\nx\nfrom refs/heads/main^0\n"
    for name in NAMES:
        quoted = "".join(f"\\{byte:03o}" for byte in b"evidence/" + name)
        stream += b"M 100644 " + blob + f' "{quoted}"\n'.encode()
    subprocess.run(["git", "fast-import", "--quiet"], cwd=shell.bare, input=stream, check=True)
    done = subprocess.run(
        [sys.executable, "-m", "mlops_gitops", "verify", "--environments", str(shell.bare)],
        cwd=shell.folder,
        env={**os.environ, "MG_CACHE": str(shell.folder / "cache"), "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert b"\x1b" not in done.stdout
    assert not any(line.startswith(b"::") for line in done.stdout.splitlines())
    assert done.stdout.count(b"there is no such release") == len(NAMES)


def test_what_a_remote_says_begins_no_line(tmp_path: Path) -> None:
    fake = tmp_path / "git"
    says = "echo fatal >&2; echo '::add-mask::x' >&2; printf '\\033[2J' >&2; exit 128"
    fake.write_text(f'#!/bin/sh\ncase " $* " in *" init "*) exec /usr/bin/git "$@";; esac\n{says}\n')
    fake.chmod(0o755)
    out, err = io.StringIO(), io.StringIO()
    environ = {"PATH": f"{tmp_path}:/bin:/usr/bin", "MG_CACHE": str(tmp_path / "cache")}
    world = World(environ=environ, now=lambda: NOW, folder=tmp_path, out=out, err=err)
    assert main(["status", "--environments", "https://git.example.com/x.git"], world) == 5
    assert "git said: fatal ::add-mask::x" in err.getvalue()
    assert "\x1b" not in err.getvalue()
