"""One answer of an HTTP/1.1 server, read piece by piece as it comes (RFC 9112).

Keeps its length and at most as many bytes as it is told to, so that an answer without an end costs time and never
memory.  Knows only what an answer to GET or POST can be.
"""

from __future__ import annotations

_HEAD = 65_536
_LINE = 1_024
_MOST = 1 << 62


class Unreadable(Exception):
    """What came is no answer, or a larger one than is allowed; the text says why."""


class Answer:
    """An answer that grows by ``feed``.  ``size`` counts the bytes of its body, ``kept`` are the first of them."""

    __slots__ = ("_buffer", "_chunked", "_keep", "_most", "_state", "_wanted", "closes", "kept", "size", "status")

    def __init__(self, *, keep: int = 0, most: int = _MOST) -> None:
        self._keep, self._most = keep, most
        self._buffer, self._state, self._wanted, self._chunked = b"", "head", -1, False
        self.status, self.size, self.kept, self.closes = 0, 0, b"", False

    @property
    def begun(self) -> bool:
        """Whether anything has come."""
        return self._state != "head" or bool(self._buffer)

    def feed(self, data: bytes) -> bool:
        """Take what came; whether the answer is whole.  Raises ``Unreadable``."""
        if self._state == "body" and not self._chunked:
            return self._body(data)
        data = self._buffer + data if self._buffer else data
        self._buffer = b""
        if self._state == "head":
            end = data.find(b"\r\n\r\n")
            if end < 0:
                if len(data) > _HEAD:
                    raise Unreadable("the head of the answer is longer than 64 KiB")
                self._buffer = data
                return False
            self._head(data[:end].lower())
            data = data[end + 4 :]
            if 100 <= self.status < 200:  # noqa: PLR2004 - an answer before the answer
                return self.feed(data)
        return self._chunks(data) if self._chunked else self._body(data)

    def end(self) -> bool:
        """The connection was closed; whether the answer is whole by that."""
        return self._state == "body" and not self._chunked and self._wanted < 0

    def _head(self, head: bytes) -> None:
        if not (head.startswith(b"http/1.") and head[9:12].isdigit()):
            raise Unreadable("the answer is no HTTP")
        self.status = int(head[9:12])
        if 100 <= self.status < 200:  # noqa: PLR2004
            return
        self._state = "body"
        self.closes = head.startswith(b"http/1.0") or _field(head, b"connection") == b"close"
        if self.status in {204, 304}:
            self._wanted = 0
            return
        self._chunked = (_field(head, b"transfer-encoding") or b"").endswith(b"chunked")
        length = _field(head, b"content-length")
        if length is not None and not self._chunked:
            if not length.isdigit() or len(length) > 18:  # noqa: PLR2004 - more than any memory
                raise Unreadable("the length of the answer is no number")
            self._wanted = int(length)
        self.closes = self.closes or (self._wanted < 0 and not self._chunked)

    def _body(self, data: bytes) -> bool:
        self._take(data)
        if 0 <= self._wanted < self.size:
            raise Unreadable("more came than the answer said")
        return self.size == self._wanted

    def _take(self, data: bytes) -> None:
        self.size += len(data)
        if len(self.kept) < self._keep:
            self.kept += data[: self._keep - len(self.kept)]
        if self.size > self._most:
            raise Unreadable(f"the answer is longer than {self._most:,} bytes")

    def _chunks(self, data: bytes) -> bool:
        """Chunked coding: ``_wanted`` is what is left of a chunk and its line end; at most 0 between, -2 at the end."""
        while data:
            if self._wanted > 0:
                part, data = data[: self._wanted], data[self._wanted :]
                self._wanted -= len(part)
                ending = min(len(part), max(0, 2 - self._wanted))
                self._take(part[: len(part) - ending])
                continue
            line, found, rest = data.partition(b"\r\n")
            if not found:
                if len(data) > _LINE:
                    raise Unreadable("a line of the answer is longer than 1 KiB")
                self._buffer = data
                return False
            data = rest
            if self._wanted == -2:  # noqa: PLR2004 - trailers, until an empty line
                if not line:
                    return True
                continue
            try:
                size = int(line.partition(b";")[0], 16)
            except ValueError:
                size = -1
            if size < 0:
                raise Unreadable("the length of a part of the answer is no number")
            self._wanted = size + 2 if size > 0 else -2
        return False


def _field(head: bytes, name: bytes) -> bytes | None:
    begin = head.find(b"\r\n" + name + b":")
    if begin < 0:
        return None
    begin += len(name) + 3
    end = head.find(b"\r\n", begin)
    return head[begin : end if end >= 0 else len(head)].strip()
