"""An image into a registry: its blobs, then its manifest, then what is attached to it.

A run that is killed leaves blobs that nothing names, which registries remove, and no manifest that names a missing one.
Others may push the same at the same time: some registries lose sight of a file for as long as another writes it again,
and an index of attachments is read and put back whole, so what was put is asked for until it stands.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from mlops_gitops import canonical
from mlops_gitops.adapters import registry, registry_uploads
from mlops_gitops.adapters.registry import MissingBlobs
from mlops_gitops.adapters.registry_session import ATTEMPTS, Session
from mlops_gitops.adapters.registry_uploads import Stream, Traffic
from mlops_gitops.canonical import JSON
from mlops_gitops.errors import Refused, WorldFailed
from mlops_gitops.packaging.image import assembly
from mlops_gitops.packaging.image.assembly import Descriptor, Image


@dataclass(frozen=True)
class Content:
    """An image with a way to read each of its layers; where its base is, and which layers are that base's."""

    image: Image
    streams: Mapping[str, Stream]
    base: str | None = None
    base_registry: str | None = None
    base_layers: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Attachment:
    """Something that is said about an image."""

    media_type: str
    content: bytes
    title: str


@dataclass(frozen=True)
class Pushed:
    """What was done: whether the manifest was there before, what was sent, and the digests of the attachments."""

    new: bool
    traffic: Traffic = field(default_factory=Traffic)
    attached: tuple[str, ...] = ()


def push(
    session: Session,
    repository: str,
    content: Content,
    *,
    tag: str,
    attachments: Sequence[Attachment],
    progress: Callable[[str], None],
) -> Pushed:
    """Put the image under its digest and a tag that never moves, and attach what is said about it."""
    image, traffic = content.image, Traffic()
    source = content.base if content.base_registry == session.registry else None
    new = not registry.has_manifest(session, repository, image.digest)
    blobs = [(one, content.streams[one.digest]) for one in image.layers]
    blobs.append(_small(image.config, assembly.CONFIG))
    for one, stream in blobs:  # also where the manifest is there: a registry that lost a blob gets it again
        progress(f"pushing {one.digest[7:19]} ({one.size / 1e6:.1f} MB)")
        registry_uploads.push_blob(session, repository, one, stream, traffic=traffic, source=source)
    if new:
        _put(session, repository, image.manifest, blobs, traffic=traffic)
        _look(session, repository, image.digest)
        _put(session, repository, image.manifest, blobs, traffic=traffic, reference=tag)
    attached = tuple(attach(session, repository, image.descriptor, one, traffic=traffic) for one in attachments)
    return Pushed(new, traffic, attached)


def _look(session: Session, repository: str, digest: str) -> None:
    """See that a manifest which the registry took is there.  Raises ``WorldFailed`` where it stays away."""
    for attempt in range(ATTEMPTS):
        try:
            registry.manifest(session, repository, digest)
        except Refused as missing:
            if missing.code != "image-missing":
                raise
            session.wait(0.5 * 2**attempt)
        else:
            return
    raise WorldFailed(
        f"the registry {session.registry} took {repository}@{digest} and does not have it",
        hint="look whether it runs out of space or removes what is new; then run the same command again",
        code="registry",
    )


def attach(session: Session, repository: str, subject: Descriptor, one: Attachment, *, traffic: Traffic) -> str:
    """Attach something to an image; the digest of the manifest that does."""
    annotations = {"org.opencontainers.image.title": one.title}
    manifest = assembly.attachment(subject, one.content, media_type=one.media_type, annotations=annotations)
    digest = f"sha256:{canonical.sha256(manifest)}"
    if _stands(session, repository, subject.digest, digest):
        return digest
    blobs = [_small(assembly.EMPTY, assembly.EMPTY_TYPE), _small(one.content, one.media_type)]
    for blob, stream in blobs:
        registry_uploads.push_blob(session, repository, blob, stream, traffic=traffic)
    if not _put(session, repository, manifest, blobs, traffic=traffic):
        for attempt in range(ATTEMPTS):
            _note(session, repository, subject, manifest, one, annotations=annotations)
            if _stands(session, repository, subject.digest, digest):
                break
            session.wait(0.5 * 2**attempt)
    return digest


def _stands(session: Session, repository: str, subject: str, digest: str) -> bool:
    known = registry.referrers(session, repository, subject)
    if known is None:
        known = registry.fallback(session, repository, subject)
    return any(one.get("digest") == digest for one in known)


def _note(
    session: Session,
    repository: str,
    subject: Descriptor,
    manifest: bytes,
    one: Attachment,
    *,
    annotations: Mapping[str, str],
) -> None:
    """Where the registry has no referrers API, an index under a tag made of the digest stands in for it."""
    known = registry.fallback(session, repository, subject.digest)
    entry: dict[str, JSON] = {
        "mediaType": assembly.MANIFEST,
        "digest": f"sha256:{canonical.sha256(manifest)}",
        "size": len(manifest),
        "artifactType": one.media_type,
        "annotations": dict(annotations),
    }
    entries = sorted(
        [*(kept for kept in known if kept.get("digest") != entry["digest"]), entry],
        key=lambda kept: str(kept["digest"]),
    )
    index = json.dumps({"schemaVersion": 2, "mediaType": assembly.INDEX, "manifests": entries}).encode()
    tag = subject.digest.replace(":", "-")
    _put(session, repository, index, (), traffic=Traffic(), reference=tag, media_type=assembly.INDEX)


def _put(
    session: Session,
    repository: str,
    manifest: bytes,
    blobs: Sequence[tuple[Descriptor, Stream]],
    *,
    traffic: Traffic,
    reference: str | None = None,
    media_type: str = assembly.MANIFEST,
) -> bool:
    """Put a manifest under a tag or its digest; whether its subject was noted.

    Where the registry only said that it has a blob, or does not see it just now, what it does not have is sent again.
    """
    name = reference or f"sha256:{canonical.sha256(manifest)}"
    for attempt in range(1, ATTEMPTS):
        try:
            return registry.put_manifest(session, repository, name, manifest, media_type=media_type)
        except MissingBlobs:
            session.wait(0.25 * 2**attempt)
            for one, stream in blobs:
                registry_uploads.push_blob(session, repository, one, stream, traffic=traffic)
    return registry.put_manifest(session, repository, name, manifest, media_type=media_type)


def _small(data: bytes, media_type: str) -> tuple[Descriptor, Stream]:
    return Descriptor(media_type, f"sha256:{canonical.sha256(data)}", len(data)), lambda: iter([data])
