"""Files that an Action leaves for later steps, in the runner's temporary folder.

The folder is the runner's, and each name is new and cannot be known beforehand: no file and no link of a repository
can lie in its place.
"""

from __future__ import annotations

import os

from mlops_gitops.actions.inputs import Settings
from mlops_gitops.errors import WorldFailed

_HINT = "RUNNER_TEMP must name a folder that can be written, on a disk with some space"


def file(name: str, content: str, settings: Settings) -> str:
    """Keep ``content`` in a file that ends like ``name``, and return its path.  Raises ``WorldFailed``."""
    stem, _, ending = name.rpartition(".")
    path = _new(stem, settings, ending=f".{ending}")
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as opened:
            opened.write(content)
    except OSError as error:
        raise _unable("a report cannot be written to", error, settings) from error
    return path


def folder(stem: str, settings: Settings) -> str:
    """A new and empty folder.  Raises ``WorldFailed``."""
    path = _new(stem, settings)
    try:
        os.mkdir(path, 0o700)  # noqa: PTH102 - the path is a text here and for whom it is made
    except OSError as error:
        raise _unable("no folder can be made in", error, settings) from error
    return path


def _new(stem: str, settings: Settings, *, ending: str = "") -> str:
    return f"{settings.temporary}/mlops-gitops-{stem}-{os.urandom(8).hex()}{ending}"


def _unable(what: str, error: OSError, settings: Settings) -> WorldFailed:
    return WorldFailed(f"{what} {settings.temporary}: {error.strerror}", hint=_HINT, code="report")
