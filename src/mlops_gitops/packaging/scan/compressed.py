"""Compressed streams, expanded to a temporary file within a bound.

A loader such as ``joblib.load`` expands gzip, zlib, bz2, xz and lzma by itself, so a pickle inside is as dangerous as a
bare one.  Exactly one stream is accepted, up to the last byte: what follows it would be read by some loaders only.
"""

from __future__ import annotations

import bz2
import lzma
import tempfile
import zlib
from io import BytesIO
from typing import BinaryIO, Protocol, cast

from mlops_gitops.packaging.scan.problems import Limits, Subject

_CHUNK = 1 << 16
_MEMORY = 64 << 20
_DECODER_MEMORY = 256 << 20

MAGIC = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bz2",
    b"\xfd7zXZ\x00": "xz",
    b"\x5d\x00\x00": "lzma",
    b"\x78\x01": "zlib",
    b"\x78\x5e": "zlib",
    b"\x78\x9c": "zlib",
    b"\x78\xda": "zlib",
}
UNREADABLE = {b"\x04\x22\x4d\x18": "lz4", b"\x28\xb5\x2f\xfd": "zstandard", b"ZF": "old joblib"}
"""Known compressions that the standard library cannot expand."""


class _Decoder(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def kind(head: bytes) -> str | None:
    """The compression that these first bytes announce."""
    return next((name for magic, name in MAGIC.items() if head.startswith(magic)), None)


def expanded(subject: Subject, method: str, *, limits: Limits) -> Subject:
    """The stream inside.  Raises ``ValueError`` for a bomb, a broken stream, or bytes after its end."""
    out = cast("BinaryIO", tempfile.SpooledTemporaryFile(max_size=_MEMORY))  # noqa: SIM115 - the caller closes it
    try:
        size = _expand(subject.stream, out, _decoder(method), limits=limits)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        out.close()
        raise ValueError(f"is no {method} stream: {error}") from error
    except BaseException:
        out.close()
        raise
    out.seek(0)
    if size <= _MEMORY:  # a plain buffer is much faster to walk
        with out:
            out = BytesIO(out.read())
    return Subject(out, size, f"{subject.where}!{method}")


def _decoder(method: str) -> _Decoder:
    if method in ("gzip", "zlib"):
        return cast("_Decoder", zlib.decompressobj(wbits=31 if method == "gzip" else 15))
    if method == "bz2":
        return bz2.BZ2Decompressor()
    form = lzma.FORMAT_XZ if method == "xz" else lzma.FORMAT_ALONE
    return lzma.LZMADecompressor(format=form, memlimit=_DECODER_MEMORY)


def _expand(source: BinaryIO, out: BinaryIO, decoder: _Decoder, *, limits: Limits) -> int:
    source.seek(0)
    size = 0
    while not decoder.eof:
        data = source.read(_CHUNK)
        piece = decoder.decompress(data, _CHUNK)
        if not data and not piece:
            raise EOFError("it ends too early")
        while piece:
            size += len(piece)
            if size > limits.expanded:
                raise ValueError(f"expands to more than {limits.expanded} bytes")
            out.write(piece)
            piece = b"" if decoder.eof else decoder.decompress(_rest(decoder), _CHUNK)
    if decoder.unused_data or source.read(1):
        raise ValueError("has bytes after the end of the compressed stream")
    return size


def _rest(decoder: _Decoder) -> bytes:
    """What ``decoder`` still has to see: zlib hands its tail back, the others keep it."""
    return bytes(getattr(decoder, "unconsumed_tail", b""))
