"""Blobs and manifests of a container registry: what is there, and what is brought here; manifests are put there, too.

Promises: what is fetched has the digest and the size it was asked for by, or is not kept.  Blobs are put there by
``registry_uploads``, and a manifest last, by its digest, so that nothing half-pushed has a name.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import requests

from mlops_gitops import canonical
from mlops_gitops.adapters.registry_session import ATTEMPTS, Session, content, whole
from mlops_gitops.errors import Failure, Refused, WorldFailed
from mlops_gitops.packaging.image.assembly import (
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    INDEX,
    MANIFEST,
    Descriptor,
)

_ACCEPT = f"{MANIFEST}, {INDEX}, {DOCKER_MANIFEST}, {DOCKER_INDEX}"
_OK, _CREATED, _MISSING = 200, 201, 404
_CHUNK = 1 << 20
_UNSEEN = ("BLOB_UNKNOWN", "MANIFEST_UNKNOWN", "DIGEST_INVALID")
"""What a registry says of a manifest whose parts it does not see: lost, or just being written by somebody else."""
_PATIENCE, _SLOWEST = 120.0, 50_000
"""A blob may take so many seconds, and one more for each so many bytes."""


def manifest(session: Session, repository: str, digest: str) -> bytes:
    """The manifest or index of that digest.  Raises ``Refused`` where there is none or it is another."""
    found = _manifest(session, repository, digest)
    if found is None:
        raise Refused(
            f"there is no {session.registry}/{repository}@{digest}",
            hint="look whether the name and the digest are right, and whether it was deleted",
            code="image-missing",
        )
    return found


def has_manifest(session: Session, repository: str, digest: str) -> bool:
    """Whether the registry has a manifest."""
    answer = session.ask("HEAD", f"{repository}/manifests/{digest}", repository=repository, headers={"Accept": _ACCEPT})
    return _found(session, answer, f"look for {repository}")


def has_blob(session: Session, repository: str, digest: str) -> bool:
    """Whether the registry says that a repository has a blob."""
    answer = session.ask("HEAD", f"{repository}/blobs/{digest}", repository=repository)
    return _found(session, answer, f"look into {repository}")


def _manifest(session: Session, repository: str, reference: str) -> bytes | None:
    answer = session.ask(
        "GET", f"{repository}/manifests/{reference}", repository=repository, headers={"Accept": _ACCEPT}, stream=True
    )
    if answer.status_code == _MISSING:
        answer.close()
        return None
    if answer.status_code != _OK:
        raise session.failed(answer, f"read {repository}")
    data = content(answer)
    if reference.startswith("sha256:") and f"sha256:{canonical.sha256(data)}" != reference:
        raise _another(session, reference)
    return data


@contextmanager
def opened(session: Session, repository: str, one: Descriptor, *, keep: Path) -> Iterator[IO[bytes]]:
    """A blob, from the folder ``keep``, where it is brought first if it is not there yet."""
    with fetched(session, repository, one, keep=keep).open("rb") as stream:
        yield stream


def fetched(session: Session, repository: str, one: Descriptor, *, keep: Path) -> Path:
    """The file of a blob in ``keep``.  Raises ``WorldFailed`` where it cannot be had whole, or not be written."""
    place = keep / one.digest.removeprefix("sha256:")
    if place.is_file() and place.stat().st_size == one.size:
        return place
    problem: Failure | None = None
    for _ in range(ATTEMPTS):
        try:
            return _brought(session, repository, one, place)
        except requests.RequestException as error:
            problem = session.unreachable(error)
            session.wait(1.0)
        except OSError as error:
            raise WorldFailed(
                f"{keep} cannot be written: {error.strerror}",
                hint="free some space, or set MG_CACHE",
                code="image-cache",
            ) from error
    raise problem or session.unreachable(OSError("it broke off"))


def _brought(session: Session, repository: str, one: Descriptor, place: Path) -> Path:
    answer = session.ask("GET", f"{repository}/blobs/{one.digest}", repository=repository, stream=True)
    if answer.status_code != _OK:
        raise session.failed(answer, f"read a layer of {repository}")
    place.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with (
        whole(answer, patience(one), "a layer"),
        tempfile.TemporaryDirectory(dir=place.parent, prefix="fetching-") as room,
    ):
        made = Path(room) / "blob"
        with made.open("wb") as file:
            for chunk in answer.iter_content(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
                if size > one.size:
                    break
                file.write(chunk)
        if size < one.size:
            raise requests.ConnectionError(f"it ended after {size} of {one.size} bytes")
        if size != one.size or f"sha256:{digest.hexdigest()}" != one.digest:
            raise _another(session, one.digest)
        made.replace(place)
    return place


def patience(one: Descriptor) -> float:
    """How long a blob may be on its way."""
    return _PATIENCE + one.size / _SLOWEST


def put_manifest(session: Session, repository: str, reference: str, data: bytes, *, media_type: str = MANIFEST) -> bool:
    """Put a manifest under a digest or a tag; whether the registry noted what it refers to (OCI 1.1).

    Raises ``MissingBlobs`` where it says that parts are not there.
    """
    answer = session.ask(
        "PUT",
        f"{repository}/manifests/{reference}",
        repository=repository,
        headers={"Content-Type": media_type},
        data=lambda: data,
    )
    if answer.status_code != _CREATED:
        failure = session.failed(answer, f"take the manifest of {repository}")
        if any(word in failure.message for word in _UNSEEN):
            raise MissingBlobs(failure.message, hint="run the same command again", code="registry")
        raise failure
    told = answer.headers.get("Docker-Content-Digest")
    if told is not None and told != f"sha256:{canonical.sha256(data)}":
        raise _another(session, told)
    return "OCI-Subject" in answer.headers


class MissingBlobs(WorldFailed):
    """The registry has lost what was pushed to it."""


def referrers(session: Session, repository: str, digest: str) -> list[dict[str, Any]] | None:
    """Descriptors of what refers to a manifest, from the referrers API; ``None`` where the registry has none."""
    answer = session.ask("GET", f"{repository}/referrers/{digest}", repository=repository, stream=True)
    if answer.status_code != _OK:
        answer.close()
        return None
    return _listed(content(answer))


def fallback(session: Session, repository: str, digest: str) -> list[dict[str, Any]]:
    """What refers to a manifest, from the tag that stands in for the API."""
    found = _manifest(session, repository, digest.replace(":", "-"))
    return [] if found is None else _listed(found) or []


def _listed(data: bytes) -> list[dict[str, Any]] | None:
    try:
        document = json.loads(data)
        return [one for one in document["manifests"] if isinstance(one, dict)]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _found(session: Session, answer: requests.Response, what: str) -> bool:
    if answer.status_code not in {_OK, _MISSING}:
        raise session.failed(answer, what)
    return answer.status_code == _OK


def _another(session: Session, digest: str) -> WorldFailed:
    return WorldFailed(
        f"the registry {session.registry} gives something else than {digest}",
        hint="run the same command again; if it says so again, what the registry holds is damaged",
        code="registry-digest",
    )
