from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_gitops.adapters import s3
from mlops_gitops.adapters.s3 import Store
from mlops_gitops.errors import Misused, WorldFailed
from mlops_gitops.testing.data.scans import Wanted
from mlops_gitops.testing.engines import duckdb as engine
from servers.object_store import SECRET, closed, resetting, serve


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    """A store that checks signatures, with one object and three shards, and a user who may read them."""
    path, objects = tmp_path_factory.mktemp("objects") / "one.parquet", {"train/_SUCCESS": b""}
    for at in range(3):
        pq.write_table(pa.table({"n": [at, at + 10]}), path)
        objects[f"train/day=1 ö+/{at}.parquet"] = path.read_bytes()
    with serve("airline", {**objects, "test data.parquet": path.read_bytes()}) as found:
        yield found


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
        ({}, "s3://airline/absent.parquet", "does not exist"),
        ({}, "s3://nowhere/x.parquet", "does not exist"),
        ({}, "s3://airline/none/", "names no object"),
        ({}, "s3://airline/a/../b.parquet", "no name of a file"),
        ({}, "s3://user:pass@evil.example/x.parquet", "is no s3://"),
        ({}, "s3://evil.example#/x", "is no s3://"),
    ],
)
def test_what_does_not_exist_is_a_finding(
    server: tuple[str, dict[str, str]], tmp_path: Path, change: dict[str, str], uri: str, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        fetched({**server[1], **change}, tmp_path, uri)
    assert server[1][SECRET] not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({SECRET: "wrong"}, "with the key of AWS_ACCESS_KEY_ID: HTTP 403 SignatureDoesNotMatch"),
        ({"AWS_ACCESS_KEY_ID": ""}, "as nobody, since AWS_ACCESS_KEY_ID is not set: HTTP 403 Forbidden"),
    ],
)
def test_credentials_that_do_not_do_are_the_failure_of_the_world(
    server: tuple[str, dict[str, str]], tmp_path: Path, change: dict[str, str], said: str
) -> None:
    with pytest.raises(WorldFailed) as caught:
        fetched({**server[1], **change}, tmp_path, "s3://airline/test data.parquet")
    failure, host = caught.value, server[0].removeprefix("http://")
    assert (failure.code, failure.retry) == ("data-store-auth", False), "the same again comes to the same"
    assert failure.message == f"asked {host} for s3://airline/test data.parquet, {said}"
    assert server[1][SECRET] not in failure.message + failure.hint
    assert "s3:ListBucket" in failure.hint


@pytest.mark.parametrize(
    "change",
    [
        {"AWS_ENDPOINT_URL_S3": "ftp://x"},
        {"AWS_ENDPOINT_URL": "http://"},
        {"AWS_ENDPOINT_URL": "http://[::1"},
        {"AWS_ENDPOINT_URL": "https://user:quiet@s3.example.com"},
        {"AWS_ENDPOINT_URL": "http://x:99999"},
        {"AWS_REGION": "x/../y"},
    ],
)
def test_an_environment_that_names_no_store_is_wrong_usage(tmp_path: Path, change: dict[str, str]) -> None:
    ((name, value),) = change.items()
    with pytest.raises(Misused, match=f"{name} is no ") as caught:
        fetched({**keys("http://127.0.0.1:9"), "AWS_ENDPOINT_URL": "", **change}, tmp_path, "s3://airline/x.parquet")
    assert caught.value.code == "data-store-named"
    assert value not in caught.value.message


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
        pytest.raises(WorldFailed, match="was cut off after") as caught,
    ):
        fetched(keys(url), tmp_path, "s3://airline/x.parquet")
    assert (caught.value.code, caught.value.retry) == ("data-store-unreachable", True)


@pytest.mark.parametrize(
    ("first", "said"),
    [
        (None, "Connection refused"),
        (b"", "Connection reset by peer"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "Connection reset by peer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\nPAR1", "was cut off after "),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nPAR1\r\n", "was cut off after "),
    ],
)
@pytest.mark.parametrize("uri", ["s3://airline/x.parquet", "s3://airline/x/"])
def test_a_store_that_is_not_reached_is_the_failure_of_the_world(
    tmp_path: Path, first: bytes | None, said: str, uri: str
) -> None:
    with resetting(first or b"") as there, pytest.raises(WorldFailed) as caught:
        fetched(keys(closed() if first is None else there), tmp_path, uri)
    failure = caught.value
    assert (failure.exit_code, failure.code, failure.retry) == (5, "data-store-unreachable", True)
    assert f"for {uri}, with the key of AWS_ACCESS_KEY_ID: " in failure.message
    assert said in failure.message
    assert "quiet" not in failure.message + failure.hint
    assert "run the same command again" in failure.hint


