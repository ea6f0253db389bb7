"""Data sets that lie elsewhere: whoever can fetch them is named by the command line, and nobody is otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from mlops_gitops.testing.data.scans import Source


class Remote(Protocol):
    """Brings the files of a URI here."""

    def __call__(self, uri: str, *, media_type: str | None) -> Source:
        """The data set on this machine.

        Raises ``ValueError`` with the reason where there is none, ``Refused`` as ``source`` does, and ``WorldFailed``
        where nobody can be asked: that says nothing of the data, so it is no finding.
        """


REMOTE: ContextVar[Remote | None] = ContextVar("REMOTE", default=None)


@contextmanager
def fetched_by(remote: Remote) -> Iterator[None]:
    """Data sets elsewhere are fetched by ``remote`` inside."""
    token = REMOTE.set(remote)
    try:
        yield
    finally:
        REMOTE.reset(token)
