"""Artifacts of releases, fetched into a content-addressed cache and verified byte by byte.

An entry of the cache is named by the digest of the whole file list, is written beside its place and renamed into it,
and is verified again each time it is used: a cache that somebody wrote to is noticed.  Two processes that fetch the
same artifact do not meet; the second finds the first one's entry and keeps it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mlops_gitops import canonical
from mlops_gitops.adapters.git_process import masked
from mlops_gitops.errors import Misused, Refused, WorldFailed
from mlops_gitops.manifests.release import Release
from mlops_gitops.packaging import digests
from mlops_gitops.packaging.digests import Artifact, FileDigest
from mlops_gitops.packaging.registry import Registry

REGISTRY_SCHEME = "models"


def expected(release: Release) -> Artifact:
    """The artifact that ``release`` names.  Raises ``Refused`` where its file list and its digest disagree."""
    files = tuple(FileDigest(file.name, file.digest, file.size) for file in release.artifact.files)
    artifact = digests.combined(files)
    if artifact.digest != release.artifact.digest or artifact.size != release.artifact.size:
        raise Refused(
            f"release {release.id[:12]} contradicts itself: its files give the digest {artifact.digest}",
            hint="build the release again",
            code="artifact-digest",
        )
    return artifact


def fetch(release: Release, *, cache: Path, registry: Registry | None = None, folder: Path | None = None) -> Path:
    """The folder or file in ``cache`` that holds exactly the artifact of ``release``.

    ``models:/…`` comes from ``registry``; a path, or a ``file:`` URI, is taken relative to ``folder``, the model's
    folder.  Raises ``Refused`` where what is fetched is not what was released, ``Misused`` where a source is missing.
    """
    uri = release.artifact.uri
    return _cached(release, cache, lambda room: _brought(uri, room, registry=registry, folder=folder))


def keep(release: Release, source: Path, *, cache: Path) -> Path:
    """Put the artifact of ``release``, which lies at ``source``, into ``cache``.

    So a model without a registry can still be compared with later, on this machine, when training has overwritten it;
    and one with a registry is not downloaded again.
    """
    return _cached(release, cache, lambda room: _copied(source, room / "artifact"))


def _cached(release: Release, cache: Path, bring: Callable[[Path], Path]) -> Path:
    """The entry of the cache, brought there if it is not there yet, and verified in any case."""
    artifact = expected(release)
    place = cache / canonical.digest([file.document() for file in artifact.files])
    if place.exists() or place.is_symlink():
        if _is_sound(place, artifact):
            return place
        _discard(place)
    _prepare(cache)
    with tempfile.TemporaryDirectory(dir=cache, prefix="fetch-") as room:
        there = bring(Path(room))
        digests.verify(there, artifact)
        _publish(there, place)
    digests.verify(place, artifact)
    return place


def _brought(uri: str, room: Path, *, registry: Registry | None, folder: Path | None) -> Path:
    parts = urlsplit(uri)
    target = room / "artifact"
    if parts.scheme == REGISTRY_SCHEME:
        if registry is None:
            raise Misused(
                f"the artifact {uri} is in a model registry, and none is configured",
                hint="name it under spec.mlflow.trackingUri in mlops-gitops.yaml, or set MLFLOW_TRACKING_URI",
                code="registry-unset",
            )
        target.mkdir()
        registry.download(uri, target)
        return target
    if parts.scheme not in ("", "file") or parts.netloc not in ("", "localhost"):
        raise Misused(
            f"artifacts cannot be fetched from {masked(uri)!r}",
            hint="register the model in MLflow, or keep it in a file",
            code="artifact-uri",
        )
    if folder is None:
        raise Misused(
            f"the artifact {uri} is a path, and the model's folder is not known here",
            hint="run the command in the model repository",
            code="artifact-uri",
        )
    source = (folder / (unquote(parts.path) if parts.scheme else uri)).absolute()
    if ".." in source.parts or not source.is_relative_to(folder.absolute()):
        raise Refused(
            f"the artifact {uri} leaves the model's folder",
            hint="keep the artifact beside its manifest",
            code="path-outside",
        )
    return _copied(source, target)


def _copied(source: Path, target: Path) -> Path:
    for name in digests.names(source):
        copy = target if name == digests.SINGLE else target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        with digests.open_regular(source / name) as read, copy.open("xb") as write:
            shutil.copyfileobj(read, write, 1 << 20)
    return target


def _publish(there: Path, place: Path) -> None:
    """One rename.  Where another process was faster, its entry stays, and is verified by the caller."""
    try:
        there.rename(place)
    except OSError as error:
        if not place.exists():
            raise WorldFailed(
                f"the artifact cannot be stored in {place.parent}: {error.strerror}",
                hint="make room, or name another cache folder",
                code="artifact-cache",
            ) from error


def _is_sound(place: Path, artifact: Artifact) -> bool:
    try:
        digests.verify(place, artifact)
    except Refused:
        return False
    return True


def _discard(place: Path) -> None:
    """Move a spoilt entry out of the way first, so that no reader sees it half deleted."""
    with contextlib.suppress(FileNotFoundError):
        spoilt = Path(tempfile.mkdtemp(dir=place.parent, prefix="spoilt-"))
        place.rename(spoilt / "entry")
        shutil.rmtree(spoilt, ignore_errors=True)


def _prepare(cache: Path) -> None:
    try:
        cache.mkdir(parents=True, exist_ok=True)
        writable = os.access(cache, os.W_OK | os.X_OK)
    except OSError:
        writable = False
    if not writable:
        raise WorldFailed(
            f"the cache folder {cache} cannot be written", hint="name another cache folder", code="artifact-cache"
        )
