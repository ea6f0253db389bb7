"""The folder that a demo lives in: made, recognised and made again, without touching what it did not make.

A marker file says that a folder is a demo's own.  A folder that holds anything and no marker is refused.  Starting
afresh removes exactly the entries that a demo makes, by name; whatever else lies beside them stays.  A link among them
is removed and never followed.  While a demo runs it holds a lock on the marker, so that two never share a folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from mlops_gitops.errors import Refused, WorldFailed

MARKER = ".mlops-gitops-demo"
_WORDS = "This folder was made by `mlops-gitops demo`, which may start afresh in it.\n"
_MADE = ("models", "environments", "environments.git", "keys", "artifacts", "cache", "mlflow.db")
_MADE_BESIDE = ("mlflow.db-journal", "mlflow.db-shm", "mlflow.db-wal")


@dataclass(frozen=True, slots=True)
class Folder:
    """Where everything of one demo lies; ``root`` is absolute."""

    root: Path

    @property
    def models(self) -> Path:
        """The model repository: a work tree, as a data scientist has it."""
        return self.root / "models"

    @property
    def model(self) -> Path:
        """The folder of flight-delays in the model repository."""
        return self.models / "models" / "flight-delays"

    @property
    def environments(self) -> Path:
        """The environment repository: bare, as a server keeps it."""
        return self.root / "environments.git"

    @property
    def platform(self) -> Path:
        """The work tree in which the platform team wrote the policies."""
        return self.root / "environments"

    @property
    def keys(self) -> Path:
        """The private keys of the two people and of CI."""
        return self.root / "keys"

    @property
    def tracking(self) -> str:
        """The tracking store and model registry of MLflow."""
        return f"sqlite:///{self.root / 'mlflow.db'}"

    @property
    def artifacts(self) -> Path:
        """Where MLflow keeps the models."""
        return self.root / "artifacts"

    @property
    def cache(self) -> Path:
        """The caches of this demo's commands."""
        return self.root / "cache"


@contextlib.contextmanager
def claimed(root: Path) -> Iterator[Folder]:
    """The folder ``root``, empty of an earlier demo, held until the block ends.

    Raises ``Refused`` where it belongs to somebody else, ``WorldFailed`` where it cannot be written or is in use.
    """
    with _held(root):
        yield Folder(root.resolve())


def _held(root: Path) -> TextIO:
    """The marker, open and locked, with the folder cleared."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        if not (root / MARKER).is_file() and any(root.iterdir()):
            raise _foreign(root)
        with contextlib.ExitStack() as stack:
            marker = stack.enter_context((root / MARKER).open("a", encoding="utf-8"))
            _lock(marker.fileno(), root)
            if not marker.tell():
                marker.write(_WORDS)
                marker.flush()
            _clear(root)
            stack.pop_all()
            return marker
    except (FileExistsError, NotADirectoryError) as error:
        raise _foreign(root) from error
    except OSError as error:
        raise WorldFailed(
            f"{root} cannot be used: {error.strerror}",
            hint="give another folder: mlops-gitops demo DIR",
            code="demo-folder",
        ) from error


def _foreign(root: Path) -> Refused:
    return Refused(
        f"{root} holds files that no demo made, and a demo starts in a folder of its own",
        hint="give a new or an empty folder: mlops-gitops demo DIR",
        code="demo-folder",
    )


def _lock(descriptor: int, root: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise WorldFailed(
            f"another demo is running in {root}", hint="wait for it, or give another folder", code="demo-running"
        ) from None


def _clear(root: Path) -> None:
    for name in (*_MADE, *_MADE_BESIDE):
        path = root / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
