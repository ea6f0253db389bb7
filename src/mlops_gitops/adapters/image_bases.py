"""Base images from their registries: manifest, configuration and, the first time, layers; all kept by digest."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlops_gitops import canonical
from mlops_gitops.adapters import registry, registry_credentials
from mlops_gitops.adapters.registry_session import Session
from mlops_gitops.errors import Misused, WorldFailed
from mlops_gitops.packaging.image import bases, references
from mlops_gitops.packaging.image.assembly import Base, Descriptor
from mlops_gitops.packaging.image.bases import Facts
from mlops_gitops.packaging.image.references import Reference

_FORMAT = 2
"""Raised whenever more is looked for in the layers of a base, so that what was found before is not taken for all."""


@dataclass(frozen=True)
class Opened:
    """A base image, what its layers say, and how its blobs are had."""

    base: Base
    facts: Facts
    reference: Reference
    session: Session
    keep: Path

    def blob(self, one: Descriptor) -> Path:
        """The file of one of its layers."""
        return registry.fetched(self.session, self.reference.repository, one, keep=self.keep)


def opened(
    name: str, platform: str, *, cache: Path, environ: Mapping[str, str], progress: Callable[[str], None]
) -> Opened:
    """The base image that ``name`` names by digest, for ``platform`` (such as ``linux/amd64``).

    Raises ``Misused`` where it is named otherwise, ``Refused`` where it cannot be used, ``WorldFailed`` where the
    registry does not give it.
    """
    try:
        reference = references.parse(name)
    except ValueError as error:
        raise Misused(
            f"the base image {name!r} has no name that can be read: {error}",
            hint="write registry/name@sha256:… under serving.image.base",
            code="image-base",
        ) from error
    if reference.digest is None:
        raise Misused(
            f"the base image {name!r} is not named by its digest, and a tag can be another image tomorrow",
            hint="write name@sha256:…: `skopeo inspect docker://NAME` prints the digest",
            code="image-base",
        )
    who = registry_credentials.of(reference.registry, environ=environ, pushed_to=False)
    session = Session(reference.registry, who)
    keep = cache / "blobs"
    system, _, architecture = platform.partition("/")
    exact = reference.exact
    manifest = _document(session, reference.repository, reference.digest, keep)
    if bases.is_index(manifest):
        one = bases.chosen(manifest, system=system, architecture=architecture, of=exact)
        manifest = _document(session, reference.repository, one.digest, keep)
    described, layers = bases.opened(manifest, of=exact)
    config = registry.fetched(session, reference.repository, described, keep=keep).read_bytes()
    base = bases.base(config, layers, name=reference.name, digest=reference.digest)
    progress("looking at the base image")
    facts = _facts(session, reference, layers, keep=keep, cache=cache / "bases")
    return Opened(base, facts, reference, session, keep)


def _document(session: Session, repository: str, digest: str, keep: Path) -> bytes:
    """A manifest, from the folder or the registry."""
    place = keep / digest.removeprefix("sha256:")
    if place.is_file():
        return place.read_bytes()
    data = registry.manifest(session, repository, digest)
    write(place, data)
    return data


def _facts(session: Session, reference: Reference, layers: tuple[Descriptor, ...], *, keep: Path, cache: Path) -> Facts:
    """What the layers say; they are looked through once, and again where what was kept of it is damaged."""
    key = canonical.digest([_FORMAT, *(one.digest for one in layers)])
    place = cache / f"{key}.json"
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return Facts.kept(json.loads(place.read_text(encoding="utf-8")))
    with contextlib.ExitStack() as stack:
        streams = [
            stack.enter_context(registry.opened(session, reference.repository, one, keep=keep)) for one in layers
        ]
        facts = bases.looked_through(streams, of=reference.exact)
    write(place, json.dumps(facts.document()).encode())
    return facts


def write(place: Path, data: bytes) -> None:
    """Put a small file into a cache, whole.  Raises ``WorldFailed`` where it cannot be written."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=place.parent, prefix="writing-", delete=False) as file:
            file.write(data)
        Path(file.name).replace(place)
    except OSError as error:
        raise WorldFailed(
            f"{place.parent} cannot be written: {error.strerror}",
            hint="free some space, or set MG_CACHE",
            code="image-cache",
        ) from error
