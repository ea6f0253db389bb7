"""The container engine of the tests: where there is none the tests say so, and nothing of one is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import time_limits
from servers import docker_daemon, docker_engine

TESTS = Path(__file__).parents[1]
HELD = """
import json, sys
sys.path.insert(0, sys.argv[1])
from servers import docker_engine
with docker_engine.serve() as engine:
    print(json.dumps(engine.host), flush=True)
    container = engine.client.containers.run(engine.image, entrypoint=["python", "-c"],
        command=["import time; time.sleep(60)"], detach=True)
    print(json.dumps(container.id), flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def nothing_demanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MG_ENGINE", raising=False)


def test_without_an_engine_tests_are_skipped_and_in_continuous_integration_they_fail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(docker_engine, "lacking", lambda: "no container engine runs here")
    with pytest.raises(pytest.skip.Exception, match="no container engine"), docker_engine.served():
        pass
    monkeypatch.setenv("MG_ENGINE", "1")
    with pytest.raises(pytest.fail.Exception, match="no container engine"), docker_engine.served():
        pass


def test_an_engine_that_ends_at_once_is_told_with_its_last_words_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("dockerd", "docker-registry", "ip"):
        (tmp_path / name).write_text(f"#!/bin/sh\n[ {name} = ip ] || {{ echo cannot mount; exit 1; }}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    with pytest.raises(docker_daemon.NotReadyError, match="ended: cannot mount"), docker_engine._held(engine=True):
        pass
    assert list(tmp_path.glob("mg-engine-*")) == []


@pytest.mark.skipif(not os.environ.get("MG_EXHAUSTIVE"), reason="MG_EXHAUSTIVE=1 runs the longer forms")
def test_when_the_tests_are_killed_their_engine_goes_with_all_that_it_had() -> None:
    why = docker_engine.lacking()
    if why is not None or not docker_engine.starts_its_own():
        docker_engine.given_up(why or "the engine that runs here is not ours to end")
    argv = [sys.executable, "-c", HELD, str(TESTS)]
    with (
        time_limits.within(240, "an engine that is killed"),
        subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as tests,
    ):
        assert tests.stdout is not None
        try:
            host, container = (json.loads(tests.stdout.readline()) for _ in range(2))
        finally:
            tests.send_signal(signal.SIGKILL)
    folder = Path(host.removeprefix("unix://")).parent
    time_limits.until(lambda: not _processes(str(folder)))
    assert not folder.exists()
    assert _processes(container) == []
    assert str(folder) not in Path("/proc/self/mountinfo").read_text()
    # not by rglob, which stumbles over what other processes take away meanwhile
    assert not [top for top, _, _ in os.walk("/sys/fs/cgroup") if container in top]


def _processes(word: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            told = path.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if word in told:
            found.append(told)
    return found
