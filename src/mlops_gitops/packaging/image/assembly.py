"""From a base image and layers to an image: its configuration and its manifest, as bytes.  Pure.

What a base brings stays untouched: its layers are named by their digests, its variables are kept.  Its labels,
volumes, entry point and user are not: they say something of the base, and not of this image.  The documents are RFC
8785 JSON, so that their digests follow from what they say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlops_gitops import canonical
from mlops_gitops.canonical import JSON
from mlops_gitops.packaging.image.layers import Measured

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
TAR = "application/vnd.oci.image.layer.v1.tar"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"

LAYER_TYPES = {
    TAR: TAR,
    f"{TAR}+gzip": f"{TAR}+gzip",
    f"{TAR}+zstd": f"{TAR}+zstd",
    "application/vnd.docker.image.rootfs.diff.tar": TAR,
    "application/vnd.docker.image.rootfs.diff.tar.gzip": f"{TAR}+gzip",
}
"""Types of layers that a base may have, and what the same bytes are called in an OCI manifest."""

USER = "65532:65532"
"""Who the server runs as: nobody's ids, by number, so that Kubernetes can see that it is not root."""


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A blob as a manifest names it."""

    media_type: str
    digest: str
    size: int

    def document(self) -> dict[str, JSON]:
        """The descriptor as JSON."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}


@dataclass(frozen=True, slots=True)
class Base:
    """A base image for one platform: what it is called, its configuration, and its layers."""

    name: str
    digest: str
    config: Mapping[str, Any]
    layers: tuple[Descriptor, ...]


@dataclass(frozen=True, slots=True)
class Settings:
    """How the container is started, and what is written on it; ``created`` is RFC 3339."""

    entrypoint: tuple[str, ...]
    environment: Mapping[str, str]
    labels: Mapping[str, str]
    created: str
    ports: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Image:
    """An image: two documents and the layers that they name, base first."""

    manifest: bytes
    config: bytes
    layers: tuple[Descriptor, ...]

    @property
    def digest(self) -> str:
        """What it is pulled by: the digest of its manifest, ``sha256:…``."""
        return f"sha256:{canonical.sha256(self.manifest)}"

    @property
    def id(self) -> str:
        """What an engine calls it: the digest of its configuration, ``sha256:…``."""
        return f"sha256:{canonical.sha256(self.config)}"

    @property
    def size(self) -> int:
        """Bytes of all its blobs, as they are pulled."""
        return sum(one.size for one in self.layers) + len(self.config) + len(self.manifest)

    @property
    def descriptor(self) -> Descriptor:
        """The manifest, as another manifest names it."""
        return Descriptor(MANIFEST, self.digest, len(self.manifest))


def assemble(base: Base, layers: Sequence[tuple[str, Measured]], settings: Settings) -> Image:
    """The image of ``layers`` (their titles and measures, the least changing first) over ``base``."""
    config = canonical.encode(_config(base, layers, settings))
    ours = [Descriptor(TAR, one.digest, one.size) for _, one in layers]
    return of_config(config, (*base.layers, *ours), annotations=settings.labels)


def of_config(config: bytes, layers: tuple[Descriptor, ...], *, annotations: Mapping[str, str] | None = None) -> Image:
    """The image of a configuration that is there already."""
    manifest: dict[str, JSON] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": Descriptor(CONFIG, f"sha256:{canonical.sha256(config)}", len(config)).document(),
        "layers": [one.document() for one in layers],
    }
    if annotations:
        manifest["annotations"] = dict(sorted(annotations.items()))
    return Image(canonical.encode(manifest), config, layers)


def attachment(subject: Descriptor, content: bytes, *, media_type: str, annotations: Mapping[str, str]) -> bytes:
    """A manifest that attaches ``content`` to an image, as OCI 1.1 has it."""
    layer = Descriptor(media_type, f"sha256:{canonical.sha256(content)}", len(content))
    manifest: dict[str, JSON] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": media_type,
        "config": {"mediaType": EMPTY_TYPE, "digest": f"sha256:{canonical.sha256(EMPTY)}", "size": len(EMPTY)},
        "layers": [layer.document()],
        "subject": subject.document(),
        "annotations": dict(sorted(annotations.items())),
    }
    return canonical.encode(manifest)


EMPTY_TYPE, EMPTY = "application/vnd.oci.empty.v1+json", b"{}"
"""The configuration of what is no image."""


def _config(base: Base, layers: Sequence[tuple[str, Measured]], settings: Settings) -> JSON:
    inherited = [str(one) for one in (base.config.get("config") or {}).get("Env") or ()]
    named = {one.partition("=")[0] for one in inherited if one.partition("=")[0] not in settings.environment}
    environment = [one for one in inherited if one.partition("=")[0] in named]
    environment += [f"{name}={value}" for name, value in sorted(settings.environment.items())]
    container: dict[str, JSON] = {
        "User": USER,
        "Env": [*environment],
        "Entrypoint": [*settings.entrypoint],
        "WorkingDir": "/",
        "Labels": dict(sorted(settings.labels.items())),
        "StopSignal": "SIGTERM",
    }
    if settings.ports:
        container["ExposedPorts"] = {port: {} for port in settings.ports}
    history: list[JSON] = [*(base.config.get("history") or ())]
    history += [
        {"created": settings.created, "created_by": "mlops-gitops build", "comment": name} for name, _ in layers
    ]
    document: dict[str, JSON] = {
        "architecture": base.config["architecture"],
        "os": base.config["os"],
        "created": settings.created,
        "config": container,
        "rootfs": {"type": "layers", "diff_ids": [*base.config["rootfs"]["diff_ids"], *(m.digest for _, m in layers)]},
        "history": history,
    }
    if base.config.get("variant"):
        document["variant"] = base.config["variant"]
    return document
