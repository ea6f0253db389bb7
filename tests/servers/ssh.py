"""A real OpenSSH server on the loopback interface, for one test: its own host key, one user key, a port of its own."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SSHD = shutil.which("sshd") or shutil.which("/usr/sbin/sshd")


@dataclass(frozen=True)
class SshServer:
    """Where it listens, and the ssh command that may log in."""

    port: int
    command: str

    def url_of(self, folder: Path) -> str:
        """The ssh:// URL of a repository on this machine."""
        return f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}{folder}"


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[SshServer]:
    """Run until the block ends.  ``folder`` holds the keys."""
    folder.mkdir(mode=0o700, parents=True)
    for name in ("host", "user"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)],
            check=True,
            stdin=subprocess.DEVNULL,
        )
    (folder / "authorized").write_text((folder / "user.pub").read_text())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    options = {
        "ListenAddress": "127.0.0.1", "Port": port, "HostKey": folder / "host", "PidFile": "none",
        "AuthorizedKeysFile": folder / "authorized", "StrictModes": "no", "UsePAM": "no",
        "PasswordAuthentication": "no", "KbdInteractiveAuthentication": "no",
    }  # fmt: skip
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
        options["PermitRootLogin"] = "yes"
    (folder / "sshd_config").write_text("".join(f"{name} {value}\n" for name, value in options.items()))
    server = subprocess.Popen([str(SSHD), "-D", "-e", "-f", str(folder / "sshd_config")], stderr=subprocess.PIPE)
    try:
        _wait(port, server)
        known = f"-o UserKnownHostsFile={folder / 'known'} -o StrictHostKeyChecking=accept-new"
        yield SshServer(port, f"ssh -F /dev/null -i {folder / 'user'} -o IdentitiesOnly=yes -o BatchMode=yes {known}")
    finally:
        server.kill()
        server.communicate()


def _wait(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        if server.poll() is not None:
            raise RuntimeError(f"sshd ended: {server.communicate()[1].decode()}")
        time.sleep(0.05)
    raise RuntimeError("sshd does not answer")
