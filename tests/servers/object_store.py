"""A store with S3's protocol that checks signatures, and ways for one not to be there."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import boto3
import requests
from moto.server import ThreadedMotoServer

SECRET = "AWS_SECRET_ACCESS_KEY"
_POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::*"}]}'


@contextmanager
def serve(bucket: str, objects: Mapping[str, bytes]) -> Iterator[tuple[str, dict[str, str]]]:
    """A store (moto) with one bucket, and the environment of a user who may read it."""
    moto = ThreadedMotoServer(port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    url = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # noqa: S104 - as it names itself
    root: dict[str, Any] = {
        "endpoint_url": url,
        "region_name": "us-east-1",
        "aws_access_key_id": "root",
        "aws_secret_access_key": "root",
    }
    store, iam = boto3.client("s3", **root), boto3.client("iam", **root)
    store.create_bucket(Bucket=bucket)
    for key, body in objects.items():
        store.put_object(Bucket=bucket, Key=key, Body=body)
    iam.create_user(UserName="reader")
    iam.put_user_policy(UserName="reader", PolicyName="read", PolicyDocument=_POLICY)
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    requests.post(f"{url}/moto-api/reset-auth", data=b"0", timeout=10)
    try:
        yield url, {"AWS_ENDPOINT_URL_S3": url, "AWS_ACCESS_KEY_ID": key["AccessKeyId"], SECRET: key["SecretAccessKey"]}
    finally:
        for what, count in (("reset", b""), ("reset-auth", b"inf")):  # it is kept in this process, for whoever is next
            requests.post(f"{url}/moto-api/{what}", data=count, timeout=10)
        moto.stop()


@contextmanager
def resetting(first: bytes = b"", *, wait: float = 0.1) -> Iterator[str]:
    """A server that takes a request, says ``first``, waits, and resets the connection."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        with contextlib.suppress(OSError):
            while True:
                wire, _ = listener.accept()
                with wire:
                    wire.recv(65_536)
                    wire.sendall(first)
                    time.sleep(wait)
                    wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    threading.Thread(target=answer, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()


def closed() -> str:
    """The address of a port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"
