from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlops_gitops.adapters import training_processes
from training_grounds import BOTH, GOOD, Ground, ground, troubles


@pytest.fixture
def here(tmp_path: Path) -> Ground:
    return ground(tmp_path)


@BOTH
def test_a_signal_has_a_name(here: Ground, *, confined: bool) -> None:
    run = here.run("import os\nos.kill(os.getpid(), 11)", confined=confined)
    assert run.problems[0].message.startswith("training was ended by SIGSEGV")


@BOTH
def test_a_command_that_is_not_there(here: Ground, *, confined: bool) -> None:
    here.training["entrypoint"] = ["no-such-program", "train.py"]
    run = here.run(GOOD, confined=confined)
    assert troubles(run) == ["crashed"]
    assert "No such file or directory" in run.problems[0].message


LINGER = """\
import os, subprocess, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        subprocess.run(["sleep", "{mark}"])
    os._exit(0)
time.sleep(0.3)
"""


def running(mark: str) -> bool:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if f"\0{mark}\0" in path.read_text(errors="replace"):
                return True
        except OSError:
            continue
    return False


def gone(mark: str) -> bool:
    """Whether no such process is there; the kernel takes a moment to end the members of a namespace."""
    until = time.monotonic() + 10
    while running(mark) and time.monotonic() < until:
        time.sleep(0.05)
    return not running(mark)


@BOTH
def test_what_a_training_leaves_running_ends_with_it(here: Ground, *, confined: bool) -> None:
    mark = f"6{os.getpid()}{int(confined)}"
    run = here.run(LINGER.format(mark=mark) + GOOD, confined=confined)
    assert (run.exit_code, run.problems) == (0, ()), run.log.read_text()
    assert gone(mark)


@BOTH
def test_a_training_that_hangs_is_stopped_with_all_it_started(here: Ground, *, confined: bool) -> None:
    mark = f"7{os.getpid()}{int(confined)}"
    text = LINGER.format(mark=mark) + "print('waiting', flush=True)\ntime.sleep(600)"
    run = here.run(text, confined=confined, seconds=1.5)
    assert (troubles(run), run.exit_code) == (["timeout"], None)
    assert run.problems[0].message == "training did not end within 1.5 seconds and was stopped: waiting"
    assert gone(mark)


@BOTH
def test_a_training_that_will_not_listen_is_stopped(here: Ground, *, confined: bool) -> None:
    text = "import signal, time\nfor n in range(1, 32):\n    n in (9, 19) or signal.signal(n, signal.SIG_IGN)\n"
    text += "time.sleep(600)"
    run = here.run(text, confined=confined, seconds=1.0)
    assert troubles(run) == ["timeout"]


@BOTH
def test_when_we_are_killed_nothing_is_left(here: Ground, *, confined: bool) -> None:
    mark = f"8{os.getpid()}{int(confined)}"
    here.write("train.py", LINGER.format(mark=mark) + "time.sleep(600)")
    program = f"""
import sys
sys.path[:0] = {sys.path!r}
from pathlib import Path
from training_grounds import Ground
from mlops_gitops.reproduction.trainings import Order
here = Ground(Path({str(here.root)!r}), Path({str(here.scratch)!r}), environ={here.environ!r})
here.trainer(confined={confined}).train(Order("first"))
"""
    process = subprocess.Popen([sys.executable, "-c", program])
    try:
        until = time.monotonic() + 30
        while not running(mark) and time.monotonic() < until:
            time.sleep(0.05)
        assert running(mark)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert gone(mark)


@BOTH
def test_a_log_has_an_end(here: Ground, monkeypatch: pytest.MonkeyPatch, *, confined: bool) -> None:
    monkeypatch.setattr(training_processes, "KEPT_FIRST", 10_000)
    monkeypatch.setattr(training_processes, "KEPT_LAST", 10_000)
    text = "for n in range(200_000):\n    print('line', n)\nprint('the end')\n"
    run = here.run("print('the start')\n" + text + GOOD, confined=confined)
    assert run.exit_code == 0
    said = run.log.read_text()
    assert said.startswith("the start\n")
    assert said.endswith("the end\n")
    assert "bytes were left out here]" in said
    assert len(said) < 200_000
