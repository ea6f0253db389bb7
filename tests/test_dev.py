"""``./dev``: the two commands of the README, as far as they can be tested without setting up everything again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from programs import ROOT, load


@pytest.fixture(scope="module")
def dev() -> ModuleType:
    return load(ROOT / "dev")


@pytest.fixture(scope="module")
def provision(dev: ModuleType) -> ModuleType:
    found: ModuleType = dev.provision
    return found


def call(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(ROOT / "dev"), *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("words", [[], ["--help"], ["help"]])
def test_help_costs_nothing(words: list[str]) -> None:
    done = call(*words)
    assert (done.returncode, done.stderr) == (0, "")
    assert "./dev COMMAND" in done.stdout


def test_an_unknown_command_is_wrong_usage() -> None:
    done = call("tset")
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no command 'tset'" in done.stderr


def test_ci_calls_exactly_the_one_command() -> None:
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert lines[-1] == "exec ./dev test"
    assert [line for line in lines if "./dev" in line] == ["exec ./dev test"]


def test_the_pinned_uv_is_new_enough(provision: ModuleType) -> None:
    assert provision.version_of(f"uv {provision.PINNED_UV}") >= provision.MINIMUM_UV


@pytest.mark.parametrize(
    ("text", "version"),
    [("uv 0.13.9 (x86_64-unknown-linux-gnu)", (0, 13, 9)), ("uv 1.0.0\n", (1, 0, 0)), ("uvx 0.1.0", None), ("", None)],
)
def test_the_version_of_uv(provision: ModuleType, text: str, version: tuple[int, ...] | None) -> None:
    assert provision.version_of(text) == version


@pytest.mark.parametrize(
    ("environ", "index"),
    [
        ({}, None),
        ({"UV_INDEX": "https://more.example.com"}, None),
        ({"UV_DEFAULT_INDEX": "https://a.example.com"}, "https://a.example.com"),
        ({"UV_INDEX_URL": "https://a.example.com"}, "https://a.example.com"),
        ({"PIP_INDEX_URL": "https://b.example.com"}, "https://b.example.com"),
        (
            {"PIP_INDEX_URL": "https://b.example.com", "UV_DEFAULT_INDEX": "https://a.example.com"},
            "https://a.example.com",
        ),
        ({"UV_DEFAULT_INDEX": ""}, None),
    ],
)
def test_a_mirror_is_named_by_the_environment(
    provision: ModuleType, environ: dict[str, str], index: str | None
) -> None:
    assert provision.mirror(environ) == index


@pytest.mark.parametrize(
    ("output", "advice"),
    [
        ("error: No space left on device (os error 28)", "disk is full"),
        ("error: Failed to fetch: `https://…`\n  Caused by: dns error", "network"),
        ("ERROR: No matching distribution found for uv==0.13.9", "network"),
        ("error: The lockfile at `uv.lock` needs to be updated, but `--locked` was provided.", "uv lock"),
        ("error: invalid peer certificate: UnknownIssuer", "certificate"),
        ("HTTP status client error (401 Unauthorized)", "credentials"),
        ("something else", "installer's own"),
    ],
)
def test_a_failed_installation_ends_in_advice(provision: ModuleType, output: str, advice: str) -> None:
    assert advice in provision.hint_for(output)


def test_what_is_selected(provision: ModuleType) -> None:
    select = provision.Selection
    assert select(Path("v"), extras=("demo",)).options == ["--extra", "demo", "--no-dev"]
    assert select(Path("v"), all_extras=True, development=True).options == ["--all-extras"]


def test_a_first_installation_wants_room(dev: ModuleType) -> None:
    assert dev.room("test", 1_000_000, installed=True) is None
    assert dev.room("test", 10**10, installed=False) is None
    assert "0.0 GB are free" in dev.room("test", 1_000_000, installed=False)


def test_a_uv_that_is_too_old_is_passed_over(provision: ModuleType, tmp_path: Path) -> None:
    old, mine = tmp_path / "bin" / "uv", tmp_path / "local" / "bin" / "uv"
    for path, version in ((old, "0.1.0"), (mine, provision.PINNED_UV)):
        path.parent.mkdir(parents=True)
        path.write_text(f"#!/bin/sh\necho uv {version}\n")
        path.chmod(0o755)
    environ = {"PATH": str(old.parent)}
    assert provision.uv(tmp_path / "local", environ) == str(mine)
    old.write_text("#!/bin/sh\necho uv 99.0.0\n")
    assert provision.uv(tmp_path / "local", environ) == str(old)


def test_the_clone_of_a_stranger_says_what_is_missing(tmp_path: Path) -> None:
    """No network and no uv: one line for the cause, one for the cure, and no traceback."""
    for name in ("dev", "actions/_runtime/provision.py", "uv.lock", "pyproject.toml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / "dev").chmod(0o755)
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "python3").symlink_to(sys._base_executable)  # type: ignore[attr-defined]
    for name in ("git", "env"):
        (tools / name).symlink_to(f"/usr/bin/{name}")
    environ = {"PATH": str(tools), "HOME": str(tmp_path), "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": "/dev/null"}
    done = subprocess.run([str(tmp_path / "dev"), "demo"], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 5
    assert "what to do: " in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
