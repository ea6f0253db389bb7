"""Files that a command leaves: whole or not at all, and never through a link that was committed in their place.

Whoever opens a pull request chooses what lies in its repository, links included; a file that is written through one
would land wherever the link leads.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from mlops_gitops.errors import Misused


def replaced(path: Path, data: bytes) -> None:
    """``data`` as the whole file at ``path``, or what was there before.  Raises ``OSError``."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
        try:
            file.write(data)
            file.close()
            Path(file.name).chmod(0o644)
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def room(folder: Path, name: str) -> Path:
    """The folder ``name`` in ``folder``, made where it is not there.  Raises ``OSError``, ``Misused`` for a link."""
    found = folder / name
    for one in (folder, found):
        if one.is_symlink():
            raise Misused(f"{one} is a link", hint="name the folder that it leads to, or another", code="report")
    found.mkdir(parents=True, exist_ok=True)
    return found
