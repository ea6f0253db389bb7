"""Run one training in a container image that is named by its digest.

Promises: the image is the one of the digest and is pulled only where it is not there; its root is read-only, there is
no network unless it was asked for, no capability, no new privilege, and no variable but the image's own and those that
are given; the image's entry point is not run.  The container is gone when ``run`` returns, with its anonymous volumes,
and what a killed process of ours left behind goes at the next run on this machine.  The engine does not remove it by
itself, because its exit code and log would go with it.  The image stays, as environments do.

Never runs as root: files that root hands in are made the property of ``NOBODY`` first.  An engine without root is the
exception: its root is the caller, and nobody else may write what the caller owns.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from mlops_gitops.adapters import container_owners
from mlops_gitops.errors import Misused, WorldFailed

NOBODY = (65534, 65534)
"""Who a training is where the caller is root."""
FAKETIME = tuple(f"/usr/lib/{one}-linux-gnu/faketime/libfaketime.so.1" for one in ("x86_64", "aarch64"))
"""Where Debian and Ubuntu put libfaketime."""

_NAME = re.compile(r"[a-z0-9][a-zA-Z0-9._/:-]*@sha256:[0-9a-f]{64}")
_TAG = re.compile(r":[\w.-]+$")
_PROCESSES = 4096
_SHARED = "1g"
_TAKEN_AWAY = frozenset({"removing", "dead"})
_NOT_FOUND = 127
_GONE, _GOING = 404, 409
_CANNOT_START = ("executable file not found", "no such file or directory", "permission denied", "exec format error")


@dataclass(frozen=True, slots=True)
class Bind:
    """A file or folder of this machine, and where the training sees it."""

    outside: Path
    inside: Path
    writable: bool = False


@dataclass(frozen=True, slots=True)
class Image:
    """An image that is there, in the engine that has it.  ``client`` is the engine's, of the ``docker`` package."""

    name: str
    client: Any


def opened(name: str, *, environ: Mapping[str, str]) -> Image:
    """The image ``name@sha256:…`` of the engine that ``environ`` leads to (``DOCKER_HOST``), pulled if it is not there.

    Raises ``Misused`` where it is named otherwise than by digest or the ``docker`` package is missing, ``WorldFailed``
    where there is no engine, or the registry does not give the image.
    """
    if not _NAME.fullmatch(name):
        raise Misused(
            f"the image {name!r} is not named by its digest, and a tag can be another image tomorrow",
            hint="write name@sha256:…: `docker buildx imagetools inspect NAME` prints the digest",
            code="training-image",
        )
    place, digest = name.split("@")
    exact = f"{_TAG.sub('', place)}@{digest}"
    image = Image(exact, _engine(environ))
    container_owners.remove_stale(image.client)
    _pull(image)
    return image


def run(
    image: Image,
    words: Sequence[str],
    *,
    folder: Path,
    binds: Sequence[Bind],
    environment: Mapping[str, str],
    log: BinaryIO,
    network: bool = False,
    cpus: int | None = None,
    user: tuple[int, int] | None = None,
) -> int:
    """Run ``words`` in ``folder`` of the image until they end; their exit code, 128 + N where signal N ended them.

    ``user`` are the ids to run with, by default those that can write what the caller owns.  What is printed goes to
    ``log`` at once, and the engine keeps none of it.  An exception, such as one that a signal handler raises, ends the
    container too.  Raises ``WorldFailed`` where the engine, and not the training, is at fault.
    """
    user = user or owner(image, caller=(os.geteuid(), os.getegid()))
    if os.geteuid() == 0 and user != (0, 0):
        _hand_over([one.outside for one in binds if one.writable], user)
    settings = {
        "working_dir": str(folder),
        "environment": dict(environment),
        "network_mode": "bridge" if network else "none",
        "user": f"{user[0]}:{user[1]}",
        **_files(binds),
        **_limits(cpus),
    }
    with _failing(image), _container(image, words, **settings) as container:
        said = container.attach(stream=True, stdout=True, stderr=True)
        refused = _started(container)
        if refused is not None:
            log.write(f"{refused}\n".encode())
            return _NOT_FOUND
        for part in said:
            log.write(part)
            log.flush()
        code = int(container.wait()["StatusCode"])
        container.reload()
        if container.status in _TAKEN_AWAY:
            raise _lost(image)
        return code


def owner(image: Image, *, caller: tuple[int, int]) -> tuple[int, int]:
    """The ids inside a container that own what ``caller`` owns outside, but never those of root."""
    with _failing(image):
        options = image.client.info().get("SecurityOptions") or ()
    if any("name=rootless" in one for one in options):
        return (0, 0)
    return NOBODY if caller[0] == 0 else caller


def faketime(image: Image) -> str | None:
    """Where the image has libfaketime, without which its clock cannot be set."""
    from docker.errors import NotFound

    with _failing(image), _container(image, ["-"], network_mode="none") as never_started:
        for path in FAKETIME:
            with contextlib.suppress(NotFound):
                stream, _ = never_started.get_archive(path)
                stream.close()
                return path
    return None


