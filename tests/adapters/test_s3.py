from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import requests
from moto.server import ThreadedMotoServer

from mlops_gitops.adapters import s3
from mlops_gitops.adapters.s3 import Store
from mlops_gitops.errors import Refused
from mlops_gitops.testing.data.scans import Wanted
from mlops_gitops.testing.engines import duckdb as engine

SECRET = "AWS_SECRET_ACCESS_KEY"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    """A store that checks signatures, with one object and three shards, and a user who may read them."""
    folder = tmp_path_factory.mktemp("objects")
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
    store.create_bucket(Bucket="airline")
    for at in range(3):
        path = folder / f"{at}.parquet"
        pq.write_table(pa.table({"n": [at, at + 10]}), path)
        store.put_object(Bucket="airline", Key=f"train/day=1 ö+/{at}.parquet", Body=path.read_bytes())
    store.put_object(Bucket="airline", Key="train/_SUCCESS", Body=b"")
    store.put_object(Bucket="airline", Key="test data.parquet", Body=path.read_bytes())
    iam.create_user(UserName="reader")
    policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::*"}]}'
    iam.put_user_policy(UserName="reader", PolicyName="read", PolicyDocument=policy)
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    requests.post(f"{url}/moto-api/reset-auth", data=b"0", timeout=10)
    yield url, {"AWS_ENDPOINT_URL_S3": url, "AWS_ACCESS_KEY_ID": key["AccessKeyId"], SECRET: key["SecretAccessKey"]}
    moto.stop()


def fetched(environ: dict[str, str], folder: Path, uri: str) -> list[int]:
    found = Store.of_environment(environ, folder)(uri, media_type=None)
    profile = engine.scan(found, Wanted()).profile
    column = profile.column("n")
    assert column is not None
    return [profile.rows, int(column.minimum or 0), int(column.maximum or 0)]


@pytest.mark.parametrize(
    ("key", "found"),
    [("test data.parquet", [2, 2, 12]), ("train/", [6, 0, 12]), ("train/day=1 ö+/*.parquet", [6, 0, 12])],
)
def test_objects_are_fetched_with_a_signature_that_a_store_accepts(
    server: tuple[str, dict[str, str]], tmp_path: Path, key: str, found: list[int]
) -> None:
    assert fetched(server[1], tmp_path, f"s3://airline/{key}") == found


@pytest.mark.parametrize(
    ("change", "uri", "reason"),
    [
        ({SECRET: "wrong"}, "s3://airline/test data.parquet", "may not read it"),
        ({"AWS_ACCESS_KEY_ID": ""}, "s3://airline/test data.parquet", "may not read it"),
        ({}, "s3://airline/absent.parquet", "does not exist"),
        ({}, "s3://nowhere/x.parquet", "does not exist"),
        ({}, "s3://airline/none/", "names no object"),
        ({}, "s3://airline/a/../b.parquet", "no name of a file"),
        ({}, "s3://user:pass@evil.example/x.parquet", "is no s3://"),
        ({}, "s3://evil.example#/x", "is no s3://"),
        ({"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9"}, "s3://airline/x.parquet", "does not answer"),
        ({"AWS_ENDPOINT_URL_S3": "ftp://x"}, "s3://airline/x.parquet", "no address"),
        ({"AWS_REGION": "x/../y"}, "s3://airline/x.parquet", "no region"),
    ],
)
def test_what_cannot_be_fetched_is_said_without_a_secret(
    server: tuple[str, dict[str, str]], tmp_path: Path, change: dict[str, str], uri: str, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        fetched({**server[1], **change}, tmp_path, uri)
    assert server[1][SECRET] not in str(caught.value)


@contextmanager
def answering(lines: bytes) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A server that gives one answer to everybody, and the headers of those that asked."""
    asked: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(dict(self.headers))
            self.wfile.write(lines)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}", asked
        http.shutdown()


def keys(url: str) -> dict[str, str]:
    return {"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "id", SECRET: "quiet", "AWS_SESSION_TOKEN": "token"}


def test_an_answer_that_is_cut_off_is_no_file(tmp_path: Path) -> None:
    with (
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nPAR1") as (url, _),
        pytest.raises(ValueError, match="was cut off after"),
    ):
        fetched(keys(url), tmp_path, "s3://airline/x.parquet")


def test_credentials_do_not_follow_a_redirect(tmp_path: Path) -> None:
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as (elsewhere, asked):
        answer = f"HTTP/1.1 307 Moved\r\nLocation: {elsewhere}/x\r\nContent-Length: 0\r\n\r\n".encode()
        with answering(answer) as (url, first), pytest.raises(ValueError, match="HTTP 307"):
            fetched(keys(url), tmp_path, "s3://airline/x.parquet")
        assert len(first) == 1
        assert not asked


def test_without_an_address_in_the_environment_it_is_that_of_aws(tmp_path: Path) -> None:
    assert Store.of_environment({"AWS_REGION": "eu-west-1"}, tmp_path).endpoint == "https://s3.eu-west-1.amazonaws.com"
    assert "AWS_ENDPOINT_URL" not in os.environ


@pytest.mark.parametrize("body", [b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>", b"<open>", b""])
def test_a_list_that_is_none_is_refused(tmp_path: Path, body: bytes) -> None:
    lines = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    with answering(lines) as (url, _), pytest.raises((ValueError, Refused), match="list of s3://airline/x/"):
        fetched(keys(url), tmp_path, "s3://airline/x/")


def listing(*keys: str, more: str = "") -> bytes:
    contents = "".join(f"<Contents><Key>{key}</Key></Contents>" for key in keys)
    token = f"<NextContinuationToken>{more}</NextContinuationToken>" if more else ""
    body = f"<ListBucketResult>{contents}{token}</ListBucketResult>".encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


@pytest.mark.parametrize("name", ["{outside}/evil.parquet", "../evil.parquet", "a/../../evil.parquet", "a//b.parquet"])
def test_an_object_is_not_written_where_its_name_leads(tmp_path: Path, name: str) -> None:
    """Whoever writes objects into a bucket chooses their names, and below ``x/`` one may begin with a slash."""
    folder, outside = tmp_path / "folder", tmp_path / "outside"
    outside.mkdir()
    lines = listing(f"x/{name.format(outside=outside)}")
    with answering(lines) as (url, _), pytest.raises(ValueError, match="is no name of a file"):
        fetched(keys(url), folder, "s3://airline/x/")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_list_without_end_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "_PAGES", 5)
    with answering(listing("x/folder/", more="again")) as (url, asked), pytest.raises(ValueError, match="has no end"):
        fetched(keys(url), tmp_path, "s3://airline/x/")
    assert len(asked) == 5
