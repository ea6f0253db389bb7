"""A real container engine and a real registry for tests, and a base image made of this machine's own Python.

Root gets an engine of its own, with every folder below a temporary one, a bridge and addresses that no other has; it
is gone afterwards, also where the tests were killed (``docker_daemon``).  Others use the one that runs.  Nothing is
fetched from anywhere: the registry listens on the loopback interface only.  Every wait has an end.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import docker
import docker.errors
import pytest

import time_limits
from servers import docker_daemon

PYTHON = "/usr/bin/python3"
"""Debian's Python, which lies in few places and needs few libraries."""

_LEFT_OUT = ("test", "dist-packages", "idlelib", "ensurepip", "lib2to3", "tkinter", "turtledemo", "__pycache__")
_FAKETIME = "/usr/lib/*/faketime/libfaketime.so.1"
_FILLED, _LET_GO, _TURN = 180.0, 90.0, 300.0
"""Seconds for making the images, for the engine to be gone, and for other tests to be done with theirs."""


@dataclass(frozen=True)
class Engine:
    """An engine at ``host`` (as in ``DOCKER_HOST``), and images that it can pull, by digest.

    ``image`` holds Python alone and ``faked`` also libfaketime, where this machine has it.
    """

    client: Any
    host: str
    registry: str
    image: str
    faked: str | None

    @property
    def environ(self) -> dict[str, str]:
        """The variables that lead a program to it."""
        return {"PATH": os.environ["PATH"], "DOCKER_HOST": self.host}

    def left(self) -> dict[str, list[str]]:
        """The name of everything that the engine keeps."""
        return {
            "containers": sorted(one.id for one in self.client.containers.list(all=True, ignore_removed=True)),
            "images": sorted(one.id for one in self.client.images.list(all=True)),
            "volumes": sorted(one.id for one in self.client.volumes.list()),
            "networks": sorted(one.id for one in self.client.networks.list()),
        }


def lacking() -> str | None:
    """Why there can be neither engine nor registry here, or ``None``; whether one starts is seen when it does."""
    if not (Path(PYTHON).exists() and docker_daemon.program("docker-registry")):
        return "Debian's python3 and docker-registry are not installed: `apt-get install docker-registry`"
    if starts_its_own() or _answers(_host()):
        return None
    if os.geteuid() != 0:
        return "no container engine runs here, and only root can start one"
    return "no container engine runs here, and none is installed: `apt-get install docker.io`"


def given_up(why: str) -> NoReturn:
    """Skip the test that asks, and say why; where ``MG_ENGINE`` is set, as in continuous integration, fail it."""
    if os.environ.get("MG_ENGINE"):
        pytest.fail(why)
    pytest.skip(why)


@contextlib.contextmanager
def served() -> Iterator[Engine]:
    """The engine as a fixture has it: without one, the test that asks is given up."""
    why = lacking()
    if why is not None:
        given_up(why)
    with contextlib.ExitStack() as stack:
        try:
            engine = stack.enter_context(serve())
        except docker_daemon.NotReadyError as problem:
            given_up(f"no container engine could be started: {problem}")
        yield engine


@contextlib.contextmanager
def serve() -> Iterator[Engine]:
    """Run both until the block ends.  Raises ``NotReadyError`` where they do not start, or not in time.

    An engine of one's own has nothing to share.  One that ran before is used by one process of tests at a time, since
    tests count what it holds, and is left with what it had.
    """
    with contextlib.ExitStack() as stack:
        own = starts_its_own()
        if not own:
            stack.enter_context(_turn())
        told = stack.enter_context(_held(engine=own))
        host, registry = told["host"] or _host(), told["registry"]
        client = docker.DockerClient(base_url=host, timeout=60)
        stack.callback(client.close)
        library = next((str(one) for one in Path("/").glob(_FAKETIME.lstrip("/"))), None)
        with time_limits.within(_FILLED, "images for the engine"):
            image, faked = _images(client, registry, library)
        yield Engine(client, host, registry, image, faked)
        for one in filter(None, (image, faked)):
            with contextlib.suppress(docker.errors.ImageNotFound):
                client.images.remove(one, force=True)


@contextlib.contextmanager
def fragile(*, kibibytes: int) -> Iterator[tuple[Any, str, int]]:
    """An engine of a test's own, on a disk of that size and with nothing in it, to be killed: client, host, process."""
    with _held(engine=True, kibibytes=kibibytes) as told, contextlib.ExitStack() as stack:
        client = docker.DockerClient(base_url=told["host"], timeout=60)
        stack.callback(client.close)
        process = Path(told["host"].removeprefix("unix://")).with_name("pidfile").read_text(encoding="ascii")
        yield client, told["host"], int(process)


