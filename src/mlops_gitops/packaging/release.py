"""From what was found to one frozen release.  Pure: everything comes in as an argument, and nothing is read.

The same inputs give the same document, so building a release twice is recognised: ``Release.same_content`` compares all
but the place in the order.
"""

from __future__ import annotations

from mlops_gitops import canonical
from mlops_gitops.canonical import JSON
from mlops_gitops.errors import Refused
from mlops_gitops.manifests.model import Model
from mlops_gitops.manifests.release import Image, Material, Registered, Release, Source
from mlops_gitops.packaging.digests import Artifact

API_VERSION = "mlops-gitops/v1"


def assemble(
    model: Model,
    *,
    manifest: bytes,
    artifact: Artifact,
    source: Source,
    data: tuple[Material, ...],
    dependencies: str,
    registered: Registered | None = None,
    image: Image | None = None,
    supersedes: str | None = None,
) -> Release:
    """The release of ``model``.

    ``manifest`` is the bytes that ``model`` was read from, ``dependencies`` the SHA-256 of the lock, ``supersedes`` the
    id of the release before this one.  The artifact's address is that of the registered version, else its path beside
    the manifest.  Raises ``Refused`` where the manifest declares another digest for the artifact.
    """
    declared = model.artifact.digest
    if declared is not None and declared != artifact.digest:
        raise Refused(
            f"the artifact {model.artifact.path} has the digest {artifact.digest}, the manifest declares {declared}",
            hint="train again, or declare the new digest under artifact in model.yaml",
            code="artifact-digest",
        )
    wanted = model.artifact.registered
    if wanted is not None and (registered is None or registered.name != wanted):
        raise Refused(
            f"the manifest says that the model is registered as {wanted!r}, and no version of that was given",
            hint="register the model in MLflow before it is released",
            code="registry-version",
        )
    spec: dict[str, JSON] = {
        "supersedes": supersedes,
        "manifest": {"sha256": canonical.sha256(manifest)},
        "source": _source(source),
        "artifact": _artifact(model, artifact, registered),
        "image": None if image is None else {"uri": image.uri, "digest": {"sha256": image.digest}},
        "data": [_material(one) for one in data],
        "dependencies": {"sha256": dependencies},
        "interface": model.value["spec"]["interface"],
        "metrics": model.value["spec"]["metrics"],
        "serving": model.value["spec"].get("serving", {"pattern": model.serving.pattern}),
    }
    if registered is not None:
        spec["registry"] = {"mlflow": _registered(registered)}
    document: dict[str, JSON] = {
        "apiVersion": API_VERSION,
        "kind": "Release",
        "metadata": {"name": model.name, "version": model.version},
        "spec": spec,
    }
    return Release.from_value(document)


def trainers(model: Model, run_by: str | None) -> tuple[str, ...]:
    """Who trained the model: the owners whose role says so, and who started the registered run, where it says."""
    named = {one.email for one in model.owners if one.role == "trainer"}
    return tuple(sorted(named | ({run_by} if run_by else set())))


def _source(source: Source) -> JSON:
    return {
        **({"trainers": list(source.trainers)} if source.trainers else {}),
        "repository": source.repository,
        "revision": source.revision,
        "author": source.author,
        "dirty": source.dirty,
    }


def _artifact(model: Model, artifact: Artifact, registered: Registered | None) -> JSON:
    uri = f"models:/{registered.name}/{registered.version}" if registered is not None else model.artifact.path
    return {
        "format": model.artifact.format,
        "uri": uri,
        "digest": {"sha256": artifact.digest},
        "files": [file.document() for file in artifact.files],
        "size": artifact.size,
    }


def _material(one: Material) -> JSON:
    return {"name": one.name, "role": one.role, "digest": {"sha256": one.digest}, "uri": one.uri}


def _registered(registered: Registered) -> JSON:
    document: dict[str, JSON] = {"name": registered.name, "version": registered.version}
    if registered.run is not None:
        document["run"] = registered.run
    return document