def supported(library: str | None) -> frozenset[str]:
    """The names of the factors that can be varied in an image: what variables do, and what the engine does.

    ``library`` is where the image has libfaketime.  Versions of packages are the image's own.
    """
    found = {"generators", "entropy", "hash-seed", "file-order", "threads", "race", "time-zone", "locale", "user"}
    found |= {"folder", "cpu-features", "row-order"}
    if library is not None:
        found.add("clock")
    if len(os.sched_getaffinity(0)) > 1:
        found.add("cpus")
    return frozenset(found)


def _engine(environ: Mapping[str, str]) -> Any:
    try:
        import docker
        from docker.errors import DockerException
    except ImportError as missing:
        raise Misused(
            "spec.training.image needs the docker package, which is not installed",
            hint="install it: `pip install 'mlops-gitops[build]'`",
            code="training-image",
        ) from missing
    try:
        client = docker.from_env(environment=dict(environ))
        client.ping()
    except (DockerException, OSError) as error:
        raise WorldFailed(
            f"there is no container engine to run the training image in: {error}"[:500],
            hint="start Docker or Podman's service, or set DOCKER_HOST to where it listens",
            code="no-engine",
        ) from error
    return client


def _pull(image: Image) -> None:
    from docker.errors import APIError, ImageNotFound

    with _failing(image):
        try:
            image.client.images.get(image.name)
        except ImageNotFound:
            pass
        else:
            return
        try:
            image.client.images.pull(image.name)
        except APIError as error:
            raise WorldFailed(
                f"the image {image.name} cannot be pulled: {error.explanation or error}"[:500],
                hint="look whether it was deleted, and log in to its registry: `docker login`",
                code="image-pull",
            ) from error


@contextlib.contextmanager
def _container(image: Image, words: Sequence[str], **settings: Any) -> Iterator[Any]:
    """A container that is not started yet, and is gone afterwards."""
    made = image.client.containers.create(
        image.name,
        list(words[1:]),
        entrypoint=list(words[:1]),
        labels=container_owners.labels(),
        hostname="training",
        use_config_proxy=False,
        healthcheck={"test": ["NONE"]},
        read_only=True,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        **settings,
    )
    try:
        yield made
    finally:
        _removed(made)


def _removed(container: Any) -> None:
    from docker.errors import APIError

    try:
        container.remove(force=True, v=True)
    except APIError as error:
        if error.status_code not in {_GONE, _GOING}:
            raise


def _files(binds: Sequence[Bind]) -> dict[str, Any]:
    """What is bound, and a file system of the container's own at ``/tmp`` where nothing is."""
    from docker.types import Mount

    mounts = [Mount(str(one.inside), str(one.outside.absolute()), "bind", read_only=not one.writable) for one in binds]
    temporary = "/tmp"  # noqa: S108 - the container's, not this machine's
    free = all(str(one.inside) != temporary for one in binds)
    return {"mounts": mounts, "tmpfs": {temporary: "rw,exec,nosuid,nodev,mode=1777"} if free else {}}


def _limits(cpus: int | None) -> dict[str, Any]:
    """Processors that the training can see and count, and an end of what could fill the machine."""
    from docker.types import LogConfig

    chosen = sorted(os.sched_getaffinity(0))[:cpus]
    return {
        "cpuset_cpus": None if cpus is None else ",".join(map(str, chosen)),
        "pids_limit": _PROCESSES,
        "shm_size": _SHARED,
        "log_config": LogConfig(type="none"),
    }


def _started(container: Any) -> str | None:
    """Start it; why the command cannot be run, which is the training's fault and not the engine's."""
    from docker.errors import APIError

    try:
        container.start()
    except APIError as error:
        said = str(error.explanation or error)
        if any(words in said for words in _CANNOT_START) and "exec" in said:
            return said
        raise
    return None


def _lost(image: Image) -> WorldFailed:
    return WorldFailed(
        f"the container engine could not run {image.name}: somebody removed the container",
        hint="run the same command again",
        code="engine",
    )


@contextlib.contextmanager
def _failing(image: Image) -> Iterator[None]:
    """Whatever the engine says here is told as it said it."""
    import requests
    from docker.errors import DockerException

    try:
        yield
    except (DockerException, requests.exceptions.RequestException) as error:
        raise WorldFailed(
            f"the container engine could not run {image.name}: {getattr(error, 'explanation', None) or error}"[:500],
            hint="`docker info` says whether the engine is well; then run the same command again",
            code="engine",
        ) from error


def _hand_over(paths: Sequence[Path], user: tuple[int, int]) -> None:
    """Make everything below ``paths`` the user's; links are not followed, and root can still remove it all."""
    for path in paths:
        os.lchown(path, *user)
        for top, folders, files in os.walk(path):
            for name in (*folders, *files):
                os.lchown(os.path.join(top, name), *user)  # noqa: PTH118 - thousands of files
