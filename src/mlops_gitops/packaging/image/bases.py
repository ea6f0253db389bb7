"""What a base image is: read from its own manifest, configuration and layers, all of them untrusted.  Pure.

Its layers are looked through once for what decides about packages: the operating system's own word of itself, the C
library, every Python, and what is installed.  Nothing is unpacked, and what is read of a hostile layer has an end.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from mlops_gitops.errors import Refused
from mlops_gitops.packaging.image import members
from mlops_gitops.packaging.image.assembly import LAYER_TYPES, MANIFEST, Base, Descriptor
from mlops_gitops.packaging.image.inventory import Installed, Inventory

_MOST_LAYERS = 200
_LARGEST_TEXT = 64 << 10
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_PYTHON = re.compile(r"(?:usr/)?(?:local/)?bin/python(?P<version>3\.\d{1,2})")
_MUSL = re.compile(r"lib/ld-musl-[\w.-]+")
_RELEASES = ("etc/os-release", "usr/lib/os-release")


@dataclass(frozen=True, slots=True)
class Facts:
    """What the layers of a base say: fields of ``os-release``, the path of each Python by version, the C library.

    ``installed`` are the packages that are there, ``unread`` what might name more and cannot be read, with the reason.
    """

    release: Mapping[str, str] = field(default_factory=dict)
    pythons: Mapping[str, str] = field(default_factory=dict)
    musl: bool = False
    installed: tuple[Installed, ...] = ()
    unread: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """As it is kept."""
        return asdict(self)

    @classmethod
    def kept(cls, document: Mapping[str, Any]) -> Facts:
        """From what was kept."""
        installed = tuple(Installed(**one) for one in document["installed"])
        return cls(**{**document, "installed": installed, "unread": tuple(document["unread"])})


def is_index(manifest: bytes) -> bool:
    """Whether this names images of several platforms, and is not one itself; for what is neither, no."""
    try:
        document = json.loads(manifest)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and "manifests" in document and "layers" not in document


def chosen(index: bytes, *, system: str, architecture: str, of: str) -> Descriptor:
    """The image of a platform in an index.  Raises ``Refused`` where there is none."""
    document = _parsed(index, of)
    offered = []
    for one in _list(document, "manifests", of):
        platform = one.get("platform") if isinstance(one, dict) else None
        if isinstance(platform, dict) and not platform.get("variant", "").startswith(("v6", "v7")):
            offered.append(f"{platform.get('os')}/{platform.get('architecture')}")
            if offered[-1] == f"{system}/{architecture}":
                return _descriptor(one, of)
    raise Refused(
        f"the base image {of} has no image for {system}/{architecture}; it has {', '.join(offered) or 'none'}",
        hint="name another base, or the platform that it has under serving.image.platform",
        code="image-base",
    )


def opened(manifest: bytes, *, of: str) -> tuple[Descriptor, tuple[Descriptor, ...]]:
    """Configuration and layers of an image, the layers by their OCI types.  Raises ``Refused``."""
    document = _parsed(manifest, of)
    layers = []
    for one in _list(document, "layers", of):
        found = _descriptor(one, of)
        if found.media_type not in LAYER_TYPES:
            raise _unusable(of, f"it has a layer of the type {found.media_type[:100]!r}")
        layers.append(Descriptor(LAYER_TYPES[found.media_type], found.digest, found.size))
    if len(layers) > _MOST_LAYERS:
        raise _unusable(of, f"it has more than {_MOST_LAYERS} layers")
    return _descriptor(document.get("config"), of), tuple(layers)


def base(config: bytes, layers: tuple[Descriptor, ...], *, name: str, digest: str) -> Base:
    """The base with its configuration.  Raises ``Refused`` where that contradicts the manifest."""
    document = _parsed(config, name)
    found = document.get("rootfs")
    ids = found.get("diff_ids") if isinstance(found, dict) else None
    plain = isinstance(ids, list) and all(isinstance(one, str) and _DIGEST.fullmatch(one) for one in ids)
    if not plain or len(ids or ()) != len(layers):
        raise _unusable(name, "its configuration and its manifest name different layers")
    if not isinstance(document.get("os"), str) or not isinstance(document.get("architecture"), str):
        raise _unusable(name, "its configuration names no platform")
    for key, kind in (("config", dict), ("history", list)):
        if not isinstance(document.get(key) or kind(), kind):
            raise _unusable(name, f"{key} of its configuration has another shape")
    return Base(name, digest, document, layers)


def looked_through(streams: Sequence[members.Readable], *, of: str) -> Facts:
    """The facts of a base from its layers, the lowest first.  Raises ``Refused`` for what is none, or without end."""
    release: dict[str, str] = {}
    pythons: dict[str, str] = {}
    musl, allowance, inventory = False, members.Allowance(), Inventory()
    for stream in streams:
        try:
            for one in members.of_layer(stream, allowance):
                if (found := _PYTHON.fullmatch(one.name)) is not None:
                    pythons[found["version"]] = f"/{one.name}"
                elif _MUSL.fullmatch(one.name):
                    musl = True
                elif one.name in _RELEASES and one.regular and one.size <= _LARGEST_TEXT:
                    release = _fields(one.read()) or release
                if not one.folder:
                    inventory.see(one.name, one.size, one.read)
        except members.TooMuch as error:
            raise _unusable(of, str(error), error.hint) from error
        except members.BROKEN as error:
            raise _unusable(of, f"one of its layers cannot be read: {error}") from error
        inventory.layer_ends()
    unread = tuple(f"/{name}: {why}" for name, why in sorted(inventory.unread.items()))
    return Facts(release, pythons, musl, inventory.installed(release), unread)


class Streamed(io.RawIOBase):
    """Pieces of bytes as a stream that can be read once."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.pieces, self.rest = pieces, b""

    def read(self, size: int = -1) -> bytes:
        """At most ``size`` bytes; nothing at the end."""
        if not self.rest:
            self.rest = next(filter(None, self.pieces), b"")
        wanted = len(self.rest) if size < 0 else size
        data, self.rest = self.rest[:wanted], self.rest[wanted:]
        return data


def _fields(data: bytes) -> dict[str, str]:
    lines = data.decode("utf-8", "replace").splitlines()
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, value in pairs}


def _parsed(data: bytes, of: str) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise _unusable(of, "its manifest or configuration is no JSON object")
    return document


def _list(document: Mapping[str, Any], key: str, of: str) -> list[Any]:
    found = document.get(key)
    if not isinstance(found, list):
        raise _unusable(of, f"its manifest, which should be {MANIFEST}, has no list of {key}")
    return found


def _descriptor(value: Any, of: str) -> Descriptor:
    kind, digest, size = (
        (value.get(key) for key in ("mediaType", "digest", "size")) if isinstance(value, dict) else ("",) * 3
    )
    if not isinstance(kind, str) or not isinstance(digest, str) or not isinstance(size, int) or size < 0:
        raise _unusable(of, "its manifest names a part without type, digest and size")
    if not _DIGEST.fullmatch(digest):
        raise _unusable(of, f"its manifest names a part by {digest[:80]!r}, which is no SHA-256")
    return Descriptor(kind, digest, size)


def _unusable(of: str, why: str, hint: str = "name another base under serving.image.base") -> Refused:
    return Refused(f"the base image {of} cannot be used: {why}", hint=hint, code="image-base")
