"""A model registry, as the rest of the program asks for it; and the pure part of finding a model in one.

MLflow's registry is last-write-wins, so nothing here trusts an alias: a release names a *version*, and its digest says
whether the version still holds the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from mlops_gitops.errors import Refused
from mlops_gitops.packaging.derivation import Change, Registered
from mlops_gitops.records import record


@record
class Identity:
    """What an ``MLmodel`` file says of its origin: MLflow's ids of the logged model and of the run; either may lack."""

    model: str | None
    run: str | None


@record
class Version:
    """One registered model version: its number as text, the run that made it, and where its files come from.

    ``trainer`` is who started that run, where MLflow says.
    """

    name: str
    version: str
    run: str | None
    source: str
    trainer: str | None = None

    @property
    def uri(self) -> str:
        """The version as MLflow addresses it: ``models:/name/1``."""
        return f"models:/{self.name}/{self.version}"


class Registry(Protocol):
    """What the domain needs of a model registry."""

    def find(self, name: str, identity: Identity) -> Version:
        """The version of the registered model ``name`` that holds the artifact with this identity."""

    def download(self, uri: str, target: Path) -> None:
        """The files behind ``uri`` (``models:/name/version``), into the empty folder ``target``."""

    def state(self, names: Iterable[str]) -> Mapping[str, Registered]:
        """Aliases and tags of the registered models that exist among ``names``."""

    def apply(self, changes: Sequence[Change]) -> None:
        """Make the changes, in order; none is a call that would change nothing."""


def identity(mlmodel: bytes) -> Identity:
    """What an ``MLmodel`` file says of its origin.  Raises ``Refused`` for what is no such file."""
    import yaml

    from mlops_gitops.packaging.scan.texts import check_yaml

    try:
        check_yaml(mlmodel)
        document = yaml.safe_load(mlmodel)
    except (ValueError, RecursionError, yaml.YAMLError):
        document = None
    if not isinstance(document, dict):
        raise Refused(
            "the file MLmodel of the artifact cannot be read",
            hint="save the model with MLflow again",
            code="artifact-mlmodel",
        )
    model, run = document.get("model_id"), document.get("run_id")
    return Identity(model if isinstance(model, str) else None, run if isinstance(run, str) else None)


def chosen(name: str, identity: Identity, versions: Iterable[Version]) -> Version:
    """The version that holds the artifact: by logged model if it has one, else by run; the newest of several.

    Pure.  Raises ``Refused`` where no version does.
    """
    known = sorted(versions, key=lambda version: int(version.version), reverse=True)
    logged = f"models:/{identity.model}"
    for version in known:
        if identity.model and (version.source == logged or f"/{identity.model}/" in version.source):
            return version
    for version in known:
        if identity.run and not identity.model and version.run == identity.run:
            return version
    raise Refused(
        f"none of the {len(known)} versions of the registered model {name!r} holds this artifact",
        hint=f"register it: mlflow.register_model('{logged}', '{name}'), or log it with registered_model_name='{name}'",
        code="registry-version",
    )
