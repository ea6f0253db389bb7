"""The data files that a manifest names: found below the repository, and told apart by digest."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from mlops_gitops.errors import Refused
from mlops_gitops.evidence.verdicts import Check, Verdict
from mlops_gitops.manifests.model import Dataset, Model
from mlops_gitops.testing.data import mlflow_datasets, shards
from mlops_gitops.testing.data.columns import Locate
from mlops_gitops.testing.data.remote import REMOTE
from mlops_gitops.testing.data.scans import Source

_SHOWN = 200
"""Characters of a uri in a message."""
TESTED = frozenset({"training", "validation", "test"})
"""The roles whose data are tested."""


class Hashing:
    """The digest of a data set, which a thread of its own makes while the rows are counted.

    It is empty where a disk fails meanwhile: no digest that a manifest names is.
    """

    def __init__(self, source: Source) -> None:
        self._found = ""
        for path in source.files:
            path.open("rb").close()  # what nobody may read is found out here
        self._thread = Thread(target=self._read, args=(source,), daemon=True)
        self._thread.start()

    def _read(self, source: Source) -> None:
        with contextlib.suppress(OSError):
            self._found = shards.digest_of(source)

    def __str__(self) -> str:
        """Waits until it is known."""
        self._thread.join()
        return self._found


@dataclass(frozen=True, slots=True)
class DataFile:
    """One data set of the manifest with its file or files; ``problem`` says why there is none to read."""

    dataset: Dataset
    index: int
    source: Source | None
    hashed: str | Hashing
    problem: str = ""
    hint: str = ""

    @property
    def digest(self) -> str:
        """The digest of its bytes; empty where there is none."""
        return str(self.hashed)

    @property
    def opened(self) -> Source:
        """The file to read.  Raises ``ValueError`` where there is none; the caller has looked."""
        if self.source is None:
            raise ValueError(f"{self.dataset.name} has no file")
        return self.source


def data_files(
    model: Model, *, folder: Path, root: Path, also: Collection[str] = (), hashed: bool = True
) -> list[DataFile]:
    """The data sets that are tested, and those named in ``also``, in the order of the manifest, lying in ``folder``.

    Without ``hashed`` they have no digest, which is read from all their bytes.
    """
    return [
        _file(dataset, index, folder=folder, root=root, hashed=hashed)
        for index, dataset in enumerate(model.data)
        if dataset.role in TESTED or dataset.name in also
    ]


def _file(dataset: Dataset, index: int, *, folder: Path, root: Path, hashed: bool) -> DataFile:
    try:
        uri = dataset.uri
        if uri.endswith(mlflow_datasets.SUFFIX) and "://" not in uri:
            uri = mlflow_datasets.place(uri, folder=folder, root=root)
        found = _found(uri, dataset.media_type, folder=folder, root=root)
        if found is None:
            hint = "fetch it beside the manifest before the test"
            return DataFile(dataset, index, None, "", f"{uri} is not a file here", hint)
        return DataFile(dataset, index, found, Hashing(found) if hashed else "")
    except (ValueError, OSError) as error:
        problem = f"{dataset.uri[:_SHOWN]}: {error.strerror}" if isinstance(error, OSError) else str(error)
        return DataFile(dataset, index, None, "", problem, "produce the data inside the repository, or correct `uri`")
    except Refused as refusal:
        return DataFile(dataset, index, None, "", refusal.message, refusal.hint)


def _found(uri: str, media_type: str | None, *, folder: Path, root: Path) -> Source | None:
    """The files of a URI; ``None`` where nobody here can fetch it."""
    if "://" not in uri:
        return shards.located(uri, folder=folder, root=root, media_type=media_type)
    remote = REMOTE.get()
    return remote(uri, media_type=media_type) if remote is not None and uri.startswith("s3://") else None


def identity(file: DataFile, locate: Locate) -> Iterator[Check]:
    """Whether the file is there, and the one that the manifest means."""
    dataset, place = file.dataset, ("spec", "data", file.index)
    if file.source is None:
        message = f"{dataset.name} cannot be read: {file.problem}"
        location = locate((*place, "uri"))
        yield Check("data.readable", dataset.name, Verdict.FAIL, message, location=location, fix=file.hint)
    elif dataset.digest is not None:
        same, location = dataset.digest == file.digest, locate((*place, "digest", "sha256"))
        message = (
            f"{dataset.name} is the file that the manifest names"
            if same
            else f"{dataset.name} has the digest {file.digest}; the manifest names {dataset.digest}"
        )
        verdict, fix = Verdict.PASS if same else Verdict.FAIL, "" if same else f"write `sha256: {file.digest}`"
        limit = dataset.digest
        yield Check(
            "data.digest",
            dataset.name,
            verdict,
            message,
            observed=file.digest,
            limit=limit,
            location=location,
            fix=fix,
        )


def in_one(files: Iterable[DataFile], locate: Locate) -> tuple[list[DataFile], list[Check]]:
    """The data sets that a model can be asked on, and a check for each that it cannot because it has several files."""
    usable, found = [], []
    for file in files:
        if file.source is not None and file.source.shards:
            message = f"{file.dataset.name} lies in several files, and a model is asked on one"
            place, fix = locate(("spec", "data", file.index, "uri")), "write the rows that judge the model to one file"
            found.append(Check("data.readable", file.dataset.name, Verdict.FAIL, message, location=place, fix=fix))
        elif file.source is not None:
            usable.append(file)
    return usable, found


def unreadable(file: DataFile, refusal: Refused, locate: Locate) -> Check:
    """The check that failed because the engine refused the file."""
    place = locate(("spec", "data", file.index, "uri"))
    message = f"{file.dataset.name}: {refusal.message}"
    return Check("data.readable", file.dataset.name, Verdict.FAIL, message, location=place, fix=refusal.hint)