@contextlib.contextmanager
def _held(*, engine: bool, kibibytes: int | None = None) -> Iterator[dict[str, str]]:
    """What holds both, and is told to let go by the end of its input, which also comes when we are killed."""
    # a short path of its own: that of a socket may not be longer than about a hundred characters
    folder = tempfile.mkdtemp(prefix="mg-engine-")
    if kibibytes is not None:  # what holds the engine undoes every mount below the folder
        disk = Path(folder) / "data-root"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kibibytes}k", "disk", str(disk)], check=True)
    argv = [sys.executable, docker_daemon.__file__, folder, "engine" if engine else "registry"]
    daemon = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    assert daemon.stdin is not None
    assert daemon.stdout is not None
    try:
        # it answers within twice its limit for one of them, whatever happens
        line = daemon.stdout.readline()
        told: dict[str, str] = json.loads(line) if line else {"problem": "nothing was said of it"}
        if "problem" in told:
            raise docker_daemon.NotReadyError(told["problem"])
        yield told
    finally:
        daemon.stdin.close()
        try:
            daemon.wait(_LET_GO)
        except subprocess.TimeoutExpired:
            daemon.kill()
            raise
        finally:
            daemon.stdout.close()


@contextlib.contextmanager
def _turn() -> Iterator[None]:
    """Wait, not for ever, until no other process of tests uses the engine that ran before."""
    with (Path(tempfile.gettempdir()) / "mg-engine.lock").open("w") as turn:
        try:
            with time_limits.within(_TURN, "another process of tests holds the engine"):
                fcntl.flock(turn, fcntl.LOCK_EX)
        except time_limits.TimeIsUpError as problem:
            raise docker_daemon.NotReadyError(str(problem)) from None
        yield


def _images(client: Any, registry: str, library: str | None) -> tuple[str, str | None]:
    """The names of the two images, by digest, in the registry and nowhere else."""
    settings = ['ENTRYPOINT ["/never-run"]', "ENV FROM_IMAGE=yes PATH=/usr/bin", "VOLUME /volume"]
    client.api.import_image_from_data(_root(), repository=f"{registry}/python", tag="test", changes=settings)
    if library is not None:
        context = _context(f"{registry}/python:test", library)
        client.images.build(fileobj=context, custom_context=True, tag=f"{registry}/faked:test", rm=True)
    faked = None if library is None else _pushed(client, f"{registry}/faked")
    return _pushed(client, f"{registry}/python"), faked


def starts_its_own() -> bool:
    """Whether tests get an engine that nobody else has."""
    return os.geteuid() == 0 and docker_daemon.program("dockerd") is not None


def _host() -> str:
    return os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")


def _answers(host: str) -> bool:
    try:
        client = docker.DockerClient(base_url=host, timeout=5)
        client.ping()
        client.close()
    except (docker.errors.DockerException, OSError):
        return False
    return True


def _root() -> bytes:
    """A file system with this machine's Python, its standard library and the libraries they need, as a tar."""
    ask = "import sys, sysconfig; print(sysconfig.get_paths()['stdlib'], sys.executable)"
    done = subprocess.run([PYTHON, "-I", "-c", ask], check=True, capture_output=True, text=True)
    library, program = (Path(word) for word in done.stdout.split())
    program = program.resolve()
    found = {path for one in (program, *(library / "lib-dynload").glob("*.so")) for path in _libraries(one)}
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name in ("dev", "proc", "sys", "run", "etc"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(folder)
        for path in sorted({program, *found}):
            archive.add(path.resolve(), arcname=str(path))
        archive.add(library, filter=_kept)
        link = tarfile.TarInfo("usr/bin/python")
        link.type, link.linkname = tarfile.SYMTYPE, program.name
        archive.addfile(link)
    return stream.getvalue()


def _context(base: str, library: str) -> io.BytesIO:
    """What an image with one more file is built from."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        words = f"FROM {base}\nCOPY library {library}\n".encode()
        recipe = tarfile.TarInfo("Dockerfile")
        recipe.size = len(words)
        archive.addfile(recipe, io.BytesIO(words))
        archive.add(Path(library).resolve(), arcname="library")
    stream.seek(0)
    return stream


def _kept(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    parts = member.name.split("/")
    return None if any(part in _LEFT_OUT or part.startswith("config-") for part in parts) else member


def _libraries(path: Path) -> list[Path]:
    """The shared libraries that a file is loaded with, where the loader looks for them."""
    said = subprocess.run(["ldd", str(path)], check=False, capture_output=True, text=True).stdout
    words = [word for line in said.splitlines() for word in line.split() if word.startswith("/")]
    return [Path(word) for word in words]


def _pushed(client: Any, name: str) -> str:
    """Put an image into the registry, and keep it nowhere else; its name by digest."""
    for said in client.images.push(name, tag="test", stream=True, decode=True):
        if "error" in said:
            raise RuntimeError(said["error"])
    digest: str = next(one for one in client.images.get(f"{name}:test").attrs["RepoDigests"] if one.startswith(name))
    client.images.remove(f"{name}:test", force=True)
    return digest
