"""Layers that inflate almost without end, made in no time: a block of zeros, again and again."""

from __future__ import annotations

import io
import tarfile
import zlib

_BLOCK = 16 << 20
"""Bytes of zeros that are repeated."""


def gzipped(beginning: bytes, *, zeros: int) -> bytes:
    """One gzip stream (RFC 1952) of ``beginning`` and about so many bytes of zeros; its end is missing."""
    made = zlib.compressobj(9, wbits=31)
    head = made.compress(beginning) + made.flush(zlib.Z_FULL_FLUSH)
    block = made.compress(bytes(_BLOCK)) + made.flush(zlib.Z_FULL_FLUSH)  # stands for itself, wherever it stands
    return head + block * (zeros // _BLOCK)


def header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    """The header of a tar archive for one file."""
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


def parts(*files: tuple[str, bytes]) -> bytes:
    """A layer with a gzip stream of its own for each file, as eStargz has it, and zeros after the last."""
    made = []
    for name, data in files:
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as archive:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        made.append(stream.getvalue()[: 512 + -(-len(data) // 512) * 512])
    packed = [zlib.compressobj(1, wbits=31) for _ in made]
    return b"".join(one.compress(data) + one.flush() for one, data in zip(packed, made, strict=True)) + bytes(512)
