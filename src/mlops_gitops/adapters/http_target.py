"""Where a request goes: an ``http:`` URL whose host has been looked up once, and the bytes of requests to it."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from mlops_gitops.errors import Misused, WorldFailed


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go: a family and an address of the socket module, and the path with its query."""

    family: socket.AddressFamily
    address: tuple[str, int] | tuple[str, int, int, int]
    host: str
    path: str

    @classmethod
    def of(cls, url: str) -> Target:
        """From an ``http:`` URL; its host is looked up once."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port or 80
        except ValueError as error:
            raise _no_url(url) from error
        if parts.scheme != "http" or not host or any(ord(one) <= ord(" ") for one in url):
            raise _no_url(url)
        try:
            family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        except OSError as error:
            raise WorldFailed(
                f"the address of {host} was not found: {error}",
                hint="name the host by its address, or look whether it is known here",
                code="load-address",
            ) from error
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(family, address, parts.netloc.rpartition("@")[2], path)  # type: ignore[arg-type]

    def request(self, body: bytes, content_type: str, *, method: str = "POST") -> bytes:
        """The bytes of one request."""
        fields = [f"{method} {self.path} HTTP/1.1", f"Host: {self.host}", "Accept: */*"]
        if body or method == "POST":
            fields += [f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
        return "\r\n".join([*fields, "", ""]).encode("latin-1") + body


def _no_url(url: str) -> Misused:
    return Misused(f"{url!r} is no http: URL", hint="write http://ADDRESS:PORT/PATH", code="load-url")
