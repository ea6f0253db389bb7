"""Whose a container, network, volume or unfinished image is, so that what a killed process left is found and removed.

The label names the machine's start, the process namespace, the process and when it began.  A container is stale only
where all of that is known here and the process is no more; those of other machines and namespaces are left alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from typing import Any

LABEL = "mlops-gitops.training"
"""On every container and network of ours."""


def labels() -> dict[str, str]:
    """What a container of this process is labelled with."""
    return {LABEL: f"{_world()} {os.getpid()} {_born(os.getpid())}"}


BUILDING = "building-"
"""How the tags begin that images have while they are built."""


def tag() -> str:
    """What an image of this process is tagged with while it is built; a label would make it another image."""
    return f"{BUILDING}{_short(_world())}-{os.getpid()}-{_born(os.getpid())}"


def remove_stale_tags(client: Any) -> None:
    """Remove the images that processes were building which are no more, where the engine lets us."""
    from docker.errors import DockerException

    with contextlib.suppress(DockerException):
        for one in client.api.images(filters={"reference": f"*:{BUILDING}*"}):
            for name in one.get("RepoTags") or ():
                world, process, born = (*name.rpartition(f":{BUILDING}")[2].split("-"), "", "")[:3]
                if world == _short(_world()) and process.isdecimal() and _born(int(process)) != born:
                    with contextlib.suppress(DockerException):  # one that is still in use keeps no other
                        client.api.remove_image(name)


def remove_stale(client: Any) -> None:
    """Remove the containers, networks and volumes of processes that are no more, where the engine lets us."""
    from docker.errors import DockerException

    with contextlib.suppress(DockerException):
        for one in client.containers.list(all=True, filters={"label": LABEL}, ignore_removed=True):
            if _stale(one.labels[LABEL]):
                one.remove(force=True, v=True)
        for one in client.volumes.list(filters={"label": LABEL}):
            if _stale(one.attrs["Labels"][LABEL]):
                one.remove()
        for one in client.networks.list(filters={"label": LABEL}):
            if _stale(one.attrs["Labels"][LABEL]):
                one.remove()


def _stale(label: str) -> bool:
    """Whether a label names a process of this machine that is no more."""
    world, process, born = (*label.split(" "), "", "")[:3]
    return world == _world() and process.isdecimal() and _born(int(process)) != born


def _short(world: str) -> str:
    return hashlib.sha256(world.encode()).hexdigest()[:12]


def _world() -> str:
    """Where a process id means one process: this start of this machine, this process namespace."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"


def _born(process: int) -> str:
    """When a process began, in ticks; ids are used again, and then it is another one."""
    try:
        return (
            Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[19]
        )
    except OSError:
        return "gone"
