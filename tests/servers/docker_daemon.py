"""Holds a container engine and a registry for as long as its standard input is open, and then leaves nothing of them.

A program of its own, so that nothing outlives the tests, however they end: the kernel closes the input of one whose
other end was killed.  What the engine started is adopted and ended, its mounts are undone, its bridge and its folder
removed.  It says where both listen in one line of JSON, ``{"host": …, "registry": …}``, or ``{"problem": …}``.
"""

from __future__ import annotations

import contextlib
import ctypes
import ipaddress
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from mlops_gitops.adapters import training_supervisor

ADMINISTRATION = "/usr/sbin:/sbin"
READY = 90.0
"""Seconds until an engine or a registry answers, on a machine that has other things to do."""
_ENDS = 20.0
_SETTINGS = ["--iptables=false", "--ip6tables=false", "--ip-masq=false", "--ip-forward=false", "--shutdown-timeout=2"]


class NotReadyError(Exception):
    """What did not start, and what it said."""


def program(name: str) -> str | None:
    """Where a program is, also one that only administrators have on their path."""
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), ADMINISTRATION]))


def main(folder: Path, *, engine: bool) -> None:
    """Hold both in ``folder``, or the registry alone, until the input ends or ``SIGTERM`` comes."""
    ctypes.CDLL(None).prctl(training_supervisor.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        with contextlib.ExitStack() as stack:
            host = stack.enter_context(_engine(folder)) if engine else None
            registry = stack.enter_context(_registry(folder / "registry"))
            print(json.dumps({"host": host, "registry": registry}), flush=True)
            sys.stdin.read()
    except (NotReadyError, OSError, subprocess.SubprocessError) as problem:
        print(json.dumps({"problem": str(problem)}), flush=True)
    finally:
        training_supervisor._end()
        _unmount(folder)
        shutil.rmtree(folder)


@contextlib.contextmanager
def _engine(folder: Path) -> Iterator[str]:
    """An engine whose containers reach nothing: a bridge leads nowhere without the rules that it does not write."""
    socket_path = folder / "engine"
    argv = [str(program("dockerd")), "--host", f"unix://{socket_path}", *_SETTINGS]
    for option in ("data-root", "exec-root", "pidfile"):
        argv += [f"--{option}", str(folder / option)]
    with _bridge(f"mg{os.getpid()}") as bridge, _process([*argv, "--bridge", bridge], folder / "log") as alive:
        _until(lambda: _answers(socket_path), alive)
        yield f"unix://{socket_path}"


@contextlib.contextmanager
def _registry(folder: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder.mkdir()
    (folder / "config.yml").write_text(
        f"version: 0.1\nlog: {{level: error}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n"
        f"storage: {{filesystem: {{rootdirectory: '{folder}/data'}}}}\n"
    )
    argv = [str(program("docker-registry")), "serve", str(folder / "config.yml")]
    with _process(argv, folder / "log") as alive:
        _until(lambda: _listens(port), alive)
        yield f"127.0.0.1:{port}"


@contextlib.contextmanager
def _process(argv: list[str], log: Path) -> Iterator[Callable[[], None]]:
    """A server that talks to a file; what is yielded raises where it has ended.  Ended gently, and then not."""
    with log.open("wb") as stream:
        server = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT)

    def alive() -> None:
        if server.poll() is not None:
            raise NotReadyError(f"{argv[0]} ended: {log.read_text(errors='replace')[-2000:]}")

    try:
        yield alive
    finally:
        server.terminate()
        try:
            server.wait(_ENDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


@contextlib.contextmanager
def _bridge(name: str) -> Iterator[str]:
    """A network of the engine's own: two engines of one machine do not share addresses."""
    address = ipaddress.ip_address("10.213.0.1") + 256 * (os.getpid() % 256)
    ip = str(program("ip"))
    _said([ip, "link", "add", name, "type", "bridge"])
    try:
        _said([ip, "addr", "add", f"{address}/24", "dev", name])
        _said([ip, "link", "set", name, "up"])
        yield name
    finally:
        _said([ip, "link", "delete", name])


def _said(argv: list[str]) -> None:
    done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=_ENDS)
    if done.returncode != 0:
        raise NotReadyError(f"{' '.join(argv)}: {done.stderr.strip()}")


def _until(ready: Callable[[], bool], alive: Callable[[], None]) -> None:
    end = time.monotonic() + READY
    while not ready():
        alive()
        if time.monotonic() > end:
            raise NotReadyError(f"no answer within {READY:g} seconds")
        time.sleep(0.05)


def _answers(path: Path) -> bool:
    """Whether an engine says that it is well at its socket."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(5)
        caller.connect(str(path))
        caller.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
        return b" 200 " in caller.recv(64)
    return False


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _unmount(folder: Path) -> None:
    """Undo every mount below ``folder``, the last first."""
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for place in reversed([one for one in mounts if one.startswith(f"{folder}/")]):
        subprocess.run(["umount", "--lazy", place], check=False, timeout=_ENDS, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main(Path(sys.argv[1]), engine=sys.argv[2] == "engine")
