"""A container engine as a place to load an image into, and to read one from.

Promises: the engine gets the very bytes that a registry would, as a stream; what it calls the image is compared with
what was computed.
"""

from __future__ import annotations

import contextlib
import functools
import json
import posixpath
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mlops_gitops import canonical
from mlops_gitops.adapters.image_push import Content
from mlops_gitops.adapters.predictions import printable
from mlops_gitops.errors import Misused, WorldFailed
from mlops_gitops.packaging.image import assembly
from mlops_gitops.packaging.image.assembly import Descriptor

_BLOCK = 512
_SECONDS = 600


def connected(environ: Mapping[str, str]) -> Any:
    """The engine that ``environ`` leads to.  Raises ``Misused`` without its package, ``WorldFailed`` without one."""
    try:
        import docker
        from docker.errors import DockerException
    except ImportError as missing:
        raise Misused(
            "this needs the docker package, which is not installed",
            hint="install it: `pip install 'mlops-gitops[build]'`",
            code="missing-package",
        ) from missing
    try:
        client = docker.from_env(environment=dict(environ), timeout=_SECONDS)
        client.ping()
    except (DockerException, OSError) as error:
        raise WorldFailed(
            f"there is no container engine: {error}"[:500],
            hint="start Docker, or set DOCKER_HOST to where it listens; `build --push` needs none",
            code="no-engine",
        ) from error
    return client


def load(client: Any, content: Content, *, name: str) -> str:
    """Load an image and call it ``name``; what the engine calls it, which is the digest of its configuration."""
    with failing(f"load {name}"):
        for said in client.api.load_image(_archive(content, name), quiet=True):
            if isinstance(said, dict) and "error" in said:
                raise WorldFailed(
                    f"the engine does not take the image: {printable(str(said['error']))}",
                    hint="`docker info` says whether the engine is well and has room",
                    code="engine",
                )
        found = str(client.images.get(name).id)
    if found not in {content.image.id, content.image.digest}:
        raise WorldFailed(
            f"the engine made {found} of the image {content.image.id}",
            hint="look at the engine's version; the image in the registry is not touched by this",
            code="engine",
        )
    return found


def _archive(content: Content, name: str) -> Iterator[bytes]:
    """An OCI layout that is a Docker archive at the same time, as a stream."""
    image = content.image
    texts = {
        "oci-layout": canonical.encode({"imageLayoutVersion": "1.0.0"}),
        "index.json": canonical.encode(
            {
                "schemaVersion": 2,
                "manifests": [{**image.descriptor.document(), "annotations": {"io.containerd.image.name": name}}],
            }
        ),
        "manifest.json": canonical.encode(
            [{"Config": _blob(image.id), "RepoTags": [name], "Layers": [_blob(one.digest) for one in image.layers]}]
        ),
        _blob(image.id): image.config,
        _blob(image.digest): image.manifest,
    }
    for path, data in texts.items():
        yield from _member(path, len(data), iter([data]))
    for one in dict.fromkeys(image.layers):
        yield from _member(_blob(one.digest), one.size, content.streams[one.digest]())
    yield bytes(2 * _BLOCK)


def _member(path: str, size: int, data: Iterator[bytes]) -> Iterator[bytes]:
    info = tarfile.TarInfo(path)
    info.size, info.mode = size, 0o644
    yield info.tobuf(tarfile.PAX_FORMAT)
    yield from data
    yield bytes(-size % _BLOCK)


def _blob(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def taken(client: Any, name: str, *, room: Path) -> Content:
    """The image called ``name`` as we push it, and the engine without that name: it was ours for the build."""
    try:
        return saved(client, name, room=room)
    finally:
        with failing(f"forget {name}"):
            client.images.remove(name, force=True)


def saved(client: Any, identity: str, *, room: Path) -> Content:
    """An image of the engine as we push it: its layers as plain tars, in a file in ``room``."""
    path = room / "image.tar"
    with writing(room), path.open("wb") as file, failing("read the image"):
        for chunk in client.images.get(identity).save():
            file.write(chunk)
    try:
        with tarfile.open(path, mode="r:") as archive:
            listed = json.loads(_text(archive, "manifest.json"))[0]
            config = _text(archive, listed["Config"])
            ids = json.loads(config)["rootfs"]["diff_ids"]
            places = [_place(archive, name) for name in listed["Layers"]]
    except (tarfile.TarError, KeyError, IndexError, ValueError, TypeError) as error:
        raise WorldFailed(
            f"the engine saves an image in a form that is not known: {error}", hint="look at its version", code="engine"
        ) from error
    layers = tuple(Descriptor(assembly.TAR, digest, size) for digest, (_, size) in zip(ids, places, strict=True))
    streams = {
        one.digest: functools.partial(_part, path, start, one.size)
        for one, (start, _) in zip(layers, places, strict=True)
    }
    return Content(assembly.of_config(config, layers), streams)


def _text(archive: tarfile.TarFile, name: str) -> bytes:
    stream = archive.extractfile(name)
    if stream is None:
        raise KeyError(name)
    return stream.read()


def _place(archive: tarfile.TarFile, name: str) -> tuple[int, int]:
    """Where a layer's bytes begin in the archive, and how many they are; a layer that comes twice is a link."""
    member = archive.getmember(name)
    if member.issym():
        member = archive.getmember(posixpath.normpath(posixpath.join(posixpath.dirname(name), member.linkname)))
    return member.offset_data, member.size


def _part(path: Path, start: int, size: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while size and (chunk := file.read(min(1 << 20, size))):
            size -= len(chunk)
            yield chunk


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """A disk that is full, or a folder that may not be written, is told as that."""
    try:
        yield
    except OSError as error:
        raise WorldFailed(
            f"{folder} cannot be written: {error.strerror or error}",
            hint="free some space, or set MG_CACHE and TMPDIR to folders that have some",
            code="image-cache",
        ) from error


def broken() -> tuple[type[Exception], ...]:
    """What comes of an engine that says no, says nonsense, or is gone in the middle of an answer."""
    import http.client

    import requests
    import urllib3
    from docker.errors import DockerException

    gone = (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException)
    return (DockerException, json.JSONDecodeError, *gone)


@contextlib.contextmanager
def failing(what: str) -> Iterator[None]:
    """Whatever the engine says here is told as it said it."""
    try:
        yield
    except broken() as error:
        said = printable(str(getattr(error, "explanation", None) or error), most=400)
        raise WorldFailed(
            f"the container engine could not {what}: {said}",
            hint="`docker info` says whether the engine is well and has room; then run the same command again",
            code="engine",
        ) from error
