"""A real container engine and a real registry for tests, and a base image made of this machine's own Python.

An engine that runs already is used as it is.  Otherwise one is started with every folder of its own below a temporary
one, and ended with it.  Nothing is fetched from anywhere: the registry listens on the loopback interface only.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import shutil
import socket
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import docker.errors
import pytest

PYTHON = "/usr/bin/python3"
"""Debian's Python, which lies in few places and needs few libraries."""

_ADMINISTRATION = "/usr/sbin:/sbin"
_LEFT_OUT = ("test", "dist-packages", "idlelib", "ensurepip", "lib2to3", "tkinter", "turtledemo", "__pycache__")
_FAKETIME = "/usr/lib/*/faketime/libfaketime.so.1"


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
            "containers": sorted(one.id for one in self.client.containers.list(all=True)),
            "images": sorted(one.id for one in self.client.images.list(all=True)),
            "volumes": sorted(one.id for one in self.client.volumes.list()),
            "networks": sorted(one.id for one in self.client.networks.list()),
        }


def lacking() -> str | None:
    """Why there can be neither engine nor registry here, or ``None``."""
    if not (Path(PYTHON).exists() and _program("docker-registry")):
        return "Debian's python3 and docker-registry are not installed: `apt-get install docker-registry`"
    if _answers(_host()):
        return None
    if os.geteuid() != 0:
        return "no container engine runs here, and only root can start one"
    if not _program("dockerd"):
        return "no container engine runs here, and none is installed: `apt-get install docker.io`"
    return None


def skipped() -> None:
    """Skip the test that asks, unless ``MG_ENGINE=1`` is set: an engine takes a minute to start, and two to be gone.

    Where that is set and there can be no engine, the test fails and says why.
    """
    if not os.environ.get("MG_ENGINE"):
        pytest.skip("tests with a container engine run on demand: MG_ENGINE=1")
    why = lacking()
    if why is not None:
        pytest.fail(why)


@contextlib.contextmanager
def serve() -> Iterator[Engine]:
    """Run both until the block ends, and leave the engine with what it had.

    One at a time on a machine: tests count what an engine holds, and two processes of tests may share one.
    """
    with contextlib.ExitStack() as stack:
        turn = stack.enter_context((Path(tempfile.gettempdir()) / "mg-engine.lock").open("w"))
        fcntl.flock(turn, fcntl.LOCK_EX)
        # a short path of its own: that of a socket may not be longer than about a hundred characters
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mg-engine-")))
        host = _host()
        if not _answers(host):
            host = stack.enter_context(_engine(folder))
        client = docker.DockerClient(base_url=host, timeout=60)
        stack.callback(client.close)
        registry = stack.enter_context(_registry(folder / "registry"))
        library = next((str(one) for one in Path("/").glob(_FAKETIME.lstrip("/"))), None)
        settings = ['ENTRYPOINT ["/never-run"]', "ENV FROM_IMAGE=yes PATH=/usr/bin", "VOLUME /volume"]
        client.api.import_image_from_data(_root(), repository=f"{registry}/python", tag="test", changes=settings)
        if library is not None:
            context = _context(f"{registry}/python:test", library)
            client.images.build(fileobj=context, custom_context=True, tag=f"{registry}/faked:test", rm=True)
        faked = None if library is None else _pushed(client, f"{registry}/faked")
        image = _pushed(client, f"{registry}/python")
        yield Engine(client, host, registry, image, faked)
        for one in filter(None, (image, faked)):
            with contextlib.suppress(docker.errors.ImageNotFound):
                client.images.remove(one, force=True)


def _program(name: str) -> str | None:
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), _ADMINISTRATION]))


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


@contextlib.contextmanager
def _engine(folder: Path) -> Iterator[str]:
    """An engine whose containers reach nothing: a bridge leads nowhere without the rules that it does not write."""
    host = f"unix://{folder}/engine"
    bridge = f"mg{os.getpid()}"
    argv = [str(_program("dockerd")), "--host", host, "--iptables=false", "--ip6tables=false", "--ip-masq=false"]
    argv += ["--ip-forward=false"]
    for option in ("data-root", "exec-root", "pidfile"):
        argv += [f"--{option}", str(folder / option)]
    with _bridge(bridge) as made, (folder / "log").open("wb") as log:
        server = subprocess.Popen([*argv, "--bridge", made], stdout=log, stderr=subprocess.STDOUT)
        try:
            for _ in range(300):
                if server.poll() is not None:
                    raise RuntimeError(f"dockerd ended: {(folder / 'log').read_text()[-2000:]}")
                if _answers(host):
                    break
                time.sleep(0.1)
            else:
                raise RuntimeError("dockerd does not answer")
            yield host
        finally:
            server.terminate()
            server.wait(timeout=30)


@contextlib.contextmanager
def _bridge(name: str) -> Iterator[str]:
    ip = str(_program("ip"))
    subprocess.run([ip, "link", "add", name, "type", "bridge"], check=True)
    try:
        subprocess.run([ip, "addr", "add", "10.213.77.1/24", "dev", name], check=True)
        subprocess.run([ip, "link", "set", name, "up"], check=True)
        yield name
    finally:
        subprocess.run([ip, "link", "delete", name], check=True)


@contextlib.contextmanager
def _registry(folder: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    folder.mkdir()
    (folder / "config.yml").write_text(
        f"version: 0.1\nlog: {{level: error}}\nhttp: {{addr: '{address}'}}\n"
        f"storage: {{filesystem: {{rootdirectory: '{folder}/data'}}}}\n"
    )
    argv = [str(_program("docker-registry")), "serve", str(folder / "config.yml")]
    server = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        host, port = address.split(":")
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
                break
            time.sleep(0.05)
        yield address
    finally:
        server.kill()
        server.wait()


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
