"""Where a document may lie: in its repository, also when a link leads there.

Whoever opens a pull request can commit a link, and what is wrong with a file is shown on the pull request.  So nothing
is read through a link that leads out of the repository: not the environment of the process, nor its credentials.
"""

import errno
import os
import os.path
import stat
from functools import lru_cache

from mlops_gitops.manifests.text import MAX_BYTES

OUTSIDE = "it is a link that leads out of the repository"
_CHUNK = 1 << 20


def read(file: str, *, root: str, most: int = MAX_BYTES) -> bytes:
    """A file's bytes, at most one more than ``most``; never from a device, a pipe, or outside of ``root``.

    Raises ``OSError`` and ``ValueError`` with what is wrong.
    """
    real = _real(os.path.dirname(file)) + "/" + os.path.basename(file)  # noqa: PTH119, PTH120 - many files
    if os.path.islink(real):  # noqa: PTH114
        real = os.path.realpath(real)
    if not real.startswith(f"{_real(root)}/".replace("//", "/")):
        raise ValueError(OUTSIDE)
    try:
        handle = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno == errno.ELOOP:  # a link to itself, or one that came a moment ago
            raise ValueError(OUTSIDE) from None
        raise
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ValueError("it is not a regular file")
        data = bytearray()
        while len(data) <= most and (chunk := os.read(handle, min(most + 1 - len(data), _CHUNK))):
            data += chunk
        return bytes(data)
    finally:
        os.close(handle)


@lru_cache(maxsize=65536)
def root(folder: str, cwd: str) -> str:
    """The root of the repository that a folder is in: where ``.git`` is, else where we stand, else the folder."""
    marked = _marked(folder)
    if marked is not None:
        return marked
    return cwd if folder == cwd or folder.startswith(f"{cwd}/") else folder


@lru_cache(maxsize=65536)
def _marked(folder: str) -> str | None:
    if os.path.exists(f"{folder}/.git"):  # noqa: PTH110
        return folder
    parent = os.path.dirname(folder)  # noqa: PTH120
    return None if parent == folder else _marked(parent)


@lru_cache(maxsize=65536)
def _real(folder: str) -> str:
    """A folder without links.  One look for each: ``os.path.realpath`` takes one for each step of each path."""
    parent = os.path.dirname(folder)  # noqa: PTH120
    if parent == folder:
        return folder
    found = f"{_real(parent)}/{os.path.basename(folder)}".replace("//", "/")  # noqa: PTH119
    return os.path.realpath(found) if os.path.islink(found) else found  # noqa: PTH114
