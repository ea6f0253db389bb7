from __future__ import annotations

import shutil
import socket
import sys
from pathlib import Path

import pytest

from mlops_gitops.adapters.confinement import Bubblewrap
from mlops_gitops.adapters.trainings import SHIM
from mlops_gitops.reproduction.trainings import Order
from training_grounds import BOTH, GOOD, Ground, contents, ground, troubles


@pytest.fixture
def here(tmp_path: Path) -> Ground:
    return ground(tmp_path)


OUTSIDE = {
    "the repository": "open({root!r} + '/models/cancer/train.py', 'a').write('# here I was')",
    "the input where it lies": "open({root!r} + '/models/cancer/data/train.csv', 'a').write('1,2')",
    "git": "open({root!r} + '/.git/config', 'a').write('# here I was')",
    "the environment": "open(os.__file__, 'a').write('')\nopen(os.environ['PATH'].split(':')[0] + '/here-I-was', 'w')",
    "the home": "open({home!r} + '/here-I-was', 'w')",
    "the machine": "open('/var/tmp/here-I-was', 'w')",
    "the folder of the run": "open({scratch!r} + '/runs/first/here-I-was', 'w')",
}


@BOTH
@pytest.mark.parametrize("where", OUTSIDE)
def test_nothing_outside_can_be_written(here: Ground, where: str, *, confined: bool) -> None:
    secret = Path(here.environ["HOME"]) / "secret"
    secret.write_text("of ada")
    here.commit()
    places = {"root": str(here.root), "home": here.environ["HOME"], "scratch": str(here.scratch)}
    text = "import os\n" + OUTSIDE[where].format(**places) + "\n" + GOOD
    here.write("train.py", text)
    trainer = here.trainer(confined=confined)
    before = contents(here.root, secret.parent)
    run = trainer.train(Order("first"))
    assert contents(here.root, secret.parent) == before
    assert "crashed" in troubles(run)
    assert not run.usable
    assert not Path("/var/tmp/here-I-was").exists()  # noqa: S108 - it must not be there
    assert not (Path(sys.executable).parent / "here-I-was").exists()
    assert {path.name for path in run.folder.iterdir()} == {"work", "home", "tmp", "trace", "log"}
    if not confined:
        assert {"wrote-outside", "changed-input"} & set(troubles(run)), run.problems


SHELL = {
    "the repository": "echo 1 >> {root}/models/cancer/train.py",
    "an input": "echo 1,2 >> data/train.csv",
    "an input after asking": "chmod 666 data/train.csv; echo 1,2 >> data/train.csv",
    "an input by another name": "mv data/train.csv data/other.csv",
    "the home": "touch {home}/here-I-was",
    "what hides the repository": "touch {root}/here-I-was",
    "the system": "touch /etc/here-I-was",
    "the folder of all runs": "touch /run/here-I-was",
    "above the checkout": "touch ../../../here-I-was",
    "the shim": "touch {shim}/here-I-was",
}


@pytest.mark.parametrize("where", SHELL)
def test_the_kernel_keeps_what_is_not_python_from_writing_outside(here: Ground, where: str) -> None:
    words = SHELL[where].format(root=here.root, home=here.environ["HOME"], shim=SHIM)
    here.training["entrypoint"] = ["sh", "-ec", f"{words}; echo {{}} > model.json"]
    before = contents(here.root, Path(here.environ["HOME"]))
    run = here.trainer().train(Order("first"))
    assert troubles(run) == ["crashed"], run.log.read_text()
    assert contents(here.root, Path(here.environ["HOME"])) == before


def test_a_confined_training_cannot_see_the_home_or_the_repository(here: Ground) -> None:
    secret = Path(here.environ["HOME"]) / "secret"
    secret.write_text("of ada")
    (here.root / "private.txt").write_text("of ada")
    text = f"import os\nassert not os.path.exists({str(secret)!r})\n"
    text += f"assert not os.path.exists({str(here.root / 'private.txt')!r})\n"
    text += "assert not os.path.exists('/root/.ssh') and not os.path.exists('/run/docker.sock')\n"
    run = here.run(text + GOOD)
    assert run.exit_code == 0, run.log.read_text()


