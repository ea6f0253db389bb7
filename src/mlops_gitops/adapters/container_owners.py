"""Which process a container or network belongs to, so that what a killed one left behind can be found and removed.

The label names the machine's start, the process namespace, the process and when it began.  A container is stale only
where all of that is known here and the process is no more; those of other machines and namespaces are left alone.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

LABEL = "mlops-gitops.training"
"""On every container and network of ours."""


def labels() -> dict[str, str]:
    """What a container of this process is labelled with."""
    return {LABEL: f"{_world()} {os.getpid()} {_born(os.getpid())}"}


def remove_stale(client: Any) -> None:
    """Remove the containers and networks of processes that are no more, where the engine lets us."""
    from docker.errors import DockerException

    with contextlib.suppress(DockerException):
        for one in client.containers.list(all=True, filters={"label": LABEL}, ignore_removed=True):
            if _stale(one.labels[LABEL]):
                one.remove(force=True, v=True)
        for one in client.networks.list(filters={"label": LABEL}):
            if _stale(one.attrs["Labels"][LABEL]):
                one.remove()


def _stale(label: str) -> bool:
    """Whether a label names a process of this machine that is no more."""
    world, process, born = (*label.split(" "), "", "")[:3]
    return world == _world() and process.isdecimal() and _born(int(process)) != born


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
