"""This machine's own NATS server with JetStream, on the loopback interface until the block ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import nats
import pytest

from servers import docker_daemon


@contextlib.contextmanager
def serve(store: Path) -> Iterator[str]:
    """Its URL; the test that asks is skipped where there is none, and fails where ``MG_ENGINE`` says there can be."""
    program = docker_daemon.program("nats-server")
    if program is None:
        why = "nats-server is not installed: `apt-get install nats-server`"
        pytest.fail(why) if os.environ.get("MG_ENGINE") else pytest.skip(why)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    argv = [program, "--jetstream", "--addr", "127.0.0.1", "--port", str(port), "--store_dir", str(store)]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.05)
        yield f"nats://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def streams(url: str) -> list[str]:
    """The names of what it stores."""

    async def asked() -> list[str]:
        client = await nats.connect(url)
        found = [str(one.config.name) for one in await client.jetstream().streams_info()]
        await client.close()
        return found

    return asyncio.run(asked())
