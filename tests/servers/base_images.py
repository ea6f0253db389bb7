"""Base images for tests, put into a registry by a few plain requests and not by the code under test."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import requests

from servers import docker_daemon, docker_engine

OS_RELEASE = 'ID=debian\nVERSION_ID="12"\n'
_LIBRARIES = (
    "libstdc++.so.6",
    "libgcc_s.so.1",
    "libz.so.1",
    "libdl.so.2",
    "librt.so.1",
    "libpthread.so.0",
    "libm.so.6",
)
_PLACES = ("/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/lib/aarch64-linux-gnu")


def tiny(*, release: str = OS_RELEASE, python: str = "usr/bin/python3.11") -> bytes:
    """A layer with nothing in it but what is looked for: it can be built on, and not be run."""
    return tar({"etc/os-release": release.encode(), python: b"#!/nothing\n"})


def working() -> bytes:
    """A layer with this machine's own Python and the libraries that wheels expect of a system."""
    stream = io.BytesIO(docker_engine._root())
    with tarfile.open(fileobj=stream, mode="a") as archive:
        known = set(archive.getnames())
        for name in _LIBRARIES:
            path = next((Path(place) / name for place in _PLACES if (Path(place) / name).exists()), None)
            if path is not None and str(path).lstrip("/") not in known:
                archive.add(path.resolve(), arcname=str(path))
        info = tarfile.TarInfo("etc/os-release")
        info.size = len(OS_RELEASE)
        archive.addfile(info, io.BytesIO(OS_RELEASE.encode()))
        for name in ("tmp", "data"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
            archive.addfile(folder)
    return stream.getvalue()


def nats() -> bytes:
    """A layer with this machine's own NATS server at ``/nats-server``, as the official image has it."""
    program = docker_daemon.program("nats-server")
    if program is None:
        docker_engine.given_up("nats-server is not installed: `apt-get install nats-server`")
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.add(Path(program).resolve(), arcname="nats-server")
        for path in docker_engine._libraries(Path(program)):
            archive.add(path.resolve(), arcname=str(path))
    return stream.getvalue()


def tar(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o755
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def put(
    address: str,
    repository: str,
    layer: bytes,
    *,
    environment: tuple[str, ...] = (),
    entrypoint: tuple[str, ...] = ("/never-run",),
    auth: Any = None,
    docker: bool = False,
    packed: bytes = b"",
) -> str:
    """Push an image of one layer; its name by digest.  ``docker`` makes it one of Docker's older types.

    ``packed`` is what is sent in the place of the layer.
    """
    packed = packed or gzip.compress(layer, compresslevel=1, mtime=0)
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {
            "Env": ["PATH=/usr/local/bin:/usr/bin:/bin", *environment],
            "Entrypoint": [*entrypoint],
            "User": "0:0",
        },
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
        "history": [{"created": "2026-01-01T00:00:00Z", "created_by": "a test"}],
    }
    data = json.dumps(config).encode()
    oci, old = "application/vnd.oci.image.{}.v1+json", "application/vnd.docker."
    kinds = (
        (f"{old}distribution.manifest.v2+json", f"{old}container.image.v1+json", f"{old}image.rootfs.diff.tar.gzip")
        if docker
        else (oci.format("manifest"), oci.format("config"), "application/vnd.oci.image.layer.v1.tar+gzip")
    )
    manifest = {
        "schemaVersion": 2,
        "mediaType": kinds[0],
        "config": {"mediaType": kinds[1], "digest": _blob(address, repository, data, auth), "size": len(data)},
        "layers": [{"mediaType": kinds[2], "digest": _blob(address, repository, packed, auth), "size": len(packed)}],
    }
    return f"{address}/{repository}@{manifested(address, repository, manifest, auth=auth)}"


def manifested(address: str, repository: str, manifest: dict[str, Any], *, auth: Any = None) -> str:
    """Put a manifest as it is; its digest."""
    data = json.dumps(manifest).encode()
    digest = _digest(data)
    url = f"http://{address}/v2/{repository}/manifests/{digest}"
    requests.put(
        url, data=data, headers={"Content-Type": manifest["mediaType"]}, auth=auth, timeout=60
    ).raise_for_status()
    return digest


def _blob(address: str, repository: str, data: bytes, auth: Any) -> str:
    started = requests.post(f"http://{address}/v2/{repository}/blobs/uploads/", auth=auth, timeout=60)
    started.raise_for_status()
    url = started.headers["Location"] + f"&digest={_digest(data)}"
    requests.put(
        url, data=data, auth=auth, timeout=300, headers={"Content-Type": "application/octet-stream"}
    ).raise_for_status()
    return _digest(data)


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
