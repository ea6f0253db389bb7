"""Objects of an S3-compatible store, fetched once for a command.

Requests are signed with AWS Signature Version 4 (https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html)
from the credentials of the environment, and unsigned where there are none.  The host is that of AWS or the one that the
**environment** names; nothing in a repository can choose it, the bucket stands in the path, and a redirect is refused:
so nobody who only writes manifests can make credentials go anywhere else.  Nothing secret is in a message.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from urllib.parse import quote, urlencode, urlsplit

import requests
from urllib3.exceptions import HTTPError

from mlops_gitops.adapters.s3_failures import Asked, misnamed, unwritten
from mlops_gitops.testing.data.scans import Source
from mlops_gitops.testing.data.shards import MOST_SHARDS, of_files

_URI = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(.+)", re.DOTALL)
_REGION = re.compile(r"[a-z0-9-]{1,40}")
_EMPTY = hashlib.sha256(b"").hexdigest()
_SECONDS = (10, 120)
_LISTING = 4 * 1024 * 1024
_PAGES = 1000


@dataclass(frozen=True, slots=True)
class Store:
    """A store and whose name requests are made in; ``folder`` is where objects are put."""

    endpoint: str
    region: str
    folder: Path
    key: str = ""
    secret: str = ""
    token: str = ""

    @classmethod
    def of_environment(cls, environ: Mapping[str, str], folder: Path) -> Store:
        """The store that the environment names.  Raises ``Misused`` where what it names is none."""
        region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "us-east-1"
        if not _REGION.fullmatch(region):
            raise misnamed("AWS_REGION", "region")
        own = environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL")
        endpoint = (own or f"https://s3.{region}.amazonaws.com").rstrip("/")
        if not _is_address(endpoint):
            name = "AWS_ENDPOINT_URL_S3" if environ.get("AWS_ENDPOINT_URL_S3") else "AWS_ENDPOINT_URL"
            raise misnamed(name, "address of a store, such as https://s3.example.com")
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        return cls(endpoint, region, folder, *(environ.get(name, "") for name in names))

    def __call__(self, uri: str, *, media_type: str | None) -> Source:
        """The objects of ``uri`` as files: one, all below a prefix that ends in ``/``, or those that ``*`` matches.

        Raises ``ValueError`` with the reason where the URI names no such thing, ``WorldFailed`` where the store does
        not give it, and ``OSError`` for a name that no file here can have.
        """
        found = _URI.fullmatch(uri)
        if found is None:
            raise ValueError(f"{uri} is no s3://BUCKET/KEY")
        bucket, key = found[1], found[2]
        place = self.folder / hashlib.sha256(uri.encode()).hexdigest()[:16]
        if not key.endswith("/") and "*" not in key:
            return of_files(place, [self._get(bucket, key, place / PurePosixPath(key).name)], uri, media_type)
        prefix = key if key.endswith("/") else key[: key.rindex("/") + 1] if "/" in key else ""
        names = [name for name in self._listed(bucket, prefix) if key.endswith("/") or fnmatchcase(prefix + name, key)]
        if not names:
            raise ValueError(f"{uri} names no object")
        for name in names:
            if set(name.split("/")) & {"", ".", ".."}:  # whoever writes objects chooses their names: "/etc/x" is one
                raise ValueError(f"s3://{bucket}/{prefix}{name} is no name of a file")
        paths = [self._get(bucket, prefix + name, place / name) for name in sorted(names, key=_parts)]
        return of_files(place, paths, uri, media_type)

    def _get(self, bucket: str, key: str, path: Path) -> Path:
        if ".." in _parts(key) or path.name in {"", ".", ".."} or "\0" in key:
            raise ValueError(f"s3://{bucket}/{key} is no name of a file")
        what = f"s3://{bucket}/{key}"
        with self._asked(f"/{bucket}/{key}", {}, what) as answer:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("wb") as file:
                    for chunk in self._read(answer, what):
                        file.write(chunk)
            except OSError as error:
                if (full := unwritten(what, error)) is not None:
                    raise full from error
                raise
        return path

    def _listed(self, bucket: str, prefix: str) -> Iterator[str]:
        """The names below a prefix, those of its folders' objects included."""
        more, count, what = "", 0, f"s3://{bucket}/{prefix}"
        asked = self._about(what)
        for _ in range(_PAGES):
            query = {"list-type": "2", "prefix": prefix} | ({"continuation-token": more} if more else {})
            with self._asked(f"/{bucket}", query, what) as answer:
                body = b"".join(self._read(answer, what, most=_LISTING))
            if b"<!DOCTYPE" in body:
                raise asked.strange("the answer is no list of objects")
            try:
                tree = ET.fromstring(body)  # noqa: S314 - without a DTD there are no entities to expand
            except ET.ParseError as error:
                raise asked.strange(f"the list of objects cannot be read: {error}") from error
            for one in tree.iterfind("{*}Contents/{*}Key"):
                name = (one.text or "").removeprefix(prefix)
                if name and not name.endswith("/"):
                    count += 1
                    yield name
            more = tree.findtext("{*}NextContinuationToken") or ""
            if count > MOST_SHARDS:
                raise ValueError(f"more than {MOST_SHARDS:,} objects are not read")
            if not more:
                return
        raise asked.strange(f"the list of objects has no end after {_PAGES:,} pages")

    def _read(self, answer: requests.Response, what: str, *, most: int | None = None) -> Iterator[bytes]:
        """The whole body.  Raises ``WorldFailed`` where it ends before it should, or is longer than ``most``."""
        length, seen, asked = answer.headers.get("Content-Length", ""), 0, self._about(what)
        pieces = answer.raw.stream(1 << 20, decode_content=False)
        while True:
            try:
                chunk = next(pieces, b"")
            except (requests.RequestException, HTTPError) as error:
                raise asked.broken(f"the answer was cut off after {seen:,} bytes ({type(error).__name__})") from error
            seen += len(chunk)
            if most is not None and seen > most:
                raise asked.strange(f"the answer is longer than {most:,} bytes")
            if not chunk:
                break
            yield chunk
        if length.isdecimal() and seen != int(length):
            raise asked.broken(f"the answer was cut off after {seen:,} of {int(length):,} bytes")

    def _about(self, what: str) -> Asked:
        return Asked(what, urlsplit(self.endpoint).netloc, bool(self.key))

    def _asked(self, path: str, query: Mapping[str, str], what: str) -> requests.Response:
        """One request.  Raises ``ValueError`` where there is no such object, ``WorldFailed`` where none is given."""
        coded, words = quote(path, safe="/-_.~"), urlencode(sorted(query.items()), quote_via=quote)
        url, asked = f"{self.endpoint}{coded}?{words}".rstrip("?"), self._about(what)
        base = urlsplit(self.endpoint)
        headers = self._signed(base.netloc, base.path + coded, words, datetime.now(UTC)) if self.key else {}
        try:
            with requests.Session() as session:
                session.trust_env = False
                answer = session.get(url, headers=headers, timeout=_SECONDS, stream=True, allow_redirects=False)
        except requests.RequestException as error:
            raise asked.unreachable(error) from error
        if answer.status_code != requests.codes.ok:
            with answer:
                raise asked.refused(answer)
        return answer

    def _signed(self, host: str, path: str, query: str, now: datetime) -> dict[str, str]:
        """The headers of a GET, with the signature."""
        moment, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
        headers = {"host": host, "x-amz-content-sha256": _EMPTY, "x-amz-date": moment}
        if self.token:
            headers["x-amz-security-token"] = self.token
        names = ";".join(sorted(headers))
        lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        scope = f"{day}/{self.region}/s3/aws4_request"
        request = hashlib.sha256(f"GET\n{path}\n{query}\n{lines}\n{names}\n{_EMPTY}".encode()).hexdigest()
        secret = f"AWS4{self.secret}".encode()
        for part in (day, self.region, "s3", "aws4_request"):
            secret = hmac.digest(secret, part.encode(), "sha256")
        signature = hmac.digest(secret, f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{request}".encode(), "sha256").hex()
        told = f"AWS4-HMAC-SHA256 Credential={self.key}/{scope}, SignedHeaders={names}, Signature={signature}"
        return {**{name: value for name, value in headers.items() if name != "host"}, "Authorization": told}


def _parts(name: str) -> tuple[str, ...]:
    return PurePosixPath(name).parts


def _is_address(text: str) -> bool:
    """Whether this is the address of a host, with nothing secret in it."""
    try:
        found = urlsplit(text)
        return found.scheme in {"http", "https"} and bool(found.hostname) and found.username is None and found.port != 0
    except ValueError:
        return False
