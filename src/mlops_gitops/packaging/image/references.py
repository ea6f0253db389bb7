"""Names of images as container tools write them: registry, repository, and a tag or a digest.

A name without a registry means Docker Hub, as everywhere.  Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

HUB = "docker.io"

_LONGEST = 500
_HOST = re.compile(r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[0-9a-fA-F:]+\])(?::\d{1,5})?")
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LOCAL = re.compile(r"(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?")


@dataclass(frozen=True, slots=True)
class Reference:
    """An image: ``digest`` is ``sha256:…``; a tag beside a digest is told to people and decides nothing."""

    registry: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    @property
    def name(self) -> str:
        """Registry and repository, without tag and digest."""
        return f"{self.registry}/{self.repository}"

    @property
    def exact(self) -> str:
        """The name by digest, as container tools read it."""
        return f"{self.name}@{self.digest}"

    @property
    def local(self) -> bool:
        """Whether the registry is on this machine, where container tools speak plain HTTP."""
        return is_local(self.registry)


def is_local(registry: str) -> bool:
    """Whether a registry is on this machine."""
    return _LOCAL.fullmatch(registry) is not None


def parse(text: str) -> Reference:
    """The image that ``text`` names.  Raises ``ValueError`` with what is wrong with it."""
    if len(text) > _LONGEST:
        raise ValueError(f"it is longer than {_LONGEST} letters")
    name, _, digest = text.partition("@")
    if digest and not _DIGEST.fullmatch(digest):
        raise ValueError(f"{digest!r} is not sha256: and 64 hexadecimal digits")
    if "@" in text and not digest:
        raise ValueError("nothing follows the @")
    head, slash, tail = name.partition("/")
    named = slash and ("." in head or ":" in head or head == "localhost")
    registry, path = (head, tail) if named else (HUB, name)
    if not _HOST.fullmatch(registry):
        raise ValueError(f"{registry!r} is no address of a registry")
    path, colon, tag = path.partition(":")
    if colon and not _TAG.fullmatch(tag):
        raise ValueError(f"{tag!r} is no tag")
    if registry == HUB and "/" not in path:
        path = f"library/{path}"
    if not _REPOSITORY.fullmatch(path):
        raise ValueError(f"{path!r} is no name of a repository: small letters, digits and ._-/ only")
    return Reference(registry, path, tag or None, digest or None)


def place(text: str) -> tuple[str, str]:
    """Registry and the start of repository names in it, from ``REGISTRY[/PATH]``.  Raises ``ValueError``."""
    registry, _, path = text.rstrip("/").partition("/")
    if "@" in text or not _HOST.fullmatch(registry):
        raise ValueError(f"{registry!r} is no address of a registry")
    if path and not _REPOSITORY.fullmatch(path):
        raise ValueError(f"{path!r} is no name of a repository: small letters, digits and ._-/ only")
    return registry, path
