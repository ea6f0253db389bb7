"""A wire to a container engine that breaks: what was begun on it ends in the middle, and the next is as good as new."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any

import docker


def cut(host: str, *, after: int | None = None, back: int | None = None) -> tuple[Any, Any]:  # noqa: C901 - threads
    """A client of an engine over a wire that is cut after so many bytes there, or back; and how it is taken away."""
    listener = socket.create_server(("127.0.0.1", 0))
    ends: list[socket.socket] = [listener]

    def carry(source: socket.socket, target: socket.socket, most: int | None) -> None:
        sent = 0
        try:
            while chunk := source.recv(1 << 16):
                target.sendall(chunk)
                sent += len(chunk)
                if most is not None and sent > most:
                    break
        except OSError:
            pass
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def accept() -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect(host.removeprefix("unix://"))
            ends.extend((near, far))
            threading.Thread(target=carry, args=(near, far, after), daemon=True).start()
            threading.Thread(target=carry, args=(far, near, back), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    client = docker.DockerClient(base_url=f"tcp://127.0.0.1:{listener.getsockname()[1]}", version="1.41", timeout=8)

    def stop() -> None:
        client.close()
        for one in ends:
            one.close()

    return client, stop
