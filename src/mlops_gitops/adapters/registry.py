"""Blobs and manifests of a container registry: what is there, brought here, and put there.

Promises: what is fetched has the digest and the size it was asked for by, or is not kept.  A blob that the registry has
is not sent; one that another repository of it has is mounted where it allows that; an upload that breaks off goes on
where the registry says it stands.  A manifest is put last, by its digest, so that nothing half-pushed has a name.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlencode, urljoin, urlsplit, urlunsplit

import requests

from mlops_gitops import canonical
from mlops_gitops.adapters.registry_session import ATTEMPTS, Session, content
from mlops_gitops.errors import Failure, Refused, WorldFailed
from mlops_gitops.packaging.image.assembly import (
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    INDEX,
    MANIFEST,
    Descriptor,
)

_ACCEPT = f"{MANIFEST}, {INDEX}, {DOCKER_MANIFEST}, {DOCKER_INDEX}"
_OK, _CREATED, _ACCEPTED, _NO_CONTENT, _MISSING = 200, 201, 202, 204, 404
_RANGE_REFUSED = 416
_CHUNK = 1 << 20
_OPEN_ENDED = "application/octet-stream"

Stream = Callable[[], Iterator[bytes]]
"""Makes the bytes of a blob, from the start, each time it is called."""


@dataclass
class Traffic:
    """What went to the registry: blobs and their bytes that were sent, blobs that were there, and that were mounted."""

    sent: list[Descriptor] = field(default_factory=list)
    there: list[Descriptor] = field(default_factory=list)
    mounted: list[Descriptor] = field(default_factory=list)

    @property
    def bytes_sent(self) -> int:
        """Bytes of blobs that were sent."""
        return sum(one.size for one in self.sent)


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
    with answer, tempfile.TemporaryDirectory(dir=place.parent, prefix="fetching-") as room:
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


def push_blob(
    session: Session, repository: str, one: Descriptor, stream: Stream, *, traffic: Traffic, source: str | None = None
) -> None:
    """Put a blob into ``repository`` unless it is there; ``source`` is a repository of the registry that has it."""
    answer = session.ask("HEAD", f"{repository}/blobs/{one.digest}", repository=repository)
    if _found(session, answer, f"look into {repository}"):
        traffic.there.append(one)
        return
    send_blob(session, repository, one, stream, traffic=traffic, source=source)


def send_blob(
    session: Session, repository: str, one: Descriptor, stream: Stream, *, traffic: Traffic, source: str | None = None
) -> None:
    """Mount or send a blob that is not there.  An upload that breaks off goes on; a forgotten one starts again."""
    problem: Failure | None = None
    for attempt in range(ATTEMPTS):
        upload = _started(session, repository, one, source if attempt == 0 else None)
        if upload is None:
            traffic.mounted.append(one)
            return
        try:
            _sent(session, repository, upload, one, stream)
        except _Lost as lost:
            problem = lost.problem
            session.wait(min(0.5 * 2**attempt, 8.0))
            continue
        traffic.sent.append(one)
        return
    raise problem or session.unreachable(OSError("the upload broke off"))


class _Lost(Exception):
    """An upload that the registry knows no more, or does not take."""

    def __init__(self, problem: Failure) -> None:
        super().__init__(problem.message)
        self.problem = problem


def _started(session: Session, repository: str, one: Descriptor, source: str | None) -> str | None:
    """Where the upload goes; ``None`` where the registry mounted the blob instead."""
    query = (
        f"?{urlencode({'mount': one.digest, 'from': source})}" if source is not None and source != repository else ""
    )
    also = source if query else None
    answer = session.ask("POST", f"{repository}/blobs/uploads/{query}", repository=repository, also=also)
    if answer.status_code == _CREATED and query:
        return None
    if answer.status_code != _ACCEPTED or "Location" not in answer.headers:
        raise session.failed(answer, f"take an upload into {repository}")
    return _place(session, repository, answer)


def _place(session: Session, repository: str, answer: requests.Response) -> str:
    """The address of an upload.  It may be another host's, and then no token is sent there."""
    return urljoin(urljoin(session.root, repository), answer.headers["Location"])


def _sent(session: Session, repository: str, upload: str, one: Descriptor, stream: Stream) -> None:
    """Send the bytes, from wherever the upload stands, and close it with the digest."""
    start = 0
    for attempt in range(ATTEMPTS):
        body = _Body(stream, start, one.size)
        headers = {"Content-Type": _OPEN_ENDED, "Content-Range": f"{start}-{one.size - 1}"}
        try:
            answer = session.ask("PATCH", upload, repository=repository, headers=headers, data=body.again, repeat=False)
        except WorldFailed as broken:
            problem: Failure = broken
        else:
            if answer.status_code == _ACCEPTED:
                upload = _place(session, repository, answer) if "Location" in answer.headers else upload
                break
            problem = session.failed(answer, f"take a layer of {repository}")
            if answer.status_code in {_MISSING, _RANGE_REFUSED}:
                raise _Lost(problem)
            if not problem.retry:
                raise problem
        session.wait(min(0.5 * 2**attempt, 8.0))
        upload, start = _standing(session, repository, upload, problem)
        if start >= one.size:
            break
    else:
        raise _Lost(problem)
    closed = session.ask(
        "PUT", _with_digest(upload, one.digest), repository=repository, headers={"Content-Length": "0"}
    )
    if closed.status_code not in {_CREATED, _NO_CONTENT}:
        raise _Lost(session.failed(closed, f"keep a layer of {repository}"))


def _standing(session: Session, repository: str, upload: str, problem: Failure) -> tuple[str, int]:
    """Where an upload goes on, and from which byte."""
    answer = session.ask("GET", upload, repository=repository)
    if answer.status_code != _NO_CONTENT:
        raise _Lost(problem)
    _, _, last = answer.headers.get("Range", "").partition("-")
    place = _place(session, repository, answer) if "Location" in answer.headers else upload
    # a registry that has nothing yet says 0-0, and so does one that has a single byte
    return place, int(last) + 1 if last.isdecimal() and int(last) > 0 else 0


def _with_digest(upload: str, digest: str) -> str:
    parts = urlsplit(upload)
    query = "&".join(filter(None, (parts.query, urlencode({"digest": digest}))))
    return urlunsplit(parts._replace(query=query))


class _Body:
    """The rest of a blob as a request's body: its length is known, and it is read as it is sent."""

    def __init__(self, stream: Stream, start: int, size: int) -> None:
        self.stream, self.start, self.size = stream, start, size
        self.chunks: Iterator[bytes] = iter(())
        self.kept = b""
        self.left = size - start

    def again(self) -> _Body:
        """From ``start``, whatever was read before."""
        self.chunks, self.kept, self.left = self.stream(), b"", self.size - self.start
        skipped = 0
        while skipped < self.start:
            chunk = next(self.chunks)
            self.kept = chunk[self.start - skipped :] if skipped + len(chunk) > self.start else b""
            skipped += len(chunk)
        return self

    def __len__(self) -> int:
        return self.left

    def read(self, size: int = -1) -> bytes:
        """The next bytes, at most ``size``."""
        if not self.kept:  # an empty piece is not the end
            self.kept = next(filter(None, self.chunks), b"")
        wanted = len(self.kept) if size < 0 else size
        data, self.kept = self.kept[:wanted], self.kept[wanted:]
        self.left -= len(data)
        return data


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
        if "BLOB_UNKNOWN" in failure.message:
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
