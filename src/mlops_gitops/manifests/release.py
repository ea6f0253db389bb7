"""A release as a frozen record: the immutable bundle that a build made, everything by digest.

Its id is the SHA-256 of its RFC 8785 JSON.  Its file is one YAML rendering of that document and no other: ``parse``
refuses bytes that ``render`` would not have written, so that a release cannot be changed in any byte unnoticed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mlops_gitops import canonical
from mlops_gitops.canonical import JSON
from mlops_gitops.findings import Location
from mlops_gitops.manifests.metrics import Metric
from mlops_gitops.manifests.model import Interface
from mlops_gitops.manifests.rendering import render
from mlops_gitops.manifests.serving import Serving
from mlops_gitops.records import record


@record
class Source:
    """The commit that the release was built from; ``dirty`` where the work tree held more than that.

    ``trainers`` are those who trained the model, as the MLflow run and the manifest name them.
    """

    repository: str
    revision: str
    author: str
    dirty: bool
    trainers: tuple[str, ...] = ()


@record
class File:
    """One file of the artifact: its path inside it, SHA-256, and size in bytes."""

    name: str
    digest: str
    size: int


@record
class ReleaseArtifact:
    """The model itself; ``digest`` is that of its file list in the form of OpenSSF model signing."""

    format: str
    uri: str
    digest: str
    files: tuple[File, ...]
    size: int


@record
class Registered:
    """The version in the MLflow model registry, and the run that logged it."""

    name: str
    version: str
    run: str | None = None


@record
class Image:
    """A container image; ``digest`` is the SHA-256 of its manifest in hexadecimal."""

    uri: str
    digest: str

    @property
    def reference(self) -> str:
        """The image by digest, as container tools read it."""
        return f"{self.uri}@sha256:{self.digest}"


@record
class Material:
    """A data set by digest."""

    name: str
    role: str
    digest: str
    uri: str


@dataclass(frozen=True)
class Release:
    """One release.  ``value`` is the whole document; the other fields are what is asked of it most."""

    name: str
    version: str
    supersedes: str | None
    manifest: str
    source: Source
    artifact: ReleaseArtifact
    registered: Registered | None
    image: Image | None
    data: tuple[Material, ...]
    dependencies: str
    interface: Interface
    metrics: tuple[Metric, ...]
    serving: Serving
    value: Mapping[str, Any]

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Release:
        """From a document that fits the schema."""
        metadata, spec = value["metadata"], value["spec"]
        source = spec["source"]
        image, mlflow = spec["image"], spec.get("registry", {}).get("mlflow")
        return cls(
            name=metadata["name"],
            version=metadata["version"],
            supersedes=spec["supersedes"],
            manifest=spec["manifest"]["sha256"],
            source=_source(source),
            artifact=_artifact(spec["artifact"]),
            registered=None if mlflow is None else Registered(mlflow["name"], mlflow["version"], mlflow.get("run")),
            image=None if image is None else Image(image["uri"], image["digest"]["sha256"]),
            data=tuple(Material(one["name"], one["role"], one["digest"]["sha256"], one["uri"]) for one in spec["data"]),
            dependencies=spec["dependencies"]["sha256"],
            interface=Interface.from_value(spec["interface"]),
            metrics=tuple(map(Metric.from_value, spec["metrics"])),
            serving=Serving.from_value(spec["serving"]),
            value=value,
        )

    @cached_property
    def id(self) -> str:
        """SHA-256 of the document's canonical JSON."""
        return canonical.digest(self.document())

    @property
    def serving_pattern(self) -> str:
        """``rest``, ``batch`` or ``stream``."""
        return self.serving.pattern

    def same_content(self, other: Release) -> bool:
        """Whether the two differ in nothing but what they supersede: building the one again gives the other.

        One that says nothing of its trainers was built before anybody asked, and is the same as one that does.
        """
        asked = bool(self.source.trainers) and bool(other.source.trainers)
        return self._content(trainers=asked) == other._content(trainers=asked)

    def _content(self, *, trainers: bool) -> dict[str, JSON]:
        spec = self.value["spec"]
        source = {name: one for name, one in spec["source"].items() if trainers or name != "trainers"}
        return {**self.value, "spec": {**spec, "supersedes": None, "source": source}}

    def document(self) -> dict[str, JSON]:
        """The document, as JSON."""
        return dict(self.value)

    def render(self) -> bytes:
        """The file's bytes: keys sorted, so that the same document always has the same bytes."""
        return render(_sorted(self.document()))

    @classmethod
    def parse(cls, data: bytes, *, path: str = "release.yaml") -> Release:
        """The release in ``data``.  Raises ``reading.Invalid`` for any bytes that ``render`` would not have written."""
        from mlops_gitops.manifests.reading import Invalid, read
        from mlops_gitops.manifests.rules.shape import MALFORMED

        found = read("release", data, path=path)
        if found.render() != data:
            message = "this is not the one rendering of a release: its bytes were changed or written by hand"
            fix = "releases are written by `mlops-gitops release`; restore the file from git history"
            raise Invalid((MALFORMED.at(Location(path), message, fix),))
        return found


def _source(value: Mapping[str, Any]) -> Source:
    trainers = tuple(value.get("trainers", ()))
    return Source(value["repository"], value["revision"], value["author"], value["dirty"], trainers)


def _artifact(value: Mapping[str, Any]) -> ReleaseArtifact:
    files = tuple(File(one["name"], one["digest"]["sha256"], int(one["size"])) for one in value["files"])
    return ReleaseArtifact(value["format"], value["uri"], value["digest"]["sha256"], files, int(value["size"]))


def _sorted(value: JSON) -> JSON:
    """Keys in the order of RFC 8785 (UTF-16 code units), lists as they are."""
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value, key=lambda key: key.encode("utf-16-be"))}
    if isinstance(value, list):
        return [_sorted(one) for one in value]
    return value
