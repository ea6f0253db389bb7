"""The files of a layer, read as they come: untrusted, so that time and memory have an end whatever the bytes are.

A layer is a tar archive, as it is or in gzip (of one part, or of one for each file, as those have it that are fetched
lazily).  It is inflated a piece at a time, and no further than an allowance: a small layer may not inflate without end
(a decompression bomb), headers between two files may not be large, nor a file longer than what comes.  Pure.
"""

from __future__ import annotations

import io
import tarfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple, Protocol

_MOST_FILES = 1_000_000
_MOST_BYTES = 64 << 30
_FREE, _RATIO = 1 << 30, 200
"""So much may come of nothing, and so many bytes more of each that there is; deflate makes 1,032 of one at most."""
_LONGEST_NAME = 4096
"""No system has longer paths."""
_HEADERS = 1 << 20
"""All headers of one file: its name, its link, its attributes."""
_PIECE = 256 << 10
_ENDS = 8
"""How often a reader may ask after the end, before it is told that it will not come."""
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
BROKEN = (tarfile.TarError, OSError, EOFError, ValueError, RecursionError, zlib.error)
"""What reading a layer raises where it is none."""


class Readable(Protocol):
    """A stream of bytes."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; nothing at the end."""


class TooMuch(ValueError):
    """A layer that is none that can be looked through; the text says why, ``hint`` what to do."""

    def __init__(self, why: str, hint: str) -> None:
        super().__init__(why)
        self.hint = hint


class Member(NamedTuple):
    """A file, folder or link: its path without a leading slash, its size, and a way to its bytes before the next."""

    name: str
    size: int
    folder: bool
    regular: bool
    read: Callable[[], bytes]


class Allowance:
    """What all layers of an image may come to together."""

    def __init__(self) -> None:
        self.files, self.bytes = _MOST_FILES, _MOST_BYTES

    def file(self) -> None:
        """One more file.  Raises ``TooMuch``."""
        self.files -= 1
        if self.files < 0:
            raise TooMuch(f"it holds more than {_MOST_FILES:,} files", "name another base under serving.image.base")

    def spend(self, count: int) -> None:
        """So many bytes more.  Raises ``TooMuch``."""
        self.bytes -= count
        if self.bytes < 0:
            raise TooMuch(
                f"its layers hold more than {_MOST_BYTES >> 30} GiB", "name a smaller base under serving.image.base"
            )


def of_layer(stream: Readable, allowance: Allowance) -> Iterator[Member]:
    """The members of a layer in their order.  Raises one of ``BROKEN`` for what is no layer."""
    inflated = _Inflated(stream, allowance)
    with tarfile.open(fileobj=inflated, mode="r|", bufsize=_PIECE) as archive:
        while (found := archive.next()) is not None:
            archive.members = []  # type: ignore[attr-defined]  # it keeps them all, for who asks by name
            allowance.file()
            name = found.name.removeprefix("./").lstrip("/")
            if len(name) <= _LONGEST_NAME:
                yield Member(name, found.size, found.isdir(), found.isfile(), partial(_content, archive, found))
            inflated.until = archive.offset + _HEADERS + 2 * _PIECE


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    """The bytes of a file; none for a link."""
    text = archive.extractfile(member) if member.isfile() else None
    return text.read() if text else b""


class _Inflated(io.RawIOBase):
    """A layer as the archive that it is; ``until`` is how far it may be read before the next file is found."""

    def __init__(self, stream: Readable, allowance: Allowance) -> None:
        self.until = _HEADERS + 2 * _PIECE
        self._stream, self._allowance = stream, allowance
        self._came, self._given, self._ends = 0, 0, 0
        self._pieces, self._rest = self._inflated(), b""

    def read(self, size: int = -1) -> bytes:
        """At most ``size`` bytes; nothing at the end.  Raises one of ``BROKEN`` where there is none."""
        piece = self._rest or next(self._pieces, b"")
        wanted = len(piece) if size < 0 else size
        data, self._rest = piece[:wanted], piece[wanted:]
        self._given += len(data)
        self._ends += not data
        if self._ends > _ENDS:
            raise EOFError("a file in it is longer than the layer")
        if self._given > self.until:
            raise ValueError(f"the headers of a file in it are larger than {_HEADERS >> 20} MiB")
        return data

    def _inflated(self) -> Iterator[bytes]:
        data = self._next()
        if data.startswith(_ZSTD):
            raise TooMuch(
                "one of its layers is compressed with zstd, which is not read here",
                "copy the base with `skopeo copy --dest-compress-format gzip`, and name that one",
            )
        if not data.startswith(_GZIP):
            while data:
                yield data
                data = self._next()
            return
        inflated = 0
        while data:  # a part of its own each time
            decoder = zlib.decompressobj(wbits=31)
            while not decoder.eof:
                piece = decoder.decompress(data, _PIECE)
                inflated += len(piece)
                self._allowance.spend(len(piece))
                if inflated > _FREE + _RATIO * self._came:
                    raise TooMuch(
                        f"one of its layers inflates without end: {self._came:,} bytes have come to {inflated:,}",
                        "name another base under serving.image.base; if it is yours, leave out its files of mere zeros",
                    )
                if piece:
                    yield piece
                data = decoder.unconsumed_tail or (b"" if decoder.eof else self._next())
                if not data and not decoder.eof:
                    raise EOFError("it was cut off")
            data = decoder.unused_data.lstrip(b"\0")
            while not data and (more := self._next()):
                data = more.lstrip(b"\0")

    def _next(self) -> bytes:
        """The next bytes that come."""
        data = self._stream.read(_PIECE)
        self._came += len(data)
        self._allowance.spend(len(data))
        return data
