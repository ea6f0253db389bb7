"""Blobs into a container registry: only those that it lacks, and from where an upload that broke off stands.

Promises: a blob that the registry has is not sent; one that another repository of it has is mounted where it allows
that; an upload that breaks off goes on where the registry says it stands.  Every upload has an end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlencode, urljoin, urlsplit, urlunsplit

import requests

from mlops_gitops.adapters.registry import has_blob, patience
from mlops_gitops.adapters.registry_session import ATTEMPTS, Session
from mlops_gitops.errors import Failure, WorldFailed
from mlops_gitops.packaging.image.assembly import Descriptor

_CREATED, _ACCEPTED, _NO_CONTENT, _MISSING, _RANGE_REFUSED = 201, 202, 204, 404, 416
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


def push_blob(
    session: Session, repository: str, one: Descriptor, stream: Stream, *, traffic: Traffic, source: str | None = None
) -> None:
    """Put a blob into ``repository`` unless it is there; ``source`` is a repository of the registry that has it."""
    if has_blob(session, repository, one.digest):
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
        body = _Body(stream, start, one)
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

    def __init__(self, stream: Stream, start: int, one: Descriptor) -> None:
        self.stream, self.start, size = stream, start, one.size
        self.size, self.patience = size, patience(one)
        self.end = time.monotonic() + self.patience
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
        """The next bytes, at most ``size``.  Raises ``TimeoutError`` where the other end takes them too slowly."""
        if time.monotonic() > self.end:
            raise TimeoutError(f"the layer was not taken in {self.patience:,.0f} s")
        if not self.kept:  # an empty piece is not the end
            self.kept = next(filter(None, self.chunks), b"")
        wanted = len(self.kept) if size < 0 else size
        data, self.kept = self.kept[:wanted], self.kept[wanted:]
        self.left -= len(data)
        return data