def test_a_confined_training_has_no_privilege_to_undo_it(here: Ground) -> None:
    text = """\
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
MS_REMOUNT, MS_BIND = 32, 4096
assert libc.mount(b"none", b"/", None, MS_REMOUNT | MS_BIND, None) != 0
assert libc.mount(b"none", b"/run/training/work/models/cancer/data/train.csv", None, MS_REMOUNT | MS_BIND, None) != 0
assert all(line.split()[1] == "0" * 16 for line in open("/proc/self/status") if line.startswith("Cap"))
"""
    run = here.run(text + GOOD)
    assert run.exit_code == 0, run.log.read_text()


def test_a_confined_training_uses_git_in_its_checkout(here: Ground) -> None:
    text = "import subprocess\nsaid = subprocess.check_output(['git', 'log', '--format=%H'], text=True)\n"
    text += "open('model.json', 'w').write(said)"
    here.write("train.py", text)
    revision = here.commit()
    run = here.trainer(revision=revision).train(Order("first"))
    assert run.artifact is not None, run.log.read_text()
    assert run.artifact.read_text().strip() == revision


@BOTH
def test_asking_for_the_network_is_noted(here: Ground, *, confined: bool) -> None:
    text = "import socket\nsocket.create_connection(('192.0.2.1', 80), timeout=5)\n"
    run = here.run(text + GOOD, confined=confined)
    assert {"crashed", "network"} == set(troubles(run))
    assert any("192.0.2.1" in one.message for one in run.problems)


def test_a_confined_training_has_a_network_only_where_it_is_asked_for(here: Ground) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        text = f"import socket\nsocket.create_connection(('127.0.0.1', {server.getsockname()[1]}), timeout=5)\n"
        assert "crashed" in troubles(here.run(text + GOOD))
        here.training["network"] = True
        run = here.run(text + GOOD)
        assert (run.exit_code, run.problems) == (0, ()), run.log.read_text()


def test_without_bubblewrap_a_training_runs_and_says_so(here: Ground, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("git", "python3"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    here.environ["PATH"] = str(tools)
    run = here.run(GOOD)
    assert run.usable
    assert "bubblewrap is not installed or not allowed here" in run.isolation


def test_a_bubblewrap_that_is_not_allowed_counts_as_none(here: Ground, tmp_path: Path) -> None:
    refusing = tmp_path / "tools" / "bwrap"
    refusing.parent.mkdir()
    refusing.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    refusing.chmod(0o755)
    here.environ["PATH"] = f"{refusing.parent}:{here.environ['PATH']}"
    assert "not allowed here" in here.run(GOOD).isolation


def test_a_mount_that_goes_while_the_sandbox_is_made_costs_no_training(here: Ground, tmp_path: Path) -> None:
    """What a container that ends anywhere on the machine does to bubblewrap now and then: here two times of three."""
    racing, calls = tmp_path / "tools" / "bwrap", tmp_path / "calls"
    racing.parent.mkdir()
    racing.write_text(
        f"#!/bin/sh\necho >>{calls}\n"
        f'[ $(($(wc -l <{calls}) % 3)) -eq 0 ] && exec {shutil.which("bwrap")} "$@"\n'
        'echo "bwrap: Can\'t bind mount /oldroot/ on /newroot/: Unable to apply mount flags: Invalid argument" >&2\n'
        "exit 1\n"
    )
    racing.chmod(0o755)
    here.environ["PATH"] = f"{racing.parent}:{here.environ['PATH']}"
    run = here.run(GOOD)
    assert run.usable
    assert run.isolation == Bubblewrap.isolation, "and it is not done without"
    assert len(calls.read_text()) == 6, "whether it works here, and the training"
