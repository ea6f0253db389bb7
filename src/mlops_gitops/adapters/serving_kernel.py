"""What the Linux kernel counts of a container: its memory, what it sent, and as whom it runs.

Everything is read from ``/proc`` and ``/sys/fs/cgroup``, and only where process and container belong together; where
they do not, as with an engine in another machine, nothing is known and ``None`` is the answer.
"""

from __future__ import annotations

from pathlib import Path

from mlops_gitops.testing.infra.server import Attempts


def peak(process: int, container: str) -> int | None:
    """The most memory that the container has used, in bytes (cgroup v1, and v2 from Linux 5.19 on)."""
    for line in _groups(process, container):
        number, kinds, group = line.split(":", 2)
        places = {"memory": f"memory{group}/memory.max_usage_in_bytes", "": f"{group.lstrip('/')}/memory.peak"}
        name = "memory" if "memory" in kinds.split(",") else "" if number == "0" and not kinds else None
        text = None if name is None else _text(Path("/sys/fs/cgroup") / places[name])
        if text is not None and text.strip().isdecimal():
            return int(text)
    return None


def user(process: int, container: str) -> str | None:
    """The effective id of a process."""
    if not _groups(process, container):
        return None
    lines = (_text(Path(f"/proc/{process}/status")) or "").splitlines()
    return next((line.split()[2] for line in lines if line.startswith("Uid:")), None)


def attempts(process: int, container: str) -> Attempts | None:
    """What was sent in the network of a container by its own will, from RFC 1213's and Linux' own counters.

    A server answers and opens nothing.  SYN segments that were sent again and connections that failed count only where
    the container opened any connection: a full queue of those that come in makes them, too.
    """
    if not _groups(process, container):
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


def _groups(process: int, container: str) -> list[str]:
    """The lines of the process's control groups that name the container."""
    if process <= 0:
        return []
    lines = (_text(Path(f"/proc/{process}/cgroup")) or "").splitlines()
    return [line for line in lines if container in line]


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
