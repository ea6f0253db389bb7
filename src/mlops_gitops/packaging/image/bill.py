"""The bill of materials of an image, as CycloneDX 1.6 has it: the model, its data, and what it is built on.  Pure.

The model is a component of type ``machine-learning-model`` with its task, its inputs and outputs, its data sets by
digest and the digest of its files; its packages are those of the lock, with the hashes that it names.  The base stands
as a component by digest, with what its own databases of packages say is installed.  What is known to be vulnerable is
not in it: that changes from day to day, and the same image always has the same bill.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from mlops_gitops import __version__, canonical
from mlops_gitops.canonical import JSON
from mlops_gitops.manifests.model import Column, Model
from mlops_gitops.manifests.release import Material
from mlops_gitops.packaging.digests import Artifact
from mlops_gitops.packaging.image.assembly import Base, Image
from mlops_gitops.packaging.image.inventory import Installed
from mlops_gitops.packaging.image.packages import Package

MEDIA_TYPE = "application/vnd.cyclonedx+json"
FORMAT = "1.6"

_NAMESPACE = uuid.UUID("3a0a0f5e-94ab-5bd2-9c0b-0f6a3c7c2b9a")
_TASKS = {
    "binary-classification": "classification",
    "multiclass": "classification",
    "regression": "regression",
}


def bill(
    model: Model,
    image: Image,
    *,
    artifact: Artifact,
    data: Iterable[Material],
    locked: Iterable[Package],
    base: Base | None,
    installed: Iterable[Installed],
    created: str,
) -> bytes:
    """The bill of ``image`` as canonical JSON; ``installed`` is what was there before the packages of the lock."""
    subject = f"image:{model.name}@{image.digest}"
    learned = f"model:{model.name}@{model.version}"
    libraries = [_package(one) for one in locked]
    bases = [] if base is None else [_base(base)]
    theirs = _installed(installed, {one["bom-ref"] for one in libraries})
    below: list[JSON] = [one["bom-ref"] for one in theirs]
    document: dict[str, JSON] = {
        "bomFormat": "CycloneDX",
        "specVersion": FORMAT,
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, image.digest)}",
        "version": 1,
        "metadata": {
            "timestamp": created,
            "tools": {"components": [{"type": "application", "name": "mlops-gitops", "version": __version__}]},
            "component": {
                "type": "container",
                "bom-ref": subject,
                "name": model.name,
                "version": image.digest,
                "hashes": [_sha256(image.digest.removeprefix("sha256:"))],
            },
        },
        "components": [_model(model, artifact, list(data), learned), *bases, *libraries, *theirs],
        "dependencies": [
            {"ref": subject, "dependsOn": [learned, *(one["bom-ref"] for one in bases), *([] if bases else below)]},
            {"ref": learned, "dependsOn": [one["bom-ref"] for one in libraries]},
            *({"ref": one["bom-ref"], "dependsOn": below} for one in bases),
        ],
    }
    return canonical.encode(document)


def _model(model: Model, artifact: Artifact, data: list[Material], ref: str) -> dict[str, JSON]:
    sets: list[JSON] = [
        {
            "type": "dataset",
            "name": one.name,
            "contents": {"url": one.uri},
            "description": f"{one.role} data, sha256:{one.digest}",
        }
        for one in sorted(data, key=lambda one: one.name)
    ]
    parameters: dict[str, JSON] = {
        "task": _TASKS.get(model.task, model.task),
        "datasets": sets,
        "inputs": [{"format": _column(one)} for one in model.interface.inputs],
        "outputs": [{"format": _column(one)} for one in model.interface.outputs],
    }
    return {
        "type": "machine-learning-model",
        "bom-ref": ref,
        "name": model.name,
        "version": model.version,
        "description": model.description,
        "hashes": [_sha256(artifact.digest)],
        "licenses": [{"expression": model.license}],
        "modelCard": {"modelParameters": parameters},
        "properties": [{"name": "mlops-gitops:format", "value": model.artifact.format}],
    }


def _base(base: Base) -> dict[str, JSON]:
    return {
        "type": "container",
        "bom-ref": f"image:{base.name}@{base.digest}",
        "name": base.name,
        "version": base.digest,
        "hashes": [_sha256(base.digest.removeprefix("sha256:"))],
    }


def _package(one: Package) -> dict[str, JSON]:
    """A locked package.  Which of its files is installed is the platform's; so all hashes of the lock are named."""
    hashes: list[JSON] = [_sha256(value) for value in one.hashes]
    component: dict[str, JSON] = {
        "type": "library",
        "bom-ref": one.purl,
        "name": one.name,
        "version": one.version,
        "purl": one.purl,
    }
    if hashes:
        component["externalReferences"] = [
            {"type": "distribution", "url": one.purl, "hashes": hashes, "comment": "the files that the lock allows"}
        ]
    return component


def _installed(found: Iterable[Installed], known: set[JSON]) -> list[dict[str, JSON]]:
    """What the base brought, each once; a package that the lock names, too, in the same version is not said again."""
    components: dict[str, dict[str, JSON]] = {}
    for one in found:
        if one.purl not in known and one.purl not in components:
            place: list[JSON] = [{"name": "mlops-gitops:place", "value": one.place}]
            components[one.purl] = {
                "type": "library",
                "bom-ref": one.purl,
                "name": one.name,
                "version": one.version,
                "purl": one.purl,
                "properties": place,
            }
    return list(components.values())


def _column(one: Column) -> str:
    return f"{one.name}: {one.type}"


def _sha256(value: str) -> dict[str, JSON]:
    return {"alg": "SHA-256", "content": value}