def test_a_store_that_says_nothing_is_waited_for_no_longer_than_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "_SECONDS", (1, 1))
    with resetting(wait=30) as url, pytest.raises(WorldFailed, match="timed out"):
        fetched(keys(url), tmp_path, "s3://airline/x.parquet")


def told(status: int, code: str = "") -> bytes:
    body = f"<Error><Code>{code}</Code><Message>x</Message></Error>".encode() if code else b"<html>no</html>"
    return b"HTTP/1.1 %d No\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body


@pytest.mark.parametrize(
    ("answer", "code", "said", "retry"),
    [
        (told(503, "SlowDown"), "data-store-busy", "HTTP 503 SlowDown", True),
        (told(500, "InternalError"), "data-store-busy", "HTTP 500 InternalError", True),
        (told(502), "data-store-busy", "HTTP 502 Bad Gateway", True),
        (told(429), "data-store-busy", "HTTP 429 Too Many Requests", True),
        (told(400, "RequestTimeout"), "data-store-busy", "HTTP 400 RequestTimeout", True),
        (told(400, "ExpiredToken"), "data-store-auth", "HTTP 400 ExpiredToken", False),
        (told(401), "data-store-auth", "HTTP 401 Unauthorized", False),
        (told(403, "RequestTimeTooSkewed"), "data-store-auth", "HTTP 403 RequestTimeTooSkewed", False),
        (told(301, "PermanentRedirect"), "data-store", "HTTP 301 PermanentRedirect, and credentials do not", False),
        (told(418, "\n::error::forged"), "data-store", "HTTP 418 I'm a Teapot", False),
        (told(204), "data-store", "HTTP 204 No Content", False),
    ],
)
def test_what_a_store_says_is_told_with_what_to_do(
    tmp_path: Path, answer: bytes, code: str, said: str, *, retry: bool
) -> None:
    with answering(answer) as (url, _), pytest.raises(WorldFailed) as caught:
        fetched(keys(url), tmp_path, "s3://airline/x.parquet")
    assert (caught.value.code, caught.value.retry) == (code, retry)
    assert said in caught.value.message
    assert "\n" not in caught.value.message


def test_a_full_disk_is_no_finding_about_data(server: tuple[str, dict[str, str]], tmp_path: Path) -> None:
    """``/dev/full`` takes no byte, as a disk that is full."""
    uri = "s3://airline/test data.parquet"
    place = tmp_path / hashlib.sha256(uri.encode()).hexdigest()[:16]
    place.mkdir()
    (place / "test data.parquet").symlink_to("/dev/full")
    with pytest.raises(WorldFailed, match="cannot be kept here: No space left on device") as caught:
        fetched(server[1], tmp_path, uri)
    assert caught.value.code == "disk"


def test_credentials_do_not_follow_a_redirect(tmp_path: Path) -> None:
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as (elsewhere, asked):
        answer = f"HTTP/1.1 307 Moved\r\nLocation: {elsewhere}/x\r\nContent-Length: 0\r\n\r\n".encode()
        with answering(answer) as (url, first), pytest.raises(WorldFailed, match="HTTP 307"):
            fetched(keys(url), tmp_path, "s3://airline/x.parquet")
        assert len(first) == 1
        assert not asked


def test_without_an_address_in_the_environment_it_is_that_of_aws(tmp_path: Path) -> None:
    assert Store.of_environment({"AWS_REGION": "eu-west-1"}, tmp_path).endpoint == "https://s3.eu-west-1.amazonaws.com"
    assert "AWS_ENDPOINT_URL" not in os.environ


@pytest.mark.parametrize("body", [b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>", b"<open>", b""])
def test_a_list_that_is_none_is_refused(tmp_path: Path, body: bytes) -> None:
    lines = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    with (
        answering(lines) as (url, _),
        pytest.raises(WorldFailed, match=r"for s3://airline/x/, .* list of obj") as caught,
    ):
        fetched(keys(url), tmp_path, "s3://airline/x/")
    assert (caught.value.code, caught.value.retry) == ("data-store", False)


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
    with answering(listing("x/folder/", more="again")) as (url, asked), pytest.raises(WorldFailed, match="has no end"):
        fetched(keys(url), tmp_path, "s3://airline/x/")
    assert len(asked) == 5
