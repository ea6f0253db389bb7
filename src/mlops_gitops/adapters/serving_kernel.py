"""What the Linux kernel counts of a container: its memory, what it sent, and as whom it runs.

Everything is read from ``/proc`` and ``/sys/fs/cgroup``, and only where process and container belong together; where
they do not, as with an engine in another machine, nothing is known and ``None`` is the answer.
"""

from __future__ import annotations

from pathlib import Path

from mlops_gitops.testing.infra.server import Attempts


def peak(process: int, container: str) -> int | None:
    """The most memory that the container has used, in bytes (cgroup v2, from Linux 5.19 on)."""
    group = _group(process, container)
    if group is None or not group.startswith("0::"):
        return None
    text = _text(Path(f"/sys/fs/cgroup{group.removeprefix('0::')}/memory.peak"))
    return int(text) if text is not None and text.strip().isdecimal() else None


def user(process: int, container: str) -> str | None:
    """The effective id of a process."""
    if _group(process, container) is None:
        return None
    lines = (_text(Path(f"/proc/{process}/status")) or "").splitlines()
    return next((line.split()[2] for line in lines if line.startswith("Uid:")), None)


def attempts(process: int, container: str) -> Attempts | None:
    """What was sent in the network of a container by its own will, from RFC 1213's and Linux' own counters.

    A server answers and opens nothing.  SYN segments that were sent again and connections that failed count only where
    the container opened any connection: a full queue of those that come in makes them, too.
    """
    if _group(process, container) is None:
        return None
    found: dict[str, int] = {}
    for name in ("snmp", "netstat"):
        lines = (_text(Path(f"/proc/{process}/net/{name}")) or "").splitlines()
        for names, values in zip(lines[::2], lines[1::2], strict=False):
            family = names.partition(":")[0]
            found |= {
                f"{family}{one}": int(value) for one, value in zip(names.split()[1:], values.split()[1:], strict=False)
            }
    for line in (_text(Path(f"/proc/{process}/net/snmp6")) or "").splitlines():
        name, _, value = line.partition(" ")
        if value.strip().isdecimal():
            found[name] = int(value)
    if "TcpActiveOpens" not in found:
        return None
    opened = found["TcpActiveOpens"] > 0
    return Attempts(
        datagrams=found.get("UdpOutDatagrams", 0) + found.get("Udp6OutDatagrams", 0),
        unanswered=found.get("TcpExtTCPSynRetrans", 0) if opened else 0,
        refused=found.get("TcpAttemptFails", 0) if opened else 0,
        unroutable=found.get("IpOutNoRoutes", 0) + found.get("Ip6OutNoRoutes", 0),
    )


def _group(process: int, container: str) -> str | None:
    """The line of the process's control group that names the container."""
    if process <= 0:
        return None
    lines = (_text(Path(f"/proc/{process}/cgroup")) or "").splitlines()
    return next((line for line in reversed(lines) if container in line), None)


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
