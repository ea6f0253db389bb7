"""MLflow's description of a data set, as ``mlflow.data.Dataset.to_json`` writes it and a run keeps it.

It says where the data came from; the data are then found there as if the manifest had named the place, with the same
bounds: inside the repository, or in the store that the environment names.  MLflow's own digest is of a sample of rows
and pins nothing; a manifest's ``digest`` is that of the files.
"""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from mlops_gitops.testing.data import shards

SUFFIX = ".dataset.json"
_LARGEST = 16 * 1024 * 1024
_SOURCES = ("local", "s3")


def place(described: str, *, folder: Path, root: Path) -> str:
    """The ``uri``, relative to the manifest's ``folder``, that the file ``described`` describes.

    Raises ``OSError`` and ``ValueError`` with the reason.
    """
    data, name = shards.content(described, folder=folder, root=root, most=_LARGEST), PurePosixPath(described).name
    try:
        if len(data) > _LARGEST:
            raise ValueError("it is too large")  # noqa: TRY301 - one place says it
        told = _mapping(json.loads(data))
        kind, source = told.get("source_type"), _mapping(json.loads(str(told.get("source"))))
        uri = source.get("uri")
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name} is no description of an MLflow data set: {error}") from error
    if kind not in _SOURCES or not isinstance(uri, str):
        raise ValueError(f"{name} describes data of {str(kind)[:40]!r}; only those of {' or '.join(_SOURCES)} are read")
    if kind == "s3":
        return uri
    local = Path(unquote(urlsplit(uri).path) if uri.startswith("file:") else uri)
    return (
        local.relative_to(folder.resolve()).as_posix() if local.is_relative_to(folder.resolve()) else local.as_posix()
    )


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("it is no mapping")  # noqa: TRY004 - what is in a file is a value
    return value
