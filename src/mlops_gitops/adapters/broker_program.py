"""Feeds a broker and reads what it stored: runs inside the image under test, with its Python and its NATS client.

One order a line of standard input, one answer a line of standard output, both JSON.  It is started by ``brokers.py``
with ``python -c`` in a container beside the server's, so that it needs nothing of this package and leaves nothing.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
from typing import Any

URL = "nats://127.0.0.1:4222"
_TOGETHER = 200
_STARTS = 20.0


class Feed:
    """A connection to the broker, and its two streams, which are called ``mark``-IN and ``mark``-OUT."""

    def __init__(self, client: Any, mark: str) -> None:
        self.jetstream = client.jetstream()
        self.inputs, self.outputs = f"{mark}-IN", f"{mark}-OUT"
        self.read, self.answers = f"{mark}.in", f"{mark}.out"
        self.rejected = f"{mark}.out.rejected"

    async def open(self, order: dict[str, Any]) -> dict[str, Any]:
        """Make the two streams; answers with one id are stored once within ``window`` seconds."""
        kept = [self.answers, self.rejected]
        await self.jetstream.add_stream(name=self.inputs, subjects=[self.read])
        await self.jetstream.add_stream(name=self.outputs, subjects=kept, duplicate_window=order["window"])
        return {}

    async def close(self) -> None:
        """Take both away, whatever is in them."""
        import nats

        for name in (self.inputs, self.outputs):
            try:
                await self.jetstream.delete_stream(name)
            except (OSError, nats.errors.Error):
                continue

    async def put(self, order: dict[str, Any]) -> dict[str, Any]:
        """Store records, in order."""
        last = 0
        for one in order["records"]:
            last = (await self.jetstream.publish(self.read, base64.b64decode(one))).seq
        return {"last": last}

    async def count(self, _: dict[str, Any]) -> dict[str, Any]:
        """How many answers are stored, and how many records are not acknowledged yet."""
        stored = (await self.jetstream.stream_info(self.outputs)).state.messages
        consumers = await self.jetstream.consumers_info(self.inputs)
        open_ = sum((one.num_pending or 0) + (one.num_ack_pending or 0) for one in consumers)
        return {"stored": stored, "open": open_, "consumers": len(consumers)}

    async def wait(self, order: dict[str, Any]) -> dict[str, Any]:
        """Until so many answers are stored, and with ``settled`` until every record is acknowledged; or time is up."""
        end = asyncio.get_running_loop().time() + order["seconds"]
        while True:
            now = await self.count({})
            enough = now["stored"] >= order["answers"] and not (
                order["settled"] and (now["open"] or not now["consumers"])
            )
            if enough or asyncio.get_running_loop().time() > end:
                return now
            await asyncio.sleep(0.01)

    async def get(self, order: dict[str, Any]) -> dict[str, Any]:
        """Some answers from a sequence on: subject, message id, and the bytes."""
        found, last = [], (await self.jetstream.stream_info(self.outputs)).state.last_seq
        for sequence in range(order["first"], min(order["first"] + _TOGETHER, last + 1)):
            one = await self.jetstream.get_msg(self.outputs, sequence)
            data = base64.b64encode(one.data or b"").decode()
            found.append([one.subject == self.rejected, (one.headers or {}).get("Nats-Msg-Id"), data])
        return {"answers": found}


async def main() -> None:
    """Connect, say so, and do as told until the input ends."""
    import nats

    end = asyncio.get_running_loop().time() + _STARTS
    while True:
        try:
            client = await nats.connect(os.environ.get("MG_NATS_URL", URL), connect_timeout=2, allow_reconnect=False)
            break
        except (OSError, nats.errors.Error):
            if asyncio.get_running_loop().time() > end:
                raise
            await asyncio.sleep(0.05)
    feed = Feed(client, os.environ["MG_MARK"])
    print(json.dumps({"ready": True}), flush=True)
    try:
        while line := await asyncio.to_thread(sys.stdin.readline):
            order = json.loads(line)
            print(json.dumps(await getattr(feed, order["do"])(order)), flush=True)
    finally:  # also where whoever gave the orders was killed
        await feed.close()
        await client.close()


if __name__ == "__main__":
    asyncio.run(main())
